"""The forms of conversations: OpenAI's `messages` (TRL's too) and ShareGPT's `conversations`.

What comes out: `{"messages", "tools"}` before the last assistant message that counts, and that message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import SURE, in_rows, opened, share
from sintonia.prepare.forms.messages import TAGS, Message, is_message_list, message_list, plain_text, said, tool_list
from sintonia.prepare.table import Row, Table, shown

ROLES = {
    "messages": ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns"),
    "system": ("system", "system_prompt"),
    "tools": ("tools", "functions"),
}
_OPTIONAL = ("system", "tools")


def as_conversation(messages: list[Message], tools: list[Any]) -> Parsed:
    """A conversation as what is learned from and what should come out.

    Raises:
        Unusable: there is nothing to learn, or nothing to answer to.
    """
    answers = [number for number, message in enumerate(messages) if message["role"] == "assistant"]
    if not answers:
        raise Unusable("there is no assistant message")
    counted = [number for number in answers if messages[number].get("weight") != 0]
    if not counted:
        raise Unusable("nothing to learn: every assistant message has the weight 0")
    last = counted[-1]
    if last == 0:
        raise Unusable("no message comes before the assistant's")
    before, target = messages[:last], messages[last]
    learned_from: dict[str, Any] = {"messages": before}
    if tools:
        learned_from["tools"] = tools
    return Parsed(input=learned_from, target=target, text=plain_text(before), answer=said(target))


def _parse(row: Row, columns: Mapping[str, str]) -> Parsed:
    values = row.values
    messages = message_list(values.get(columns["messages"]), columns["messages"])
    if "system" in columns:
        messages = system_first(values.get(columns["system"]), columns["system"]) + messages
    return as_conversation(messages, tool_list(values.get(columns["tools"])) if "tools" in columns else [])


def system_first(value: Any, column: str) -> list[Message]:
    """The system message of a column of its own; none when the cell is empty.

    Raises:
        Unusable: the cell holds no text.
    """
    if value is None or value == "":
        return []
    if not isinstance(value, str):
        raise Unusable(f"`{shown(column)}` is not a text")
    return [{"role": "system", "content": value}] if value.strip() else []


def conversation_column(
    table: Table, asked: Mapping[str, str], keys: tuple[str, str], role: str = "messages"
) -> tuple[str, float] | None:
    """The column that most often holds messages with these keys, and in what share of the rows."""
    names = [asked[role]] if role in asked else [n for n in table.columns if n.strip().casefold() in ROLES["messages"]]
    shares = {name: share(table, name, lambda value: is_message_list(value, *keys)) for name in names}
    best = max(shares, key=lambda name: shares[name], default=None)
    return (best, shares[best]) if best is not None and shares[best] >= 0.5 else None


def _match(table: Table, asked: Mapping[str, str], name: str, keys: tuple[str, str]) -> Match | None:
    found = conversation_column(table, asked, keys)
    if not found:
        return None
    column, fraction = found
    columns = {"messages": column}
    why = [f"columns: `{shown(column)}` holds {keys[0]} and {keys[1]} {in_rows(fraction, len(table.rows))}"]
    for role in _OPTIONAL:
        beside = [one for one in table.columns if one.strip().casefold() in ROLES[role]]
        if role in asked or beside:
            columns[role] = asked.get(role) or beside[0]
            why.append(f"columns: `{shown(columns[role])}` is the {role}")
    if unused := sum(map(_goes_on, opened(table, column))):
        why.append(
            f"messages after the last assistant message are not used ({unused:,} of the rows looked at have such)"
        )
    return Match(form=name, confidence=SURE * fraction, columns=columns, why=tuple(why))


def _goes_on(value: Any) -> bool:
    """Whether a conversation goes on after its last answer."""
    last = value[-1] if isinstance(value, list) and value else None
    role = last.get("role", last.get("from")) if isinstance(last, dict) else "assistant"
    return isinstance(role, str) and TAGS.get(role, role) != "assistant"


def _recognise_openai(table: Table, asked: Mapping[str, str]) -> Match | None:
    return _match(table, asked, "OpenAI chat", ("role", "content"))


def _recognise_sharegpt(table: Table, asked: Mapping[str, str]) -> Match | None:
    return _match(table, asked, "ShareGPT", ("from", "value"))


OPENAI = Form(
    name="OpenAI chat", task="chat", roles=ROLES, recognise=_recognise_openai, parse=_parse, optional_roles=_OPTIONAL
)
SHAREGPT = Form(
    name="ShareGPT", task="chat", roles=ROLES, recognise=_recognise_sharegpt, parse=_parse, optional_roles=_OPTIONAL
)
