"""The forms of Argilla's exports, nested (`fields`, `responses`) or flat (`QUESTION.responses`): labels and spans.

It looks at columns and at one row at a time. A suggestion is a model's word and never a target. What it writes is read
by `dataset.records.from_json`. Source: argilla/records/_io/_generic.py, _json.py, records/_resource.py of argilla 2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sintonia.prepare.columns import Undecided, listed, shape_of, typed
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.label_studio import labelled, only_text, tagged
from sintonia.prepare.forms.looking import SURE, decoded, in_rows, kind_of, named, num_opened, opened, raw_text_in
from sintonia.prepare.forms.spans import checked_spans, is_span_list
from sintonia.prepare.table import Row, Table, shown
from sintonia.records import Waiting

_END = ".responses"
_ROLES = {
    "input": ("fields", "text", "prompt", "sentence", "review", "testo"),
    "responses": ("responses",),
    "status": ("responses.status",),
}


def _is_label(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_spans(value: Any) -> bool:
    return is_span_list(value) or value == []


_WANTED = {"labels": _is_label, "spans": _is_spans}


def _answers(value: Any, kind: str) -> list[Any]:
    """The answers of one cell: a list in the flat export, lists by question in the nested one.

    Raises:
        Unusable: not the answers of one question.
    """
    value = decoded(value)
    if isinstance(value, dict):
        questions = [[_value(one) for one in given] for given in value.values() if isinstance(given, list)]
        value = [given for given in questions if given and all(map(_WANTED[kind], given))]
        if len(value) > 1:
            raise Unusable(f"{len(value)} questions are answered where one is needed")
        return value[0] if value else []
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unusable(f"the responses are not a list but {kind_of(value)}")
    return value


def _value(response: Any) -> Any:
    return response.get("value") if isinstance(response, dict) else None


def _recognise(kind: str, name: str, table: Table, asked: Mapping[str, str]) -> Match | None:
    is_nested = {"fields", "responses"} <= set(table.columns)
    flat = [one for one in table.columns if one.endswith(_END)]
    found = ["responses"] if is_nested else flat
    names = [asked["responses"]] if "responses" in asked else found
    fitting = {one: _fraction(table, one, kind) for one in names}
    fitting = {one: fraction for one, fraction in fitting.items() if fraction > 0}
    text = _text_column(table, asked, is_nested)
    if not fitting or not text:
        return None
    if len(fitting) > 1:
        options = " or ".join(f"`--columns {typed({'responses': one})}`" for one in list(fitting)[:4])
        raise Undecided(
            f"{len(fitting)} questions may be the target: {listed(list(fitting))}",
            where=f"{table.path}:1",
            expected="one question",
            hint=f"say which: {options}",
            confidence=SURE,
        )
    ((column, fraction),) = fitting.items()
    columns = {"input": text, "responses": column}
    if f"{column}.status" in table.columns:
        columns["status"] = asked.get("status", f"{column}.status")
    seen = in_rows(fraction, num_opened(table))
    why = f"columns: `{shown(column)}` holds the annotators' {kind} {seen}"
    return Match(form=name, confidence=SURE * max(fraction, 0.6), columns=columns, why=(why,))


def _fraction(table: Table, column: str, kind: str) -> float:
    """The share of rows with an answer of a kind: many may still wait for one."""
    values = opened(table, column)
    return sum(_has(value, kind) for value in values) / max(len(values), 1)


def _has(value: Any, kind: str) -> bool:
    try:
        answers = _answers(value, kind)
    except Unusable:
        return False
    return bool(answers) and all(map(_WANTED[kind], answers)) and (kind == "labels" or any(answers))


def _text_column(table: Table, asked: Mapping[str, str], is_nested: bool) -> str | None:
    if "input" in asked or is_nested:
        return asked.get("input", "fields")
    found = named(table, "input", _ROLES["input"], asked)
    if found:
        return found
    texts = [name for name in table.columns if "." not in name and shape_of(table, name).may_be_text]
    return texts[0] if len(texts) == 1 else None


def _submitted(row: Row, columns: Mapping[str, str], kind: str) -> list[Any]:
    answers = _answers(row.values.get(columns["responses"]), kind)
    states = decoded(row.values.get(columns["status"])) if "status" in columns else None
    if isinstance(states, list) and len(states) == len(answers):
        answers = [one for one, state in zip(answers, states, strict=True) if state in (None, "submitted")]
    if not answers:
        raise Unusable("no annotator has submitted a response")
    return answers


def _text(row: Row, column: str) -> str:
    value = row.values.get(column)
    return only_text(value, column) if isinstance(decoded(value), dict) else raw_text_in(row.values, column)


def _parse_labels(row: Row, columns: Mapping[str, str]) -> Parsed:
    answers = _submitted(row, columns, "labels")
    return labelled(_text(row, columns["input"]).strip(), answers)


def _parse_spans(row: Row, columns: Mapping[str, str]) -> Parsed:
    answers = _submitted(row, columns, "spans")
    text = _text(row, columns["input"])
    return tagged(text, [checked_spans(answer, text) for answer in answers])


_LABELS_NAME, _SPANS_NAME = "Argilla labels", "Argilla spans"
LABELS = Form(
    name=_LABELS_NAME,
    task="classify",
    roles=_ROLES,
    recognise=partial(_recognise, "labels", _LABELS_NAME),
    parse=_parse_labels,
    optional_roles=("status",),
)
SPANS = Form(
    name=_SPANS_NAME,
    task="tag",
    roles=_ROLES,
    recognise=partial(_recognise, "spans", _SPANS_NAME),
    parse=_parse_spans,
    optional_roles=("status",),
)


_FIELD, _QUESTION = "text", "label"


def record_of(waiting: Waiting) -> dict[str, Any]:
    """A text in the nested form of a record, with the model's suggestion; nobody has answered yet."""
    suggestion = {"value": waiting.suggested, "score": waiting.probability, "agent": "sintonia"}
    return {
        "id": waiting.key,
        "fields": {_FIELD: waiting.text},
        "metadata": {"origin": waiting.origin},
        "suggestions": {_QUESTION: suggestion} if waiting.suggested is not None else {},
        "responses": {},
        "vectors": {},
    }


def settings_of(labels: Sequence[str]) -> str:
    """The settings of a data set for these records (`rg.Settings.from_json`): a text, a question with labels."""
    question = {
        "name": _QUESTION,
        "title": "Label",
        "required": True,
        "settings": {
            "type": "label_selection",
            "options": [{"value": label, "text": label, "description": None} for label in labels],
        },
    }
    field = {"name": _FIELD, "title": "Text", "required": True, "settings": {"type": "text", "use_markdown": False}}
    origin = {
        "name": "origin",
        "title": "Picked by",
        "visible_for_annotators": True,
        "settings": {"type": "terms"},
    }
    body = {
        "guidelines": None,
        "allow_extra_metadata": False,
        "fields": [field],
        "questions": [question],
        "metadata": [origin],
        "vectors": [],
    }
    return json.dumps(body, ensure_ascii=False, indent=1)
