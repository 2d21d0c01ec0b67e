"""A conversation that is to be answered, of a row that may hold its answer too. No form is recognised here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sintonia.prepare.columns import as_text
from sintonia.prepare.forms.chat import ROLES as OF_CONVERSATIONS
from sintonia.prepare.forms.chat import system_first
from sintonia.prepare.forms.form import Blank, Unusable
from sintonia.prepare.forms.instructions import INPUT, asked_messages
from sintonia.prepare.forms.looking import decoded
from sintonia.prepare.forms.messages import Message, message_list, tool_list


def conversation_asked(values: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any] | None:
    """The `messages` before an answer, and the `tools` where there are some; None where no column holds them.

    `columns` are those of the data of a run by role; where they are not there, usual names are looked for. Messages of
    the assistant at the end are what is to be answered anew.

    Raises:
        Blank: no text stands in any of the columns.
        Unusable: what stands there is no conversation, or nobody asks.
    """
    known = {role: column for role, column in columns.items() if column in values}
    try:
        messages = _before_answer(values, known)
    except Blank as blank:
        if all(_is_empty(values[column]) for column in _beside(known).values()):
            raise
        raise Unusable(str(blank)) from None
    if messages is None:
        return None
    while messages and messages[-1]["role"] == "assistant":
        messages = messages[:-1]
    if not messages:
        raise Unusable("nobody asks anything")
    tools = tool_list(values[known["tools"]]) if "tools" in known else []
    return {"messages": [_plain(one) for one in messages], **({"tools": tools} if tools else {})}


def _before_answer(values: Mapping[str, Any], known: Mapping[str, str]) -> list[Message] | None:
    whole = known.get("messages") or _named(values, OF_CONVERSATIONS["messages"])
    question = known.get("input") or _named(values, INPUT)
    if whole is not None and "input" not in known:
        messages = message_list(values[whole], whole)
        if "system" in known:
            messages = system_first(values[known["system"]], known["system"]) + messages
        return messages
    if question is None:
        return None
    value = decoded(values[question])
    return asked_messages({**values, question: value}, {**_beside(known), "input": question})


def _is_empty(value: Any) -> bool:
    return decoded(value) == [] or as_text(value) == ""


def _named(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    folded = {name.strip().casefold(): name for name in reversed(list(values))}
    return next((folded[name] for name in names if name in folded), None)


def _beside(known: Mapping[str, str]) -> dict[str, str]:
    return {role: known[role] for role in ("context", "system", "history") if role in known}


def _plain(message: Message) -> Message:
    return {key: value for key, value in message.items() if key != "weight"}
