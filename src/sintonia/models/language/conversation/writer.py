"""A conversation written by a chat template as text, as transformers does; and what the template can and cannot do.

What a template refuses or leaves out is found by trying it on a few words of our own. No token lives here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sintonia.models.language.conversation.bounds import Unbounded
from sintonia.models.language.conversation.program import Program

SYSTEM, TOOLS, CALLS = "system", "tools", "calls"
_DAY = "01 Jan 2025"
_USER, _ANSWER, _RULE, _TOOL = "Quandu", "Respondeo", "Praeceptum", "fabrica_una"
_SCHEMA = {
    "type": "function",
    "function": {
        "name": _TOOL,
        "description": "Una.",
        "parameters": {"type": "object", "properties": {"unus": {"type": "integer", "description": "Unus."}}},
    },
}

Message = dict[str, Any]


class Refused(Exception):
    """The template does not take this conversation; the text says why, without a word of the conversation."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text, and the parts of it that the template marks as generated, in characters."""

    text: str
    spans: tuple[tuple[int, int], ...]


class Writer:
    """One tokenizer with one template. `source` is the template; None is the tokenizer's own."""

    def __init__(self, tokenizer: Any, source: str | None) -> None:
        self._tokenizer, self._source = tokenizer, source
        self._programs: dict[str, Program] = {}

    def text(self, messages: Sequence[Message], tools: Sequence[Any] = (), *, is_open: bool = False) -> str:
        """The messages as text; `is_open` ends with what the template writes before an answer.

        Raises:
            Refused: the template does not take them.
            Unbounded: it would not end.
        """
        try:
            written = self._program(tools).text(self._given(messages, tools, is_open=is_open))
        except (Refused, Unbounded):
            raise
        except Exception as error:  # a template is a program of others: it may raise anything
            raise Refused(self._reason(error)) from None
        return _without_surrogates(written)

    def marked(self, messages: Sequence[Message], tools: Sequence[Any] = ()) -> Marked:
        """The messages as text with the parts that `{% generation %}` marks.

        Raises:
            Refused: the template does not take them.
            Unbounded: it would not end.
        """
        try:
            written, spans = self._program(tools).marked(self._given(messages, tools, is_open=False))
        except (Refused, Unbounded):
            raise
        except Exception as error:
            raise Refused(self._reason(error)) from None
        return Marked(_without_surrogates(written), tuple((int(a), int(b)) for a, b in spans))

    def _program(self, tools: Sequence[Any]) -> Program:
        source = self.source_for(tools)
        if source not in self._programs:
            self._programs[source] = Program(source)
        return self._programs[source]

    def _given(self, messages: Sequence[Message], tools: Sequence[Any], *, is_open: bool) -> dict[str, Any]:
        """The variables of a template, as transformers names and fills them."""
        if not messages:
            raise Refused("there is no message in it")
        return {
            **self._tokenizer.special_tokens_map,
            "date_string": _DAY,  # Llama 3 would write the day of today: another text tomorrow
            "messages": _aliased([_given(message) for message in messages]),
            "tools": list(tools) or None,
            "documents": None,
            "add_generation_prompt": is_open,
        }

    def source_for(self, tools: Sequence[Any] = ()) -> str:
        """The template that is used, with these tools or without."""
        return str(self._tokenizer.get_chat_template(self._source, list(tools) or None))

    def _reason(self, error: Exception) -> str:
        """What a template says by itself stands in its source; anything else may hold words of the conversation."""
        said = str(error).strip()
        is_its_own = type(error).__name__ == "TemplateError" and said[:200] in self.source_for()
        return f"it says: {said[:200]}" if said and is_its_own else f"it fails with a {type(error).__name__}"

    @cached_property
    def has_marks(self) -> bool:
        """Whether the template says itself what the assistant generates."""
        return bool(re.search(r"\{%-?\s*generation\s*-?%\}", self.source_for()))

    @cached_property
    def lacks(self) -> frozenset[str]:
        """What the template does not take or leaves out: a system message, tools, calls of tools."""
        user, answer = {"role": "user", "content": _USER}, {"role": "assistant", "content": _ANSWER}
        tries = {
            SYSTEM: ([{"role": "system", "content": _RULE}, user, answer], (), _RULE),
            TOOLS: ([user], (_SCHEMA,), _TOOL),
            CALLS: (_calling({"unus": 1}), (), _TOOL),
        }
        lost = {name for name, (messages, tools, word) in tries.items() if not self._has(word, messages, tools)}
        return frozenset(lost - {CALLS} if self._takes_texts else lost)

    @cached_property
    def _takes_texts(self) -> bool:
        """Whether the template takes the arguments of a call as text only, as DeepSeek's do."""
        return not self._has(_TOOL, _calling({"unus": 1}), ()) and self._has(_TOOL, _calling('{"unus": 1}'), ())

    @cached_property
    def _has_developer(self) -> bool:
        return "developer" in self.source_for()

    def _has(self, word: str, messages: Sequence[Message], tools: Sequence[Any]) -> bool:
        try:
            return word in self.text(messages, tools)
        except Refused:
            return False

    @cached_property
    def end_mark(self) -> str:
        """What the template writes right after an answer, up to its token for the end of a turn; may be empty.

        Raises:
            Refused: the template does not take the plainest of conversations.
        """
        text = self.text([{"role": "user", "content": _USER}, {"role": "assistant", "content": _ANSWER}])
        if _ANSWER not in text:
            raise Refused("it leaves out what the assistant says")
        after = text[text.rindex(_ANSWER) + len(_ANSWER) :]
        special = [str(token) for token in self._tokenizer.added_tokens_encoder]
        ends = [after.index(token) + len(token) for token in special if token and token in after]
        return after[: min(ends)] if ends else after.rstrip()

    def readable(self, messages: Sequence[Mapping[str, Any]]) -> list[Message]:
        """The messages as templates expect them; a system message that it has no place for goes to the user's."""
        kept = [self._as_expected(message) for message in messages]
        rules = [str(message["content"]) for message in kept if message["role"] == "system"]
        if not rules or SYSTEM not in self.lacks:
            return kept
        kept = [message for message in kept if message["role"] != "system"]
        first = next((k for k, message in enumerate(kept) if message["role"] == "user"), None)
        if first is None:
            return [{"role": "user", "content": "\n\n".join(rules)}, *kept]
        kept[first] = {**kept[first], "content": "\n\n".join([*rules, str(kept[first]["content"])])}
        return kept

    def _as_expected(self, message: Mapping[str, Any]) -> Message:
        """Tools under one role, calls as objects with arguments as objects: what templates on the hub read."""
        kept = {key: value for key, value in message.items() if key != "function_call"}
        developer = "developer" if self._has_developer else "system"
        kept["role"] = {"function": "tool", "developer": developer}.get(str(kept["role"]), kept["role"])
        calls = [message["function_call"]] if "function_call" in message else kept.get("tool_calls")
        if calls:
            kept["tool_calls"] = [_call(call, has_text=self._takes_texts) for call in calls]
        return kept


def _given(message: Mapping[str, Any]) -> Message:
    """What a template sees of a message: no weight, and nothing that says nothing."""
    return {key: value for key, value in message.items() if key != "weight" and value is not None}


def _aliased(messages: list[Message]) -> list[Message]:
    """Thinking under the names that newer versions of transformers give it."""
    from transformers.utils import chat_template_utils

    aliased = getattr(chat_template_utils, "_alias_reasoning_fields", None)
    return list(aliased(messages)) if aliased else messages


def _calling(arguments: Any) -> list[Message]:
    call = {"id": "abcdefghi", "type": "function", "function": {"name": _TOOL, "arguments": arguments}}
    return [{"role": "user", "content": _USER}, {"role": "assistant", "content": "", "tool_calls": [call]}]


def _call(call: Mapping[str, Any], *, has_text: bool) -> dict[str, Any]:
    function = dict(call.get("function", call))
    arguments = function.get("arguments")
    if has_text and isinstance(arguments, dict):
        function["arguments"] = json.dumps(arguments, ensure_ascii=False)
    if not has_text and isinstance(arguments, str):
        try:
            read = json.loads(arguments)
        except (ValueError, RecursionError):
            read = None
        function["arguments"] = read if isinstance(read, dict) else arguments
    beside = {key: value for key, value in call.items() if key != "function"} if "function" in call else {}
    return {"type": "function", **beside, "function": function}


def _without_surrogates(text: str) -> str:
    """Halves of characters, which no tokenizer takes, as question marks; every other character stays in its place."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
