"""Answers in the interface's forms: choices, chunks, logarithms of probabilities. It writes none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sintonia.use import Piece, TokenChance


class Written:
    """The pieces of one answer, put together."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.chances: list[TokenChance] = []
        self.num_tokens, self.finish_reason = 0, "stop"

    def add(self, piece: Piece) -> None:
        """One more piece."""
        self.texts.append(piece.text)
        self.chances += piece.logprobs
        self.num_tokens += piece.num_tokens
        self.finish_reason = piece.finish_reason or self.finish_reason


def choice_of(number: int, written: Written, *, has_logprobs: bool) -> dict[str, Any]:
    """A whole answer."""
    return {
        "index": number,
        "message": {"role": "assistant", "content": whole_letters("".join(written.texts)), "refusal": None},
        "logprobs": logprobs_of(written.chances) if has_logprobs else None,
        "finish_reason": written.finish_reason,
    }


def chunk_of(
    head: dict[str, Any], number: int | None, delta: dict[str, Any], *, finish_reason: str | None = None,
    logprobs: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A piece of an answer; without a number one that has no choices."""
    if "content" in delta:
        delta = delta | {"content": whole_letters(delta["content"])}
    choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
    return {**head, "object": "chat.completion.chunk", "choices": [] if number is None else [choice]}


def logprobs_of(chances: Sequence[TokenChance]) -> dict[str, Any]:
    """Tokens with the logarithms of their probabilities."""
    content = [_chance(one) | {"top_logprobs": [_chance(other) for other in one.top]} for one in chances]
    return {"content": content, "refusal": None}


def whole_letters(text: str) -> str:
    """A text that UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _chance(one: TokenChance) -> dict[str, Any]:
    return {"token": whole_letters(one.token), "logprob": max(one.logprob, -9999.0), "bytes": list(one.bytes)}
