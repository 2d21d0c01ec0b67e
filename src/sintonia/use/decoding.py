"""How a text is to be written, and the pieces it comes in: plain values, no model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sintonia.errors import UsageError

MOST_TOP = 20
"""Likeliest other tokens that may be asked for."""


class ConversationTooLong(UsageError):
    """A conversation leaves the model no room for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How an answer is written."""

    max_new_tokens: int = 512
    temperature: float = 0.0
    """0: always the likeliest token."""
    top_p: float = 1.0
    """Of the likeliest tokens only as many as have this probability together."""
    stop: tuple[str, ...] = ()
    """Texts before which an answer ends."""
    seed: int = 0
    num_top_logprobs: int = 0
    """How many of the likeliest tokens are told at each place."""
    wants_logprobs: bool = False

    def __post_init__(self) -> None:
        """Raises:
        UsageError: a number is out of its range.
        """
        rules = (
            ("max_new_tokens", self.max_new_tokens >= 1, "1 or more"),
            ("temperature", math.isfinite(self.temperature) and self.temperature >= 0, "0 or more"),
            ("top_p", 0 < self.top_p <= 1, "more than 0 and at most 1"),
            ("stop", all(self.stop), "texts that are not empty"),
            ("seed", -(2**63) <= self.seed < 2**63, "a whole number of 64 bits"),
            ("num_top_logprobs", 0 <= self.num_top_logprobs <= MOST_TOP, f"0 to {MOST_TOP}"),
        )
        for name, is_met, expected in rules:
            if not is_met:
                raise UsageError(f"`{name}` is {getattr(self, name)!r}", expected=expected, where=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChance:
    """A token and the logarithm of its probability, as the model gave it: temperature and top_p do not change it."""

    token: str
    bytes: bytes
    """Of its text; of a token within a character only a part of it."""
    logprob: float
    top: tuple[TokenChance, ...] = ()
    """The likeliest tokens at its place, the likeliest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some text of an answer, as it is written."""

    text: str
    num_tokens: int
    """Written since the last piece; the one that ends an answer is not counted."""
    finish_reason: str | None = None
    """`stop` or `length`, of the last piece alone."""
    logprobs: tuple[TokenChance, ...] = ()
