"""The body that asks for an answer: what it may hold, what is honoured, and what is refused by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from sintonia.serve.refusals import Refused, shown
from sintonia.serve.routes.plain_text import refuse_unwritable
from sintonia.use import Decoding

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0, None),
    "presence_penalty": (0, None),
    "logit_bias": ({}, None),
    "response_format": ({"type": "text"}, None),
    "tool_choice": ("auto", "none", None),
    "parallel_tool_calls": (True, None),
    "functions": ([], None),
    "function_call": ("none", None),
    "modalities": (["text"], None),
    "store": (False, None),
    "service_tier": ("auto", "default", None),
    "audio": (None,),
    "prediction": (None,),
    "reasoning_effort": (None,),
    "verbosity": (None,),
    "web_search_options": (None,),
    "moderation": (None,),
    "prompt_cache_retention": (None,),
    "prompt_cache_options": (None,),
}
"""What OpenAI knows and no model here does, with the values that ask for nothing."""
_OF_WHO_ASKS = ("user", "metadata", "safety_identifier", "prompt_cache_key")
"""What says who asks: nothing is kept of it."""


USUAL_TOKENS = 512
"""Most tokens of an answer, where nobody says how many."""


_Stop = Annotated[str, Field(min_length=1, max_length=1000)]


class Part(BaseModel, extra="forbid"):
    """A part of a message; only texts are read here."""

    type: Literal["text"]
    text: str


class Called(BaseModel, extra="forbid"):
    """The function of a call, and its arguments as JSON in a text."""

    name: Annotated[str, Field(max_length=256)]
    arguments: str


class ToolCall(BaseModel, extra="forbid"):
    """What the assistant called."""

    id: Annotated[str, Field(max_length=256)] | None = None
    type: Literal["function"] = "function"
    function: Called


class Message(BaseModel, extra="forbid"):
    """What somebody said."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[Part], Field(max_length=1000)] | None = None
    name: Annotated[str, Field(max_length=256)] | None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=128)] | None = None
    tool_call_id: Annotated[str, Field(max_length=256)] | None = None
    refusal: str | None = None


class StreamOptions(BaseModel, extra="forbid"):
    """How a stream is to be."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class Conversation(BaseModel, extra="allow"):
    """The body of `POST /v1/chat/completions`."""

    model: Annotated[str, Field(min_length=1, max_length=512)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=10_000)]
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    n: Annotated[int, Field(ge=1, le=16)] | None = None
    stop: _Stop | Annotated[list[_Stop], Field(max_length=4)] | None = None
    seed: Annotated[int, Field(ge=-(2**62), le=2**62)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Annotated[list[dict[str, Any]], Field(max_length=128)] | None = None

    def plain_messages(self) -> list[dict[str, Any]]:
        """The messages as a chat template reads them."""
        return [_plain(one) for one in self.messages]

    def offered_tools(self) -> list[Any] | None:
        """The tools that the template is told of."""
        is_off = (self.model_extra or {}).get("tool_choice") == "none"
        return self.tools if self.tools and not is_off else None

    def decoding(self, seed: int) -> Decoding:
        """How an answer is to be written."""
        most = self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens
        return Decoding(
            max_new_tokens=USUAL_TOKENS if most is None else most,
            temperature=self.temperature or 0.0,
            top_p=1.0 if self.top_p is None else self.top_p,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(one for one in self.stop or () if one),
            seed=seed,
            num_top_logprobs=self.top_logprobs or 0,
            wants_logprobs=bool(self.logprobs),
        )


def checked(said: Conversation) -> Conversation:
    """The same, when it asks for nothing that is not offered.

    Raises:
        Refused: it does; the first of these is named.
    """
    for name, value in (said.model_extra or {}).items():
        if name in _OF_WHO_ASKS:
            continue
        if name not in _NEUTRAL:
            what = f"Unrecognized request argument supplied: {shown(name)}"
            raise Refused(400, what, code="unknown_parameter", about=name)
        if value not in _NEUTRAL[name]:
            what = f"`{name}` is not supported by the models here; leave it out"
            raise Refused(400, what, code="unsupported_parameter", about=name)
    if said.top_logprobs and not said.logprobs:
        raise Refused(400, "`top_logprobs` needs `logprobs`", code="invalid_value", about="top_logprobs")
    if said.stream_options is not None and not said.stream:
        raise Refused(400, "`stream_options` needs `stream`", code="invalid_value", about="stream_options")
    calls = [_calls(one) for one in said.messages]
    refuse_unwritable(calls, "messages")
    refuse_unwritable(said.tools, "tools")
    for number, one in enumerate(said.messages):
        if one.content is None and not one.tool_calls:
            raise Refused(400, f"Message {number} has no content", code="invalid_value", about=f"messages.{number}")
    return said


def _calls(message: Message) -> list[dict[str, Any]] | None:
    return message.tool_calls and [one.model_dump(exclude_none=True) for one in message.tool_calls]


def _plain(message: Message) -> dict[str, Any]:
    content = message.content
    text = "".join(part.text for part in content) if isinstance(content, list) else content or ""
    found: dict[str, Any] = {"role": "system" if message.role == "developer" else message.role, "content": text}
    extra = {"name": message.name, "tool_calls": _calls(message), "tool_call_id": message.tool_call_id}
    return found | {key: value for key, value in extra.items() if value is not None}
