"""Which tables hold sets of labels, and which only look as if they did."""

from __future__ import annotations

from typing import Any

import pytest

from sintonia.errors import DataError
from tests.unit.prepare.forms.tables import COLOURS, find, parsed, reason, sentence

SETS = [["red"], ["green", "red"], [], ["blue", "green"]]


def rows_of(values: list[Any], column: str = "labels", **others: Any) -> list[dict[str, Any]]:
    return [{"text": sentence(i), column: values[i % len(values)], **others} for i in range(80)]


@pytest.mark.parametrize("column", ["labels", "emotions", "tags", "label"])
def test_lists_of_labels_are_sets(column: str) -> None:
    rows = rows_of(SETS, column)
    assert find(rows).form == "text and labels"
    assert parsed(rows)[1].answer == "green ; red"
    assert (parsed(rows)[2].answer, parsed(rows)[2].target) == ("", [])


@pytest.mark.parametrize(("sign", "column"), [(";", "labels"), ("|", "labels"), (",", "labels"), (",", "genres")])
def test_labels_with_a_sign_between_them_are_sets(sign: str, column: str) -> None:
    rows = rows_of([f"red{sign} green", "blue", f"green {sign}blue", "red"], column)
    assert find(rows, "multilabel").form == f"text and labels with `{sign}` between them"
    assert parsed(rows, "multilabel")[0].answer == "green ; red"


def test_numbers_and_json_in_a_cell_are_read() -> None:
    assert parsed(rows_of([[3, 1], [2], "[1, 2]"]))[0].answer == "1 ; 3"
    assert parsed(rows_of([[3, 1], [2], "[1, 2]"]))[2].answer == "1 ; 2"


@pytest.mark.parametrize(
    ("rows", "form"),
    [
        ([{"text": sentence(i), "label": [COLOURS[i % 3]]} for i in range(80)], "text and label"),
        ([{"text": sentence(i), "label": COLOURS[i % 3], "tags": SETS[i % 4]} for i in range(80)], "text and label"),
        (
            [{"prompt": sentence(i), "completion": sentence(-i), "tags": SETS[i % 4]} for i in range(80)],
            "prompt and completion",
        ),
        ([{"text": sentence(i), "score": i * 0.37, "topics": SETS[i % 4]} for i in range(80)], "text and number"),
        (
            [{"text": sentence(i), "spans": [{"start": 0, "end": 4, "label": "W"}]} for i in range(80)],
            "text and spans",
        ),
        (
            [{"tokens": ["this", "is", "rain"], "tags": ["O", "O", ("B-W", "O")[i % 2]]} for i in range(80)],
            "tokens and tags (IOB2)",
        ),
    ],
)
def test_other_tables_keep_their_form(rows: list[dict[str, Any]], form: str) -> None:
    found = find(rows).form
    assert found == form or (form.startswith("tokens") and found.startswith("tokens and tags"))


def test_a_few_rows_with_two_labels_are_set_aside_as_before() -> None:
    rows = [{"text": sentence(i), "label": [COLOURS[i % 3]] if i else ["red", "blue"]} for i in range(80)]
    assert find(rows).form == "text and label"
    assert find(rows, "multilabel").form == "text and labels"


def test_votes_and_free_texts_are_no_sets() -> None:
    votes = rows_of([["red", "red", "blue"], ["green", "green", "green"]])
    free = [{"text": sentence(i), "labels": [sentence(i + 1), f"{i} and more"]} for i in range(80)]
    for rows in (votes, free):
        with pytest.raises(DataError):
            find(rows, "multilabel")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "`labels` is empty"),
        ("red", "`labels` holds a text where a list of texts is needed"),
        ([{"a": 1}], "`labels` holds a list where a list of texts is needed"),
        (["a ; b", "c"], "a label in `labels` has ` ; ` in it, which stands between labels"),
    ],
)
def test_each_row_that_cannot_be_used_has_its_reason(value: Any, why: str) -> None:
    columns = {"input": "text", "target": "labels"}
    assert reason("text and labels", columns, {"text": "a", "labels": value}) == why


def test_lists_that_cannot_be_learned_are_refused_with_the_reason() -> None:
    with pytest.raises(DataError, match="hold one and the same label") as one:
        find(rows_of([["red"], [], ["red"]]))
    assert "--task classify" in (one.value.hint or "")
    with pytest.raises(DataError, match="20 of the first 80 rows have no list of labels in `labels`"):
        find(rows_of([["red"], ["green", "red"], "blue", ["blue"]]), "multilabel")
    assert find(rows_of(SETS)).form == "text and labels"  # the control
