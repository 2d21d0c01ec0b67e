"""The task `chat`: what the assistant says in conversations, or plain text. It knows which messages are learned.

It knows no file, no template and no token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NAME = "chat"

METRICS: tuple[str, ...] = ("bits_per_byte", "exact_match")

MICRO_TOKENS = 2048
"""Most tokens of a language model computed at once, where memory allows: more is no faster on a processor."""

Message = Mapping[str, Any]


def learned_positions(messages: Sequence[Message]) -> tuple[int, ...]:
    """Which messages are learned: the assistant's whose weight is not 0.

    >>> learned_positions([{"role": "user"}, {"role": "assistant", "weight": 0}, {"role": "assistant"}])
    (2,)
    """
    return tuple(
        position
        for position, message in enumerate(messages)
        if message.get("role") == "assistant" and message.get("weight") != 0
    )


def whole_content(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """All of a conversation, its answer included; of a text that answers nobody, the text.

    >>> whole_content({"messages": [], "tools": []}, {"role": "assistant", "content": "Once upon a time"})
    {'text': 'Once upon a time'}
    """
    if not asked["messages"]:
        return {"text": answer["content"]}
    return {**asked, "messages": [*asked["messages"], answer]}
