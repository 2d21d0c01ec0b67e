"""Strict span F1 and token accuracy: against counts by hand, on what is easily counted wrong, and additive."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.metrics.span_f1 import SPAN_F1, spans_of
from sintonia.metrics.token_accuracy import TOKEN_ACCURACY

TARGETS = ("0-4 PER, 10-14 LOC", "", "0-5 LOC", "3-9 PER")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (TARGETS, 1.0),
        (("", "", "", ""), 0.0),
        (("0-4 PER, 10-14 LOC", "", "0-5 PER", "3-9 PER"), 6 / 8),  # a wrong label is a wrong span and a missed one
        (("0-4 PER, 10-15 LOC", "", "0-5 LOC", "3-9 PER"), 6 / 8),  # so is a wrong end
        (("0-4 PER", "", "0-5 LOC", "3-9 PER"), 6 / 7),
        (("0-4 PER, 10-14 LOC", "0-3 PER", "0-5 LOC", "3-9 PER"), 8 / 9),
    ],
)
def test_a_span_counts_where_label_and_both_ends_are_right(answers: tuple[str, ...], expected: float) -> None:
    assert SPAN_F1.function(TARGETS, answers) == pytest.approx(expected, abs=1e-12)


def test_nothing_to_find_and_nothing_found_is_zero_as_in_seqeval() -> None:
    assert SPAN_F1.function(("", ""), ("", "")) == 0.0
    assert SPAN_F1.function(("", ""), ("0-1 A", "")) == 0.0


def test_labels_with_commas_and_spaces_are_read_whole() -> None:
    assert spans_of("0-4 a, b, 5-9 3-4 c") == {("0", "4", "a, b"), ("5", "9", "3-4 c")}
    assert spans_of("") == set()


def test_counts_of_examples_add_up_and_their_columns_know_no_answers() -> None:
    rows = SPAN_F1.counts(TARGETS, ("0-4 PER", "1-2 X", "", "3-9 LOC")).toarray()
    assert rows.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1], [0, 1, 1]]
    assert SPAN_F1.from_counts(rows.sum(axis=0)[None])[0] == pytest.approx(2 / 7)
    assert np.asarray(SPAN_F1.from_counts(rows)).shape == (4,)


def test_where_every_token_has_a_tag_both_metrics_are_the_share_of_right_tokens() -> None:
    target, answer = "0-2 DET, 3-7 NOUN, 8-9 VERB, 10-12 DET", "0-2 DET, 3-7 VERB, 8-9 VERB, 10-12 DET"
    assert TOKEN_ACCURACY.function([target], [answer]) == 0.75
    assert SPAN_F1.function([target], [answer]) == 0.75


def test_a_long_text_counts_as_often_as_it_has_tokens() -> None:
    targets = ("0-1 A, 2-3 A, 4-5 A", "0-1 B")
    assert TOKEN_ACCURACY.function(targets, ("0-1 A, 2-3 A, 4-5 A", "0-1 A")) == 0.75


def test_the_mode_is_printed_and_what_is_hidden_is_said() -> None:
    assert "strict" in SPAN_F1.title and "both ends" in SPAN_F1.title
    assert "near" in SPAN_F1.blind_to and "span F1" in TOKEN_ACCURACY.blind_to
