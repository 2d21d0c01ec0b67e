"""The forms of one question and one answer: Alpaca, prompt and completion, question and answer, plain text.

They come out as conversations. It looks at columns and at one row at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sintonia.prepare.columns import as_text, shape_of
from sintonia.prepare.forms.chat import as_conversation, system_first
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import NAMED, SURE, decoded, in_rows, kind_of, named, share, text_in
from sintonia.prepare.forms.messages import Message, is_message_list, message_list, tool_list
from sintonia.prepare.table import Row, Table, shown

INPUT = (
    "prompt",
    "instruction",
    "question",
    "query",
    "article",
    "document",
    "dialogue",
    "message_1",
    "human",
    "domanda",
    "istruzione",
)
TARGET = (
    "completion",
    "response",
    "output",
    "answer",
    "answers",
    "summary",
    "highlights",
    "sql",
    "solution",
    "reply",
    "message_2",
    "risposta",
    "riassunto",
)
CONTEXT = ("input", "context", "passage", "schema", "contesto")
ROLES = {
    "input": (*INPUT, "input"),
    "target": TARGET,
    "context": CONTEXT,
    "system": ("system", "system_prompt"),
    "history": ("history",),
    "tools": ("tools", "functions"),
}
_OPTIONAL = ("context", "system", "history", "tools")


def asking_columns(table: Table, asked: Mapping[str, str]) -> dict[str, str]:
    """The column of the question and, when there are such, of its context, system message, history and tools."""
    asking = named(table, "input", INPUT, asked) or named(table, "input", ("input",), asked)
    if not asking:
        return {}
    columns = {"input": asking}
    for role in _OPTIONAL:
        if column := named(table, role, ROLES[role], {**asked, **columns}):
            columns[role] = column
    return columns


def _recognise(table: Table, asked: Mapping[str, str]) -> Match | None:
    columns = asking_columns(table, asked)
    target = named(table, "target", TARGET, {**asked, **columns}) if columns else None
    if not target or target in columns.values():
        return None
    columns["target"] = target
    confidence, seen = _confidence(table, target)
    why = [f"columns: `{shown(columns['input'])}` is the prompt, `{shown(target)}` the answer{seen}"]
    why += said_beside(columns)
    return Match(form="prompt and completion", confidence=confidence, columns=columns, why=tuple(why))


def said_beside(columns: Mapping[str, str]) -> list[str]:
    """What goes into the prompt besides the question, in words."""
    return [f"columns: `{shown(columns[role])}` is the {role}" for role in _OPTIONAL if role in columns]


def _confidence(table: Table, target: str) -> tuple[float, str]:
    """How surely a column holds answers, and how that was seen."""
    shape = shape_of(table, target)
    if shape.is_plain:
        return (0.75 if shape.may_be_class or shape.is_continuous else NAMED), ""
    messages = share(table, target, lambda value: is_message_list(value, "role", "content"))
    if messages > 0.5:
        return SURE * messages, f", both as messages {in_rows(messages, len(table.rows))}"
    texts = share(table, target, lambda value: _texts(value) is not None)
    return 0.9 * texts, f", the first of several {in_rows(texts, len(table.rows))}"


def _texts(value: Any) -> list[str] | None:
    """Several answers to one question: a list of texts, or SQuAD's object with such a list as `text`."""
    value = decoded(value)
    texts = value.get("text") if isinstance(value, dict) else value
    is_so = isinstance(texts, list) and bool(texts) and all(isinstance(text, str) for text in texts)
    return texts if is_so else None


def asked_messages(values: Mapping[str, Any], columns: Mapping[str, str]) -> list[Message]:
    """Everything before the answer: system message, history, question with its context.

    Raises:
        Unusable: there is no question, or something is of the wrong type.
    """
    before = system_first(values.get(columns["system"]), columns["system"]) if "system" in columns else []
    before += _history(values.get(columns["history"]), columns["history"]) if "history" in columns else []
    value = decoded(values.get(columns["input"]))
    if isinstance(value, list):
        return before + message_list(value, columns["input"])
    texts = [_kept_text(values, columns["input"])]
    if "context" in columns and as_text(values.get(columns["context"])) != "":
        texts.append(_kept_text(values, columns["context"]))
    return [*before, {"role": "user", "content": "\n".join(texts)}]


def _kept_text(values: Mapping[str, Any], column: str) -> str:
    """The text of a cell with its own spaces."""
    text = text_in(values, column)
    value = values[column]
    return value if isinstance(value, str) else text


def _history(value: Any, column: str) -> list[Message]:
    """LLaMA-Factory's earlier turns: a list of pairs of question and answer."""
    value = decoded(value)
    if value is None or value == "" or value == []:
        return []
    if not isinstance(value, list):
        raise Unusable(f"`{shown(column)}` is not a list but {kind_of(value)}")
    messages: list[Message] = []
    for turn in value:
        if not isinstance(turn, list) or len(turn) != 2 or not all(isinstance(text, str) and text for text in turn):
            raise Unusable(f"`{shown(column)}` is not a list of pairs of texts")
        messages += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    return messages


def answer_messages(values: Mapping[str, Any], column: str) -> list[Message]:
    """The answer as messages, from a text or a list of messages.

    Raises:
        Unusable: it is empty or of the wrong type.
    """
    value = values.get(column)
    if isinstance(value, list | dict):
        return message_list(value, column)
    return [{"role": "assistant", "content": _kept_text(values, column)}]


def _parse(row: Row, columns: Mapping[str, str]) -> Parsed:
    values = row.values
    before = asked_messages(values, columns)
    texts = _texts(values.get(columns["target"]))
    votes: tuple[str, ...] = ()
    if texts is not None:
        votes = tuple(text.strip() for text in texts if text.strip())
        if not votes:
            raise Unusable(f"`{shown(columns['target'])}` is empty")
        answer: list[Message] = [{"role": "assistant", "content": votes[0]}]
    else:
        answer = answer_messages(values, columns["target"])
    if answer[-1]["role"] != "assistant":
        raise Unusable("the completion does not end with the assistant")
    tools = tool_list(values.get(columns["tools"])) if "tools" in columns else []
    parsed = as_conversation(before + answer, tools)
    return Parsed(input=parsed.input, target=parsed.target, text=parsed.text, answer=parsed.answer, votes=votes)


def _recognise_instances(table: Table, asked: Mapping[str, str]) -> Match | None:
    columns = {role: named(table, role, names, asked) for role, names in _INSTANCE_ROLES.items()}
    instances = columns["instances"]
    if not instances or not columns["input"]:
        return None
    fraction = share(table, instances, lambda value: _first_output(value) is not None)
    why = f"columns: `{shown(instances)}` holds input and output {in_rows(fraction, len(table.rows))}"
    found = {role: column for role, column in columns.items() if column}
    return Match(form="self-instruct", confidence=SURE * fraction, columns=found, why=(why,))


def _first_output(value: Any) -> dict[str, Any] | None:
    value = decoded(value)
    first = value[0] if isinstance(value, list) and value else None
    return first if isinstance(first, dict) and "output" in first else None


def _parse_instances(row: Row, columns: Mapping[str, str]) -> Parsed:
    value = decoded(row.values.get(columns["instances"]))
    first = _first_output(value)
    if first is None:
        raise Unusable(f"`{shown(columns['instances'])}` holds no input and output")
    if len(value) > 1:
        raise Unusable(f"{len(value)} instances in one row where one is needed")
    inside = {"instruction": row.values.get(columns["input"]), "input": first.get("input"), "output": first["output"]}
    before = asked_messages(inside, {"input": "instruction", "context": "input"})
    answer = answer_messages(inside, "output")
    return as_conversation(before + answer, [])


def _recognise_text(table: Table, asked: Mapping[str, str]) -> Match | None:
    text = named(table, "text", _TEXT_ROLES["text"], asked)
    others = {name.strip().casefold() for name in table.columns if name != text}
    if not text or not (asked or others <= _ABOUT) or shape_of(table, text).mean_length < 12:
        return None
    why = f"columns: `{shown(text)}` is text to go on writing in, no other column is used"
    return Match(form="plain text", confidence=0.55, columns={"text": text}, why=(why,))


def _parse_text(row: Row, columns: Mapping[str, str]) -> Parsed:
    text = _kept_text(row.values, columns["text"])
    target = {"role": "assistant", "content": text}
    return Parsed(input={"messages": []}, target=target, text=text.strip(), answer="")


_ABOUT = {"id", "idx", "index", "url", "source", "date", "timestamp", "meta", "metadata", "column 1"}
"""Columns beside a text that are about it. Any other may be a label that was not recognised, and is not passed over."""
_INSTANCE_ROLES: dict[str, tuple[str, ...]] = {"input": ("instruction",), "instances": ("instances",)}
_TEXT_ROLES: dict[str, tuple[str, ...]] = {"text": ("text", "content", "document", "testo", "documento")}

PROMPT = Form(
    name="prompt and completion",
    task="chat",
    roles=ROLES,
    recognise=_recognise,
    parse=_parse,
    optional_roles=_OPTIONAL,
)
INSTANCES = Form(
    name="self-instruct", task="chat", roles=_INSTANCE_ROLES, recognise=_recognise_instances, parse=_parse_instances
)
TEXT = Form(name="plain text", task="chat", roles=_TEXT_ROLES, recognise=_recognise_text, parse=_parse_text)
