"""Exports of annotation tools: Prodigy, Label Studio (JSON and JSON_MIN), Argilla (nested and flat)."""

from __future__ import annotations

from typing import Any

import pytest

from sintonia.errors import DataError
from tests.unit.prepare.forms.tables import COLOURS, find, parsed, reason, sentence

TEXT = "Anna went home"
ANNA = {"start": 0, "end": 4, "label": "PER"}


def _prodigy(answer: str = "accept", **more: Any) -> dict[str, Any]:
    return {"text": TEXT, "_input_hash": 1, "_task_hash": 2, "answer": answer, **more}


def test_prodigy_spans_are_used_when_accepted_only() -> None:
    rows = [_prodigy(spans=[{**ANNA, "token_start": 0, "token_end": 0}]), _prodigy("ignore", spans=[])] * 3
    match = find(rows)
    assert (match.form, match.columns["answer"]) == ("Prodigy spans", "answer")
    assert parsed(rows[:1] * 2)[0].target == [ANNA]
    assert reason(match.form, match.columns, rows[1]) == "ignored by the annotator"
    assert reason(match.form, match.columns, _prodigy("reject", spans=[])) == "rejected by the annotator"
    assert reason(match.form, match.columns, {**_prodigy(), "answer": None}) == "no answer"


def test_a_prodigy_row_without_spans_has_none() -> None:
    rows = [_prodigy(spans=[ANNA]), _prodigy()]
    assert parsed(rows)[1].target == []


def test_prodigy_choices_are_classes() -> None:
    rows = [
        {**_prodigy(accept=[COLOURS[i % 3]]), "text": sentence(i), "options": [{"id": name} for name in COLOURS]}
        for i in range(60)
    ]
    match = find(rows)
    assert match.form == "Prodigy choice"
    assert parsed(rows)[1].target == "green"
    assert reason(match.form, match.columns, {**rows[0], "accept": ["a", "b"]}).startswith("2 labels were chosen")
    assert reason(match.form, match.columns, {**rows[0], "accept": []}).startswith("0 labels were chosen")
    assert reason(match.form, match.columns, {**rows[0], "answer": "reject"}) == "rejected by the annotator"


def test_prodigy_textcat_rows_take_the_label_that_was_accepted() -> None:
    rows = [{**_prodigy(("accept", "reject")[i % 2], label=COLOURS[i % 3]), "text": sentence(i)} for i in range(60)]
    match = find(rows)
    assert (match.form, match.columns["target"]) == ("Prodigy choice", "label")


def _studio(*results: list[dict[str, Any]], **first: Any) -> dict[str, Any]:
    annotations = [{"id": number, "result": result, "was_cancelled": False} for number, result in enumerate(results)]
    if annotations:
        annotations[0] |= first
    return {"id": 1, "data": {"text": TEXT}, "annotations": annotations, "predictions": []}


def _choice(*names: str) -> list[dict[str, Any]]:
    return [{"type": "choices", "from_name": "mood", "to_name": "text", "value": {"choices": list(names)}}]


def _label(start: int = 0, end: int = 4, name: str = "PER") -> list[dict[str, Any]]:
    value = {"start": start, "end": end, "text": "Anna", "labels": [name]}
    return [{"type": "labels", "from_name": "label", "to_name": "text", "value": value}]


def test_label_studio_choices_are_classes_and_several_annotators_vote() -> None:
    rows = [_studio(_choice("good")), _studio(_choice("bad"), _choice("good"), _choice("bad"))]
    assert find(rows).form == "Label Studio choices"
    one, two = parsed(rows)
    assert (one.input, one.target, one.votes) == (TEXT, "good", ())
    assert (two.target, two.votes) == ("bad", ("bad", "good", "bad"))


def test_label_studio_spans_need_a_majority_of_the_same_spans() -> None:
    rows = [_studio(_label()), _studio(_label(), _label(), _label(end=9)), _studio([])]
    match = find(rows)
    assert match.form == "Label Studio spans"
    one, two, none = parsed(rows)
    assert (one.target, one.votes) == ([ANNA], ())
    assert (two.target, two.votes) == ([ANNA], ("0-4 PER", "0-4 PER", "0-9 PER"))
    assert none.target == []
    assert reason(match.form, match.columns, _studio(_label(), [])) == "no majority among 2 annotators"
    assert reason(match.form, match.columns, _studio(_label(end=99))) == "a span is empty or lies outside of the text"


def test_the_ground_truth_of_label_studio_counts_alone() -> None:
    rows = [_studio(_choice("good"), _choice("bad"), _choice("bad"), ground_truth=True)] * 2
    assert parsed(rows)[0].target == "good"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (_studio(_choice("a"), was_cancelled=True), "skipped by the annotator (`was_cancelled`)"),
        (_studio(_choice("a", "b")), "an annotator chose several labels where one is needed"),
        (_studio(_choice("a") * 2), "an annotator chose several labels where one is needed"),
        (_studio(_choice("a"), _choice("b")), "no majority among 2 annotators"),
        (_studio([]), "no annotator has answered"),
        (_studio(), "`annotations` is empty"),
        ({**_studio(_choice("a")), "data": {"a": "x y", "b": "z"}}, "`data` holds 2 texts where one is needed"),
        ({**_studio(_choice("a")), "data": {"n": 1}}, "`data` holds no texts where one is needed"),
        ({**_studio(_choice("a")), "data": None}, "`data` is not an object but nothing"),
        ({**_studio(), "annotations": [3]}, "an annotation has no list of results"),
    ],
)
def test_each_broken_task_of_label_studio_has_its_reason(values: dict[str, Any], why: str) -> None:
    columns = {"data": "data", "annotations": "annotations"}
    assert reason("Label Studio choices", columns, values) == why


def test_a_project_with_choices_and_spans_asks_which() -> None:
    rows = [_studio(_choice("good") + _label())] * 3
    with pytest.raises(DataError, match="`--task classify` or `--task tag`"):
        find(rows)
    assert find(rows, "tag").form == "Label Studio spans"


def _kept(number: int) -> dict[str, Any]:
    books = {"annotator": number % 3, "annotation_id": number, "lead_time": 1.5, "created_at": "x", "updated_at": "y"}
    return {"text": sentence(number), "id": number, **books}


def test_json_min_is_read_as_its_columns_without_the_books_of_the_tool() -> None:
    choices = [{**_kept(i), "tone": COLOURS[i % 3]} for i in range(60)]
    assert find(choices).columns == {"input": "text", "target": "tone"}
    spans = [{**_kept(i), "label": [{"start": 0, "end": 4, "text": "this", "labels": ["W"]}]} for i in range(60)]
    assert find(spans).form == "text and spans"


def _argilla(*answers: Any, number: int = 0) -> dict[str, Any]:
    return {
        "id": str(number),
        "fields": {"text": TEXT},
        "metadata": {},
        "suggestions": {"mood": {"value": "bad", "score": 0.9, "agent": "model"}},
        "responses": {"mood": [{"value": answer, "user_id": "u"} for answer in answers]} if answers else {},
        "vectors": {},
        "_server_id": "s",
    }


def test_argilla_responses_are_votes_and_suggestions_are_not() -> None:
    rows = [_argilla("good"), _argilla("good", "bad", "good"), _argilla()]
    match = find(rows)
    assert match.form == "Argilla labels"
    one, two = parsed(rows[:2])
    assert (one.target, one.votes) == ("good", ())
    assert (two.target, two.votes) == ("good", ("good", "bad", "good"))
    assert reason(match.form, match.columns, rows[2]) == "no annotator has submitted a response"
    assert reason(match.form, match.columns, _argilla("a", "b")) == "no majority among 2 annotators"


def test_argilla_spans_are_tags() -> None:
    rows = [_argilla([ANNA])] * 3
    assert find(rows).form == "Argilla spans"
    assert parsed(rows)[0].target == [ANNA]


def _flat(number: int, *answers: Any, status: str = "submitted") -> dict[str, Any]:
    return {
        "id": str(number),
        "_server_id": "s",
        "text": sentence(number),
        "mood.responses": list(answers),
        "mood.responses.users": ["u"] * len(answers),
        "mood.responses.status": [status] * len(answers),
        "mood.suggestion": "bad",
    }


def test_the_flat_export_of_argilla_is_understood_and_drafts_do_not_count() -> None:
    rows = [_flat(i, COLOURS[i % 3]) for i in range(60)]
    match = find(rows)
    assert match.columns == {"input": "text", "responses": "mood.responses", "status": "mood.responses.status"}
    assert parsed(rows)[1].target == "green"
    draft = _flat(0, "red", status="discarded")
    assert reason(match.form, match.columns, draft) == "no annotator has submitted a response"


def test_two_questions_of_argilla_are_asked_about() -> None:
    rows = [{**_flat(i, COLOURS[i % 3]), "size.responses": ["big"]} for i in range(60)]
    with pytest.raises(DataError, match=r"2 questions.*responses=mood.responses"):
        find(rows)
    assert find(rows, responses="size.responses").columns["responses"] == "size.responses"
