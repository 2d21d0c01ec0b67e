"""The forms of labelled spans in a text: `text and spans` (spaCy, doccano, Label Studio's JSON_MIN) and Prodigy's.

It looks at columns and at one row at a time. Offsets count characters from the beginning of the text as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from sintonia.prepare.forms.classify import refuse_answer
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import (
    NAMED,
    SURE,
    decoded,
    in_rows,
    kind_of,
    named,
    num_opened,
    opened,
    raw_text_in,
)
from sintonia.prepare.table import Row, Table, shown

Span = dict[str, Any]
_ROLES = {
    "input": ("text", "sentence", "content", "input", "testo", "frase"),
    "target": ("spans", "entities", "label", "labels", "annotations", "ner", "entita", "entità"),
}
_PRODIGY_ROLES = {**_ROLES, "answer": ("answer",)}
_STARTS, _ENDS = ("start", "start_offset", "start_char", "inizio"), ("end", "end_offset", "end_char", "fine")
_LABELS = ("label", "labels", "type", "tag", "entity_type", "entity", "entity_group", "etichetta", "tipo")


def checked_spans(value: Any, text: str) -> list[Span]:
    """The spans of a text in order, each with start, end and label.

    Raises:
        Unusable: one is out of the text, crosses another, or is no span.
    """
    if not isinstance(value, list):
        raise Unusable(f"the spans are not a list but {'missing' if value is None else kind_of(value)}")
    spans = sorted((_span(one, text) for one in value), key=lambda span: (span["start"], span["end"]))
    for one, following in pairwise(spans):
        if following["start"] < one["end"]:
            raise Unusable("two spans overlap")
    return spans


def _span(one: Any, text: str) -> Span:
    start, end, label, said = _parts(one)
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    if isinstance(start, bool) or isinstance(end, bool) or not isinstance(start, int) or not isinstance(end, int):
        raise Unusable("the start or the end of a span is not a whole number")
    if not isinstance(label, str) or not label:
        raise Unusable("a span has no label")
    if not 0 <= start < end <= len(text):
        raise Unusable("a span is empty or lies outside of the text")
    if isinstance(said, str) and said != text[start:end]:
        raise Unusable("the text of a span is not what stands at its place")
    return {"start": start, "end": end, "label": label}


def _parts(one: Any) -> tuple[Any, Any, Any, Any]:
    """Start, end, label and text of a span as an object, or as a list of the first three."""
    if isinstance(one, list) and len(one) == 3:
        return one[0], one[1], one[2], None
    if not isinstance(one, dict):
        raise Unusable("a span is not an object with start, end and label")
    start, end, label = (next((one[key] for key in keys if key in one), None) for keys in (_STARTS, _ENDS, _LABELS))
    return start, end, label, one.get("text")


def spans_in_words(spans: list[Span]) -> str:
    """Places and labels on one line, without a word of the text."""
    return ", ".join(f"{span['start']}-{span['end']} {span['label']}" for span in spans)


def is_span_list(value: Any) -> bool:
    """Whether a value is a list of which the first element looks like a span."""
    if not isinstance(value, list) or not value:
        return False
    try:
        start, end, label, _ = _parts(value[0])
    except Unusable:
        return False
    return isinstance(start, int) and isinstance(end, int) and isinstance(label, str | list)


def _span_column(table: Table, asked: Mapping[str, str]) -> tuple[str, float] | None:
    """The column that holds spans: empty lists count where other rows have spans."""
    taken = set(asked.values())
    names = [name for name in table.columns if name.strip().casefold() in _ROLES["target"] and name not in taken]
    for name in [asked["target"]] if "target" in asked else names:
        values = opened(table, name)
        filled = sum(map(is_span_list, values))
        fraction = (filled + sum(value is None or value == [] for value in values)) / max(len(values), 1)
        if filled and fraction >= 0.5:
            return name, fraction
    return None


def _recognise(table: Table, asked: Mapping[str, str]) -> Match | None:
    text = named(table, "input", _ROLES["input"], asked)
    found = _span_column(table, asked) if text else None
    if not text or not found:
        return None
    why = f"columns: `{shown(found[0])}` holds start, end and label of spans in `{shown(text)}`"
    return Match(
        form="text and spans",
        confidence=NAMED * found[1],
        columns={"input": text, "target": found[0]},
        why=(f"{why} {in_rows(found[1], num_opened(table))}",),
    )


def _recognise_prodigy(table: Table, asked: Mapping[str, str]) -> Match | None:
    match = _recognise(table, asked)
    answer = named(table, "answer", ("answer",), asked)
    if not match or not answer:
        return None
    answers = opened(table, answer)
    known = sum(value in ("accept", "reject", "ignore") for value in answers if isinstance(value, str))
    fraction = known / max(len(answers), 1)
    why = f"columns: `{shown(answer)}` holds the annotator's answer {in_rows(fraction, len(answers))}"
    return Match(
        form="Prodigy spans",
        confidence=SURE * fraction,
        columns={**match.columns, "answer": answer},
        why=(*match.why, why),
    )


def _parse(row: Row, columns: Mapping[str, str]) -> Parsed:
    text = raw_text_in(row.values, columns["input"])
    spans = checked_spans(decoded(row.values.get(columns["target"])), text)
    return Parsed(input={"text": text}, target=spans, text=text, answer=spans_in_words(spans))


def _parse_prodigy(row: Row, columns: Mapping[str, str]) -> Parsed:
    refuse_answer(row.values.get(columns["answer"]))
    text = raw_text_in(row.values, columns["input"])
    spans = checked_spans(decoded(row.values.get(columns["target"])) or [], text)
    return Parsed(input={"text": text}, target=spans, text=text, answer=spans_in_words(spans))


FORM = Form(name="text and spans", task="tag", roles=_ROLES, recognise=_recognise, parse=_parse)
PRODIGY = Form(
    name="Prodigy spans", task="tag", roles=_PRODIGY_ROLES, recognise=_recognise_prodigy, parse=_parse_prodigy
)
