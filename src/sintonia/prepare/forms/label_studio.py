"""The forms of Label Studio's JSON: `data`, and `annotations` with results of choices or of labelled spans.

It looks at columns and at one row at a time, and writes one task at a time: `data` with `predictions`. Source:
labelstud.io/guide/task_format (JSON_MIN is read by spans.py), guide/predictions, tags/choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from xml.sax.saxutils import quoteattr

from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import SURE, decoded, in_rows, kind_of, list_in, named, opened
from sintonia.prepare.forms.spans import Span, checked_spans, spans_in_words
from sintonia.prepare.forms.votes import majority
from sintonia.prepare.table import Row, Table, shown
from sintonia.records import Waiting

_ROLES = {"data": ("data",), "annotations": ("annotations", "completions")}


def only_text(fields: Any, column: str) -> str:
    """The text among the fields of a row: the one called `text`, else the only text there is.

    Raises:
        Unusable: none, or several.
    """
    fields = decoded(fields)
    if not isinstance(fields, dict):
        raise Unusable(f"`{shown(column)}` is not an object but {kind_of(fields)}")
    texts = [value for value in fields.values() if isinstance(value, str) and value.strip()]
    text = fields.get("text")
    if isinstance(text, str) and text.strip():
        return text
    if len(texts) != 1:
        raise Unusable(f"`{shown(column)}` holds {len(texts) or 'no'} texts where one is needed")
    return texts[0]


def _results(annotation: Any, key: str) -> Iterator[dict[str, Any]]:
    """The values of one annotation that have a key (`choices` or `labels`)."""
    results = annotation.get("result") if isinstance(annotation, dict) else None
    for result in results if isinstance(results, list) else ():
        value = result.get("value") if isinstance(result, dict) else None
        if isinstance(value, dict) and key in value:
            yield value


def _holds(key: str, annotations: Any) -> bool:
    return isinstance(annotations, list) and any(any(True for _ in _results(one, key)) for one in annotations)


def _recognise(key: str, name: str, table: Table, asked: Mapping[str, str]) -> Match | None:
    columns = {role: named(table, role, names, asked) for role, names in _ROLES.items()}
    data, annotations = columns["data"], columns["annotations"]
    if not data or not annotations:
        return None
    values = opened(table, annotations)
    if not any(_holds(key, value) for value in values):
        return None
    fraction = sum(isinstance(value, list) for value in values) / len(values)
    why = f"columns: `{shown(annotations)}` holds {key} of annotators {in_rows(fraction, len(values))}"
    return Match(form=name, confidence=SURE * fraction, columns={"data": data, "annotations": annotations}, why=(why,))


def _submitted(row: Row, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """What annotators handed in; only the ground truth, when one is marked so."""
    annotations = list_in(row.values, columns["annotations"])
    if not all(isinstance(one, dict) and isinstance(one.get("result"), list) for one in annotations):
        raise Unusable("an annotation has no list of results")
    kept = [one for one in annotations if not one.get("was_cancelled")]
    if not kept:
        raise Unusable("skipped by the annotator (`was_cancelled`)")
    return [one for one in kept if one.get("ground_truth") is True] or kept


def _parse_choices(row: Row, columns: Mapping[str, str]) -> Parsed:
    votes = []
    for annotation in _submitted(row, columns):
        chosen = [value["choices"] for value in _results(annotation, "choices")]
        if not chosen:
            continue
        if len(chosen) > 1 or not isinstance(chosen[0], list) or len(chosen[0]) != 1:
            raise Unusable("an annotator chose several labels where one is needed")
        votes.append(chosen[0][0])
    text = only_text(row.values.get(columns["data"]), columns["data"]).strip()
    return labelled(text, votes)


def labelled(text: str, votes: list[Any]) -> Parsed:
    """A text and the label that most annotators gave it.

    Raises:
        Unusable: a label that is no text, no label, or no majority.
    """
    if not all(isinstance(vote, str) and vote.strip() for vote in votes):
        raise Unusable("a label is not a text")
    names = tuple(vote.strip() for vote in votes)
    label = majority(names)
    return Parsed(input=text, target=label, text=text, answer=label, votes=names if len(names) > 1 else ())


def _parse_spans(row: Row, columns: Mapping[str, str]) -> Parsed:
    text = only_text(row.values.get(columns["data"]), columns["data"])
    opinions = []
    for annotation in _submitted(row, columns):
        values = _results(annotation, "labels")
        found = [{key: value.get(key) for key in ("start", "end", "labels")} for value in values]
        opinions.append(checked_spans(found, text))
    return tagged(text, opinions)


def tagged(text: str, opinions: list[list[Span]]) -> Parsed:
    """A text and the spans that most annotators marked in the same way.

    Raises:
        Unusable: no opinion, or no majority.
    """
    votes = tuple(map(spans_in_words, opinions))
    agreed = majority(votes)
    return Parsed(
        input={"text": text},
        target=opinions[votes.index(agreed)],
        text=text,
        answer=agreed,
        votes=votes if len(votes) > 1 else (),
    )


_CHOICES_NAME, _SPANS_NAME = "Label Studio choices", "Label Studio spans"
CHOICES = Form(
    name=_CHOICES_NAME,
    task="classify",
    roles=_ROLES,
    recognise=partial(_recognise, "choices", _CHOICES_NAME),
    parse=_parse_choices,
)
SPANS = Form(
    name=_SPANS_NAME,
    task="tag",
    roles=_ROLES,
    recognise=partial(_recognise, "labels", _SPANS_NAME),
    parse=_parse_spans,
)


_CONTROL, _OBJECT = "label", "text"
"""Names of the tags of the interface, which every result repeats."""


def task_of(waiting: Waiting) -> dict[str, Any]:
    """A text as a task, with the model's suggestion as its prediction; the score sorts tasks in the data manager."""
    task: dict[str, Any] = {"data": {"text": waiting.text, "origin": waiting.origin, "key": waiting.key}}
    if waiting.suggested is None:
        return task
    chosen = {"choices": [waiting.suggested]}
    result = {"from_name": _CONTROL, "to_name": _OBJECT, "type": "choices", "value": chosen}
    return task | {"predictions": [{"model_version": "sintonia", "score": waiting.probability, "result": [result]}]}


def interface_of(labels: Sequence[str]) -> str:
    """The labelling interface that these tasks need: one choice a text."""
    choices = "".join(f"    <Choice value={quoteattr(label)}/>\n" for label in labels)
    return (
        f'<View>\n  <Text name="{_OBJECT}" value="$text"/>\n'
        f'  <Choices name="{_CONTROL}" toName="{_OBJECT}" choice="single">\n{choices}  </Choices>\n</View>'
    )
