"""Where in the text of a conversation the learned answers stand. It is shown to be right, or the answer is not learned.

An answer is what the template writes after its own prompt for an answer: the beginning of the conversation with that
prompt is compared with the same beginning and the answer. Templates that write earlier answers otherwise once the
conversation goes on (Qwen3 drops their thinking), or that move things about (Mistral's tools), are found out thereby.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sintonia.models.language.conversation.writer import CALLS, SYSTEM, TOOLS, Message, Refused, Writer
from sintonia.tasks.chat import learned_positions

EARLIER, REFUSED = "earlier", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One learned part of a text, in characters: what is said from `begins` to `says`, its end mark until `ends`."""

    begins: int
    says: int
    ends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A conversation as text, up to its last learned answer; the learned parts, and what went wrong."""

    text: str
    spans: tuple[Span, ...]
    troubles: frozenset[str] = frozenset()
    reason: str = ""
    """Why the template refused the conversation, or why no answer of it can be learned."""


def lay_out(writer: Writer, content: Mapping[str, Any]) -> Layout:
    """The text of a conversation and where its learned answers are; one that is refused has no text."""
    messages, tools, troubles = _read(writer, content)
    learned = learned_positions(messages)
    messages = messages[: learned[-1] + 1] if learned else messages
    try:
        spans, text = _answers(writer, messages, tools, learned)
    except Refused as refused:
        return Layout(text="", spans=(), troubles=troubles | {REFUSED}, reason=str(refused))
    reason = "its answers cannot be found in what it writes" if learned and not spans else ""
    if len(spans) < len(learned):
        troubles |= {REFUSED} if reason else {EARLIER}
    return Layout(text=text[: spans[-1].ends] if spans else text, spans=spans, troubles=troubles, reason=reason)


def whole_text(writer: Writer, content: Mapping[str, Any]) -> Layout:
    """The text of a conversation of which everything is learned."""
    messages, tools, troubles = _read(writer, content)
    try:
        text = writer.text(messages, tools)
    except Refused as refused:
        return Layout(text="", spans=(), troubles=troubles | {REFUSED}, reason=str(refused))
    return Layout(text=text, spans=(Span(begins=0, says=len(text), ends=len(text)),), troubles=troubles)


def _read(writer: Writer, content: Mapping[str, Any]) -> tuple[list[Message], list[Any], frozenset[str]]:
    """The messages and tools as the template takes them, and what of them it leaves out or moves."""
    messages, tools = content["messages"], list(content.get("tools") or ())
    has = {
        SYSTEM: any(message["role"] in ("system", "developer") for message in messages),
        TOOLS: bool(tools),
        CALLS: any("tool_calls" in message or "function_call" in message for message in messages),
    }
    lost = frozenset(name for name, is_there in has.items() if is_there and name in writer.lacks)
    return writer.readable(messages), [] if TOOLS in lost else tools, lost


def _answers(
    writer: Writer, messages: Sequence[Message], tools: Sequence[Any], learned: Sequence[int]
) -> tuple[tuple[Span, ...], str]:
    """The answers that can be shown right, and the whole text."""
    if writer.has_marks and learned:
        found = _by_marks(writer, messages, tools, learned)
        if found is not None:
            return found
    whole = writer.text(messages, tools)
    spans = []
    for position in learned:
        if position == 0:
            continue  # nothing stands before it, so there is nothing to compare with
        prompt = writer.text(messages[:position], tools, is_open=True)
        part = whole if position + 1 == len(messages) else writer.text(messages[: position + 1], tools)
        span = _after_prompt(writer, prompt, part, messages[position])
        if span and whole.startswith(part[: span.ends]):
            spans.append(span)
    return tuple(spans), whole


def _after_prompt(writer: Writer, prompt: str, part: str, message: Message) -> Span | None:
    if not part.startswith(prompt):
        return None
    return _span(part, len(prompt), len(part), message, writer.end_mark)


def _by_marks(
    writer: Writer, messages: Sequence[Message], tools: Sequence[Any], learned: Sequence[int]
) -> tuple[tuple[Span, ...], str] | None:
    """The answers by the template's own marks; none when the marks do not fit the messages."""
    marked = writer.marked(messages, tools)
    answering = [position for position, message in enumerate(messages) if message["role"] == "assistant"]
    if len(marked.spans) != len(answering):
        return None
    spans = []
    for position, (first, stops) in zip(answering, marked.spans, strict=True):
        if position not in learned:
            continue
        ends = stops + len(writer.end_mark) if marked.text.startswith(writer.end_mark, stops) else stops
        prompted = _prompted(writer, marked.text, messages[:position], tools)
        begins = prompted if first < prompted < stops else first
        span = _span(marked.text, begins, ends, messages[position], writer.end_mark)
        words = str(messages[position].get("content") or "").split()[-1:]
        if span is None or any(word not in marked.text[span.begins : span.says] for word in words):
            return None
        spans.append(span)
    return tuple(spans), marked.text


def _prompted(writer: Writer, text: str, before: Sequence[Message], tools: Sequence[Any]) -> int:
    """Where the prompt for an answer ends; 0 when the text does not begin with it. Some marks reach into the prompt."""
    try:
        prompt = writer.text(before, tools, is_open=True) if before else ""
    except Refused:
        return 0
    return len(prompt) if text.startswith(prompt) else 0


def _span(text: str, begins: int, ends: int, message: Message, mark: str) -> Span | None:
    """The learned part of what stands there: up to the end mark that follows what is said, without what comes after."""
    here = text[begins:ends]
    said = str(message.get("content") or "").strip()
    after = here.find(said)  # a template may write it otherwise, its thinking for instance
    place = -1 if not mark else here.find(mark, after + len(said)) if after >= 0 else here.rfind(mark)
    if place < 0:
        kept = len(here.rstrip())
        return Span(begins=begins, says=begins + kept, ends=begins + kept) if kept else None
    if not here[:place].strip():
        return None  # an answer that the template leaves out: its calls of tools
    return Span(begins=begins, says=begins + place, ends=begins + place + len(mark))
