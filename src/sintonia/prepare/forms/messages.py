"""Chat messages: from OpenAI's, TRL's and ShareGPT's ways of writing them to one, each checked.

A message is `{"role", "content"}` and what else it has (name, tool calls, weight); keys without a value are left out.
"""

from __future__ import annotations

import json
from typing import Any

from sintonia.errors import hides
from sintonia.prepare.forms.form import Blank, Unusable
from sintonia.prepare.forms.looking import compact, decoded, kind_of
from sintonia.prepare.table import shown

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
KEYS = frozenset(
    (
        "role",
        "content",
        "name",
        "weight",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "refusal",
        "annotations",
        "audio",
        "reasoning",
        "reasoning_content",
        "thinking",
    )
)
TAGS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
    "observation": "tool",
    "tool": "tool",
    "function_call": "assistant",
}
"""ShareGPT's `from`, and the role that it means."""
_TAG_KEYS = frozenset(("from", "value", "weight"))
Message = dict[str, Any]


def message_list(value: Any, what: str) -> list[Message]:
    """The messages of a list, an object, or JSON text of them, checked.

    Raises:
        Blank: there is none, or none of them says anything.
        Unusable: one of them is not a message, or empty.
    """
    value = decoded(value)
    if isinstance(value, dict):
        value = [value]
    if value is None or value == "" or value == []:
        raise Blank(f"`{shown(what)}` is empty")
    if not isinstance(value, list):
        raise Unusable(f"`{shown(what)}` is not a list of messages but {kind_of(value)}")
    messages, blank = [], list[Blank]()
    for number, one in enumerate(value, start=1):
        try:
            messages.append(_message(one, number))
        except Blank as empty:
            blank.append(empty)
    if blank:
        raise Unusable(str(blank[0])) if any(map(said, messages)) else blank[0]
    return messages


def is_message_list(value: Any, role_key: str, content_key: str) -> bool:
    """Whether a value is a list of which the first element looks like a message with these keys."""
    value = decoded(value)
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and role_key in first and (content_key in first or "tool_calls" in first)


def _message(one: Any, number: int) -> Message:
    if not isinstance(one, dict):
        raise Unusable(f"message {number} is {kind_of(one)}, not an object")
    if "from" in one and "role" not in one:
        return _from_tagged(one, number)
    message = {key: value for key, value in one.items() if value is not None}
    unknown = [key for key in message if key not in KEYS]
    if unknown:
        raise Unusable(f"message {number} has {_unrecognised(unknown[0])}")
    role = message.get("role")
    if role is None:
        raise Unusable(f"message {number} has no role")
    if role not in ROLES:
        raise Unusable(f"message {number} has an unrecognised role")
    _check_calls(message, number)
    message["content"] = _content(message, number)
    _check_weight(message, number)
    return message


def _content(message: Message, number: int) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = _joined(content, number)
    has_call = message["role"] == "assistant" and ("tool_calls" in message or "function_call" in message)
    if content is None and has_call:
        return ""
    if content is None:
        raise Unusable(f"message {number} has no content")
    if not isinstance(content, str):
        raise Unusable(f"the content of message {number} is {kind_of(content)}, not a text")
    if not content.strip() and not has_call and message["role"] in ("user", "assistant"):
        raise Blank(f"the content of message {number} is empty")
    return content


def _joined(parts: list[Any], number: int) -> str:
    """The text of a content that is written in parts."""
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise Unusable(f"the content of message {number} has a part that is not text")
    return "".join(text for text in texts if text)


def _check_calls(message: Message, number: int) -> None:
    calls = message.get("tool_calls", [])
    if calls == [] and "tool_calls" in message:
        del message["tool_calls"]
    if not isinstance(calls, list) or not all(isinstance(call, dict) and _is_call(call) for call in calls):
        raise Unusable(f"the tool calls of message {number} are not a list of calls with a function name")
    call = message.get("function_call")
    if call is not None and not (isinstance(call, dict) and isinstance(call.get("name"), str)):
        raise Unusable(f"the function call of message {number} has no function name")
    if message["role"] != "assistant" and ("tool_calls" in message or call is not None):
        raise Unusable(f"message {number} calls a tool but is not the assistant's")


def _is_call(call: dict[str, Any]) -> bool:
    function = call.get("function", call)
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _check_weight(message: Message, number: int) -> None:
    weight = message.get("weight")
    if weight is None:
        return
    if isinstance(weight, bool) or not isinstance(weight, int | float) or weight not in (0, 1):
        raise Unusable(f"the weight of message {number} is not 0 or 1")
    if message["role"] != "assistant":
        raise Unusable(f"message {number} has a weight but is not the assistant's")
    message["weight"] = int(weight)


def _from_tagged(one: dict[str, Any], number: int) -> Message:
    """A message of ShareGPT, `{"from", "value"}`."""
    present = {key: value for key, value in one.items() if value is not None}
    unknown = [key for key in present if key not in _TAG_KEYS]
    if unknown:
        raise Unusable(f"message {number} has {_unrecognised(unknown[0])}")
    tag, value = present.get("from"), present.get("value")
    if not isinstance(tag, str) or tag not in TAGS:
        raise Unusable(f"message {number} has an unrecognised `from`")
    if value is None:
        raise Unusable(f"message {number} has no value")
    if not isinstance(value, str):
        raise Unusable(f"the value of message {number} is {kind_of(value)}, not a text")
    message: Message = {"role": TAGS[tag], "content": value}
    if tag == "function_call":
        message |= {"content": "", "tool_calls": _calls(value, number)}
    elif not value.strip() and message["role"] in ("user", "assistant"):
        raise Blank(f"the value of message {number} is empty")
    if "weight" in present:
        message["weight"] = present["weight"]
        _check_weight(message, number)
    return message


def _calls(value: str, number: int) -> list[dict[str, Any]]:
    try:
        calls = json.loads(value)
    except (ValueError, RecursionError):
        raise Unusable(f"the function call of message {number} is not JSON") from None
    calls = calls if isinstance(calls, list) else [calls]
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        raise Unusable(f"the function call of message {number} has no function name")
    return [{"type": "function", "function": call} for call in calls]


def tool_list(value: Any) -> list[Any]:
    """The tools that a conversation may call: a list of JSON schemas, or JSON text of one; empty when there are none.

    Raises:
        Unusable: something else.
    """
    value = decoded(value)
    if value is None or value == "" or value == []:
        return []
    if not isinstance(value, list) or not all(isinstance(tool, dict) and _is_call(tool) for tool in value):
        raise Unusable("the tools are not a list of functions with names")
    return [tool if "function" in tool else {"type": "function", "function": tool} for tool in value]


def plain_text(messages: list[Message]) -> str:
    """What the messages say, one below the other."""
    return "\n".join(text for text in map(said, messages) if text)


def said(message: Message) -> str:
    """The content of a message or, when it has none, its calls as JSON on one line."""
    content = message["content"]
    if content.strip():
        return str(content)
    calls = message.get("tool_calls") or message.get("function_call")
    return compact(calls) if calls else ""


def _unrecognised(key: str) -> str:
    return "an unrecognised key" if hides() else f"the unrecognised key `{shown(key)}`"
