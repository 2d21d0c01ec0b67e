"""What a teacher answered, as rows that the reader of the data understands: in the form of the teacher's own data.

It writes no file. Each row is read back by its form before it is given, so that none is lost unseen later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sintonia.errors import UsageError
from sintonia.prepare.added.unlabelled import Unanswered
from sintonia.prepare.forms import FORMS, Form, Unusable
from sintonia.prepare.forms.schemes import SCHEMES
from sintonia.prepare.table import Row
from sintonia.records import Prepared
from sintonia.settings import DataSettings
from sintonia.tasks.words import words_of

UNWRITTEN = "got an answer that the form of the data cannot hold"
"""What is said of rows for which `row` gives none."""
Write = Callable[[Mapping[str, str], Sequence[str], Any], dict[str, Any]]
"""From the column of each role, the texts of a row and the answer to the values of the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWriter:
    """Writes answers as rows of one form."""

    form: Form
    columns: Mapping[str, str]
    write: Write
    group: str | None
    time: str | None

    def row(self, asked: Unanswered, answer: Any) -> dict[str, Any] | None:
        """The row, or None where the form cannot hold the answer.

        An answer is a label, a list of labels, a list of numbers, spans (start, end, label), or a conversation.
        """
        try:
            values = dict.fromkeys(self.columns.values()) | self.write(self.columns, asked.texts, answer)
            self.form.parse(Row(asked.line, values), self.columns)
        except Unusable:
            return None
        others = {self.group: "", self.time: asked.time}
        return values | {name: value for name, value in others.items() if name is not None}


def answer_writer(prepared: Prepared, data: DataSettings) -> AnswerWriter:
    """For the data of a teacher: in their form where answers can be written in it, else in the usual form of the task.

    Raises:
        UsageError: in neither.
    """
    name, columns = prepared.form, prepared.columns
    if name not in _WRITES:
        name, columns = _USUAL.get(prepared.task, ("", {}))
    if not name or (name != prepared.form and set(prepared.columns.values()) <= set(columns.values())):
        raise UsageError(
            f"answers cannot be written down as rows of the form `{prepared.form}`, as the teacher's data have it",
            expected="rows of a form with a column of texts and one of targets",
            hint="write the teacher's data in such a form, and tune it again",
        )
    return AnswerWriter(form=FORMS[name], columns=columns, write=_WRITES[name], group=data.group, time=data.time)


def _beside(columns: Mapping[str, str], texts: Sequence[str], answer: Any) -> dict[str, Any]:
    """Texts and target in columns of their own."""
    roles = ("first", "second") if "first" in columns else ("input",)
    return {**{columns[role]: text for role, text in zip(roles, texts, strict=True)}, columns["target"]: answer}


def _number(columns: Mapping[str, str], texts: Sequence[str], answer: Sequence[float]) -> dict[str, Any]:
    if len(answer) != 1:
        raise Unusable(f"{len(answer)} numbers where one is needed")
    return _beside(columns, texts, answer[0])


def _signed(sign: str, columns: Mapping[str, str], texts: Sequence[str], answer: Sequence[str]) -> dict[str, Any]:
    if any(sign in label for label in answer):
        raise Unusable("a label has the sign in it that stands between labels")
    return _beside(columns, texts, sign.join(answer))


def _accepted(columns: Mapping[str, str], texts: Sequence[str], answer: Any) -> dict[str, Any]:
    return _beside(columns, texts, answer) | {columns["answer"]: "accept"}


def _tagged(scheme: str, columns: Mapping[str, str], texts: Sequence[str], answer: Any) -> dict[str, Any]:
    """Words with a tag each; a span covers whole words."""
    text = texts[0]
    places = words_of(text)
    tags = ["O"] * len(places)
    end_before, label_before = -1, ""
    for span in answer:
        inside = [k for k, (start, end) in enumerate(places) if start < span["end"] and end > span["start"]]
        is_next = bool(inside) and inside[0] == end_before + 1 and span["label"] == label_before
        for k in inside:
            tags[k] = _tag(scheme, span["label"], (k == inside[0], k == inside[-1], is_next))
        end_before, label_before = (inside[-1], span["label"]) if inside else (end_before, label_before)
    if scheme == "one a token" and len(answer) < len(places):
        raise Unusable("a word has no tag")
    return {columns["input"]: [text[start:end] for start, end in places], columns["target"]: tags}


def _tag(scheme: str, label: str, place: tuple[bool, bool, bool]) -> str:
    """The tag of a word that is first or last of its span, which follows one of the same label or does not."""
    is_first, is_last, is_next = place
    if scheme in ("IO", "one a token"):
        return label
    if scheme == "BIOES":
        letter = {(True, True): "S", (True, False): "B", (False, True): "E", (False, False): "I"}[is_first, is_last]
    else:
        letter = "B" if is_first and (scheme == "IOB2" or is_next) else "I"
    return f"{letter}-{label}"


def _asked(columns: Mapping[str, str], texts: Sequence[str], answer: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Prompt and completion; a system message stands in its own column."""
    systems = [one["content"] for one in answer if one["role"] == "system"]
    if systems and "system" not in columns:
        raise Unusable("there is no column for the system message")
    beside = {columns["system"]: systems[0]} if systems else {}
    return {columns["input"]: texts[0], columns["target"]: answer[-1]["content"], **beside}


def _messages(columns: Mapping[str, str], _texts: Sequence[str], answer: Any) -> dict[str, Any]:
    return {columns["messages"]: [dict(one) for one in answer]}


def _turns(columns: Mapping[str, str], _texts: Sequence[str], answer: Any) -> dict[str, Any]:
    """ShareGPT's names of the same."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    return {columns["messages"]: [{"from": names[one["role"]], "value": one["content"]} for one in answer]}


_WRITES: dict[str, Write] = {
    "text and label": _beside,
    "pair and label": _beside,
    "Prodigy choice": _accepted,
    "text and labels": _beside,
    **{f"text and labels with `{sign}` between them": partial(_signed, sign) for sign in (";", "|", ",")},
    "text and number": _number,
    "pair and number": _number,
    "text and spans": _beside,
    "Prodigy spans": _accepted,
    **{f"tokens and tags ({scheme})": partial(_tagged, scheme) for scheme in SCHEMES},
    "prompt and completion": _asked,
    "OpenAI chat": _messages,
    "ShareGPT": _turns,
}
"""How an answer is written, by the name of the form."""

_USUAL: dict[str, tuple[str, dict[str, str]]] = {
    "classify": ("text and label", {"input": "text", "target": "label"}),
    "tag": ("text and spans", {"input": "text", "target": "spans"}),
    "chat": ("OpenAI chat", {"messages": "messages"}),
}
"""By task the form and the columns for answers whose data have a form in which nothing is written."""
