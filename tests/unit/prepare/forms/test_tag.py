"""Tags and spans: every scheme gives the same spans of characters; what a scheme does not allow has a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sintonia.errors import DataError
from sintonia.prepare.forms.schemes import SCHEMES as ALL_SCHEMES
from sintonia.prepare.forms.schemes import runs, scheme_of, tags_of
from tests.unit.prepare.forms.tables import find, parsed, reason

TOKENS = ["Anna", "Rossi", "Luigi", "in", "New", "York"]
SPANS = [
    {"start": 0, "end": 10, "label": "PER"},
    {"start": 11, "end": 16, "label": "PER"},
    {"start": 20, "end": 28, "label": "LOC"},
]
SCHEMES = {
    "IOB1": ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-LOC"],
    "IOB2": ["B-PER", "I-PER", "B-PER", "O", "B-LOC", "I-LOC"],
    "BIOES": ["B-PER", "E-PER", "S-PER", "O", "B-LOC", "E-LOC"],
    "BILOU": ["B-PER", "L-PER", "U-PER", "O", "B-LOC", "L-LOC"],
}
COLUMNS = {"input": "tokens", "target": "tags"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_recognised_and_gives_the_same_spans(scheme: str) -> None:
    rows = [{"tokens": TOKENS, "tags": SCHEMES[scheme]}] * 3
    known = "BIOES" if scheme == "BILOU" else scheme
    match = find(rows)
    assert match.form == f"tokens and tags ({known})"
    assert any(f"({known}) in all 3 rows" in why for why in match.why)
    one = parsed(rows)[0]
    assert one.target == SPANS
    assert one.text == "Anna Rossi Luigi in New York"
    assert [one.text[start:end] for start, end in one.input["tokens"]] == TOKENS
    assert one.answer == "0-10 PER, 11-16 PER, 20-28 LOC"


def test_parts_of_speech_are_one_span_a_token_and_plain_labels_with_o_are_runs() -> None:
    speech = [{"tokens": ["la", "casa", "casa"], "tags": ["DET", "NOUN", "NOUN"]}] * 3
    assert find(speech).form == "tokens and tags (one a token)"
    assert [(span["start"], span["end"]) for span in parsed(speech)[0].target] == [(0, 2), (3, 7), (8, 12)]
    plain = [{"tokens": TOKENS, "tags": ["PER", "PER", "O", "O", "LOC", "LOC"]}] * 3
    assert find(plain).form == "tokens and tags (IO)"
    assert [span["label"] for span in parsed(plain)[0].target] == ["PER", "LOC"]


def test_the_scheme_is_that_of_most_tags() -> None:
    strict = [["B-A", "O"]] * 9
    assert scheme_of([*strict, ["I-A", "O"]]) == "IOB2"
    assert scheme_of([["I-A", "O"]] * 9 + [["B-A", "O"]]) == "IOB1"
    assert scheme_of([["O", "O"]]) is None
    assert find([{"tokens": ["a"], "tags": ["O"]}] * 3).form == "tokens and tags (IOB2)"


@pytest.mark.parametrize(
    ("scheme", "tags", "why"),
    [
        ("IOB2", ["O", "I-PER"], "tag 2 cannot follow"),
        ("IOB2", ["I-PER"], "tag 1 cannot follow"),
        ("IOB2", ["B-PER", "I-LOC"], "tag 2 cannot follow"),
        ("IOB2", ["PER"], "tag 1 is not a tag of IOB2"),
        ("IOB2", ["S-PER"], "tag 1 cannot follow"),
        ("IOB1", ["B-PER"], "tag 1 cannot follow"),
        ("IOB1", ["I-LOC", "B-PER"], "tag 2 cannot follow"),
        ("BIOES", ["B-PER", "O"], "tag 2 cannot follow"),
        ("BIOES", ["B-PER"], "tag 2 cannot follow"),
        ("BIOES", ["E-PER"], "tag 1 cannot follow"),
        ("BIOES", ["B-PER", "E-LOC"], "tag 2 cannot follow"),
        ("BIOES", ["S-PER", "E-PER"], "tag 2 cannot follow"),
    ],
)
def test_a_sequence_that_breaks_its_scheme_has_a_reason(scheme: str, tags: list[str], why: str) -> None:
    values = {"tokens": [f"word{i}" for i in range(len(tags))], "tags": tags}
    assert reason(f"tokens and tags ({scheme})", COLUMNS, values).startswith(why)


def test_neighbours_of_one_label_stay_apart_in_iob1() -> None:
    assert runs(["I-A", "B-A", "I-A"], "IOB1") == [(0, 0, "A"), (1, 2, "A")]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens but 1 tags"),
        ({"tokens": [], "tags": []}, "`tokens` is empty"),
        ({"tokens": ["a"], "tags": None}, "`tags` is empty"),
        ({"tokens": "a", "tags": ["O"]}, "`tokens` is not a list but a text"),
        ({"tokens": ["a", " "], "tags": ["O", "O"]}, "a token is empty"),
        ({"tokens": ["a", None], "tags": ["O", "O"]}, "a token is not a text"),
        ({"tokens": ["a", True], "tags": ["O", "O"]}, "a token is not a text"),
        ({"tokens": ["a"], "tags": [0]}, "a tag is not a text"),
    ],
)
def test_each_broken_row_of_tokens_has_its_reason(values: dict[str, Any], why: str) -> None:
    assert reason("tokens and tags (IOB2)", COLUMNS, values) == why


def test_numbers_for_tags_are_asked_about_and_two_columns_of_tags_too() -> None:
    with pytest.raises(DataError, match="`ner_tags` holds numbers"):
        find([{"tokens": ["a", "b"], "ner_tags": [0, 1]}] * 3)
    with pytest.raises(DataError, match=r"2 columns may be the target.*target=pos_tags"):
        find([{"tokens": ["a"], "ner_tags": ["O"], "pos_tags": ["X"]}] * 3)
    chosen = find([{"tokens": ["a"], "ner_tags": ["O"], "pos_tags": ["X"]}] * 3, target="pos_tags")
    assert chosen.form == "tokens and tags (one a token)"


TEXT = "Anna went home"
ANNA = {"start": 0, "end": 4, "label": "PER"}


@pytest.mark.parametrize(
    ("column", "span"),
    [
        ("spans", ANNA),
        ("spans", {**ANNA, "text": "Anna"}),
        ("entities", [0, 4, "PER"]),
        ("label", [0, 4, "PER"]),
        ("entities", {"id": 3, "start_offset": 0, "end_offset": 4, "label": "PER"}),
        ("label", {"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}),
    ],
)
def test_spans_of_spacy_doccano_and_label_studio_are_the_same(column: str, span: Any) -> None:
    rows = [{"text": TEXT, column: [span]}, {"text": TEXT, column: []}]
    assert find(rows).form == "text and spans"
    one, empty = parsed(rows)
    assert (one.input, one.target, one.answer) == ({"text": TEXT}, [ANNA], "0-4 PER")
    assert (empty.target, empty.answer) == ([], "")


def test_offsets_count_from_the_text_as_it_is() -> None:
    rows = [{"text": " Anna ", "spans": [{"start": 1, "end": 5, "label": "PER"}]}] * 3
    assert parsed(rows)[0].text == " Anna "


@pytest.mark.parametrize(
    ("spans", "why"),
    [
        (None, "the spans are not a list but missing"),
        ({"start": 0}, "the spans are not a list but an object"),
        ([3], "a span is not an object with start, end and label"),
        ([{**ANNA, "start": "0"}], "the start or the end of a span is not a whole number"),
        ([{**ANNA, "end": True}], "the start or the end of a span is not a whole number"),
        ([{**ANNA, "label": None}], "a span has no label"),
        ([{**ANNA, "end": 40}], "a span is empty or lies outside of the text"),
        ([{**ANNA, "end": 0}], "a span is empty or lies outside of the text"),
        ([{**ANNA, "start": -1}], "a span is empty or lies outside of the text"),
        ([ANNA, {"start": 3, "end": 6, "label": "X"}], "two spans overlap"),
        ([ANNA, {"start": 1, "end": 2, "label": "X"}], "two spans overlap"),
        ([{**ANNA, "text": "Anne"}], "the text of a span is not what stands at its place"),
    ],
)
def test_each_broken_list_of_spans_has_its_reason(spans: Any, why: str) -> None:
    assert reason("text and spans", {"input": "text", "target": "spans"}, {"text": TEXT, "spans": spans}) == why


def test_a_text_that_is_none_is_a_reason() -> None:
    columns = {"input": "text", "target": "spans"}
    assert reason("text and spans", columns, {"text": 3, "spans": []}) == "`text` holds a number"
    assert reason("text and spans", columns, {"text": "  ", "spans": []}) == "`text` is empty"


def test_lists_in_the_cells_of_a_csv_are_json() -> None:
    rows = [{"text": TEXT, "spans": json.dumps([ANNA])}] * 3
    assert parsed(rows)[0].target == [ANNA]


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
def test_tags_are_written_so_that_they_are_read_as_the_same_runs(scheme: str) -> None:
    apart = [(0, 0, "A"), (2, 4, "B"), (5, 5, "A"), (7, 8, "A")]
    whole = [(k, k, "AB"[k % 2]) for k in range(9)]
    found = whole if scheme == "one a token" else apart
    assert runs(tags_of(9, found, scheme), scheme) == found
    beside = [(0, 1, "A"), (2, 2, "A")]
    one = [(0, 2, "A")] if scheme == "IO" else beside
    assert scheme == "one a token" or runs(tags_of(3, beside, scheme), scheme) == one
