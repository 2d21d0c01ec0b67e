"""The forms of preferences: a better and a worse answer (TRL, OpenAI, LLaMA-Factory), or one answer and a thumb (KTO).

What comes out: the prompt as messages, and `{"chosen", "rejected"}` or `{"completion", "is_desirable"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sintonia.prepare.columns import as_text
from sintonia.prepare.forms.chat import ROLES as CHAT_ROLES
from sintonia.prepare.forms.chat import conversation_column
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.instructions import (
    INPUT,
    ROLES,
    TARGET,
    answer_messages,
    asked_messages,
    asking_columns,
    said_beside,
)
from sintonia.prepare.forms.looking import NAMED, SURE, compact, decoded, in_rows, named, share
from sintonia.prepare.forms.messages import Message, message_list, plain_text, said, tool_list
from sintonia.prepare.table import Row, Table, shown

_CHOSEN = (
    "chosen",
    "preferred_output",
    "preferred_completion",
    "preferred",
    "chosen_response",
    "response_chosen",
    "preferita",
    "risposta_preferita",
    "scelta",
    "risposta_scelta",
)
_REJECTED = (
    "rejected",
    "non_preferred_output",
    "non_preferred_completion",
    "non_preferred",
    "rejected_response",
    "response_rejected",
    "scartata",
    "risposta_scartata",
    "rifiutata",
    "risposta_rifiutata",
)
_PAIR_ROLES = {
    "input": (*INPUT, "input", *CHAT_ROLES["messages"]),
    "chosen": _CHOSEN,
    "rejected": _REJECTED,
    **{role: ROLES[role] for role in ("context", "system", "history", "tools")},
}
_PAIR_OPTIONAL = ("input", "context", "system", "history", "tools")
_THUMB_ROLES = {
    "input": _PAIR_ROLES["input"],
    "completion": TARGET,
    "label": ("label", "kto_tag", "is_desirable", "desirable", "gradita", "approvata"),
    **{role: ROLES[role] for role in ("context", "system", "history", "tools")},
}
_YES, _NO = ("true", "1", "yes", "vero", "sì", "si"), ("false", "0", "no", "falso")
_THUMB_OPTIONAL = ("completion", "context", "system", "history", "tools")


def preference(before: list[Message], chosen: list[Message], rejected: list[Message], tools: list[Any]) -> Parsed:
    """A prompt with its better and its worse answer.

    Raises:
        Unusable: no prompt, no answer of the assistant, or the same answer twice.
    """
    if not before:
        raise Unusable("there is no prompt before the two answers")
    better, worse = plain_said(chosen), plain_said(rejected)
    if better == worse:
        raise Unusable("chosen and rejected are the same")
    for messages, name in ((chosen, "chosen"), (rejected, "rejected")):
        if messages[-1]["role"] != "assistant":
            raise Unusable(f"the {name} answer does not end with the assistant")
    return Parsed(
        input={"messages": before, "tools": tools} if tools else {"messages": before},
        target={"chosen": chosen, "rejected": rejected},
        text=plain_text(before),
        answer=better,
    )


def plain_said(messages: list[Message]) -> str:
    """What an answer says or calls."""
    return "\n".join(said(message) for message in messages).strip()


def _recognise_pair(table: Table, asked: Mapping[str, str]) -> Match | None:
    chosen, rejected = named(table, "chosen", _CHOSEN, asked), named(table, "rejected", _REJECTED, asked)
    if not chosen or not rejected:
        return None
    columns = {**_asking(table, {**asked, "chosen": chosen, "rejected": rejected}), "chosen": chosen}
    columns["rejected"] = rejected
    fraction = share(table, rejected, lambda value: isinstance(value, str | list | dict))
    prompt = (
        f"`{shown(columns['input'])}` is the prompt" if "input" in columns else "the prompt is what both begin with"
    )
    why = f"columns: {prompt}, `{shown(chosen)}` the better and `{shown(rejected)}` the worse answer"
    why = f"{why}, {in_rows(fraction, len(table.rows))}"
    return Match(form="preference", confidence=SURE * fraction, columns=columns, why=(why, *said_beside(columns)))


def _asking(table: Table, asked: Mapping[str, str]) -> dict[str, str]:
    """The column of the prompt: a question with its context, or a conversation; none when nothing is named so."""
    free = {role: name for role, name in asked.items() if role in _PAIR_ROLES}
    if question := asking_columns(table, free):
        return question
    for keys in (("role", "content"), ("from", "value")):
        if found := conversation_column(table, free, keys, "input"):
            systems = {role: named(table, role, ROLES[role], free) for role in ("system", "tools")}
            return {"input": found[0], **{role: name for role, name in systems.items() if name}}
    return {}


def _parse_pair(row: Row, columns: Mapping[str, str]) -> Parsed:
    values = row.values
    tools = tool_list(values.get(columns["tools"])) if "tools" in columns else []
    if "input" not in columns and isinstance(values.get(columns["chosen"]), str):
        return _from_texts(values, columns)
    before: list[Message] = []
    if "input" in columns:
        before, own_tools = _prompt(values, columns)
        tools = tools or own_tools
    chosen, rejected = (answer_messages(values, columns[role]) for role in ("chosen", "rejected"))
    shared = 0
    while shared < min(len(chosen), len(rejected)) and compact(chosen[shared]) == compact(rejected[shared]):
        shared += 1
    if shared == len(chosen) or shared == len(rejected):
        raise Unusable(
            "chosen and rejected are the same" if len(chosen) == len(rejected) else "one answer goes on in the other"
        )
    if shared:
        start = [message for message in before if message["role"] == "system"]
        before = chosen[:shared] if chosen[0]["role"] == "system" else start + chosen[:shared]
    return preference(before, chosen[shared:], rejected[shared:], tools)


def _prompt(values: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[list[Message], list[Any]]:
    """The messages of the prompt and, in OpenAI's form, the tools beside them."""
    value = decoded(values.get(columns["input"]))
    if not isinstance(value, dict):
        return asked_messages(values, columns), []
    messages = message_list(value.get("messages"), "messages")
    return messages, tool_list(value.get("tools"))


def _from_texts(values: Mapping[str, Any], columns: Mapping[str, str]) -> Parsed:
    """Two whole texts without a prompt of its own: it is what both begin with, up to a whole word or a whole turn."""
    chosen, rejected = values.get(columns["chosen"]), values.get(columns["rejected"])
    if not isinstance(chosen, str) or not isinstance(rejected, str):
        raise Unusable("one answer is a text, the other is not")
    if chosen.strip() == rejected.strip():
        raise Unusable("chosen and rejected are the same")
    start = _common_start(chosen, rejected)
    turn = start.rfind("\n\nAssistant:")
    cut = turn + len("\n\nAssistant:") if turn >= 0 else start.rfind(" ") + 1
    answers = [chosen[cut:], rejected[cut:]]
    if not start[:cut].strip():
        raise Unusable("the two texts have no common beginning that could be the prompt")
    if not all(answer.strip() for answer in answers):
        raise Unusable("one answer is empty")
    before = [{"role": "user", "content": start[:cut]}]
    messages = [[{"role": "assistant", "content": answer}] for answer in answers]
    return preference(before, messages[0], messages[1], [])


def _common_start(one: str, other: str) -> str:
    """What two texts begin with."""
    shortest = min(len(one), len(other))
    return one[: next((place for place in range(shortest) if one[place] != other[place]), shortest)]


def _recognise_thumb(table: Table, asked: Mapping[str, str]) -> Match | None:
    label = named(table, "label", _THUMB_ROLES["label"], asked)
    if not label:
        return None
    fraction = share(table, label, lambda value: _thumb(value) is not None and not _may_be_class(value, label))
    columns = _asking(table, {**asked, "label": label}) if fraction >= 0.5 else {}
    if not columns:
        return None
    completion = named(table, "completion", TARGET, {**asked, **columns, "label": label})
    is_conversation = columns["input"].strip().casefold() in CHAT_ROLES["messages"]
    if not completion and not is_conversation:
        return None
    columns |= {"completion": completion} if completion else {}
    columns["label"] = label
    why = f"columns: `{shown(label)}` says of each answer whether it is wanted, {in_rows(fraction, len(table.rows))}"
    return Match(
        form="unpaired preference", confidence=NAMED * fraction, columns=columns, why=(why, *said_beside(columns))
    )


def _may_be_class(value: Any, label: str) -> bool:
    """In a column that is just called `label`, 0 and 1, yes and no are classes as well."""
    is_class = not isinstance(value, bool) and (as_text(value) or "").strip().lower() not in ("true", "false")
    return is_class and label.strip().casefold() == "label"


def _thumb(value: Any) -> bool | None:
    text = (as_text(value) or "").strip().lower()
    return True if text in _YES else False if text in _NO else None


def _parse_thumb(row: Row, columns: Mapping[str, str]) -> Parsed:
    values = row.values
    is_desirable = _thumb(values.get(columns["label"]))
    if is_desirable is None:
        raise Unusable(f"`{shown(columns['label'])}` is neither true nor false")
    before, tools = _prompt(values, columns)
    if "tools" in columns:
        tools = tools or tool_list(values.get(columns["tools"]))
    if "completion" in columns:
        completion = answer_messages(values, columns["completion"])
    else:
        before, completion = before[:-1], before[-1:]
    if not before:
        raise Unusable("there is no prompt before the answer")
    if completion[-1]["role"] != "assistant":
        raise Unusable("the answer is not the assistant's")
    return Parsed(
        input={"messages": before, "tools": tools} if tools else {"messages": before},
        target={"completion": completion, "is_desirable": is_desirable},
        text=plain_text(before),
        answer=plain_said(completion),
    )


PAIR = Form(
    name="preference",
    task="prefer",
    roles=_PAIR_ROLES,
    recognise=_recognise_pair,
    parse=_parse_pair,
    optional_roles=_PAIR_OPTIONAL,
)
THUMB = Form(
    name="unpaired preference",
    task="prefer",
    roles=_THUMB_ROLES,
    recognise=_recognise_thumb,
    parse=_parse_thumb,
    optional_roles=_THUMB_OPTIONAL,
)
