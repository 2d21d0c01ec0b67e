"""The task `chat`: what the assistant says in conversations, or plain text. It knows which messages are learned.

It knows no file, no template and no token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

NAME = "chat"
IN_WORDS = "conversations"
HUB_TAG = "text-generation"
BASE: Literal["encoder", "language"] = "language"
USUAL_BASE = "smollm2"
METHOD = "lora"
HAS_CLASSES = False
LONGEST = 2048

WEIGHED: tuple[str, ...] = ("bits_per_byte", "exact_match")
"""What can be measured without a word written: these can be followed in training."""

METRICS: tuple[str, ...] = (*WEIGHED, "normalised_match", "token_f1", "rouge_l", "chrf")
"""The others read what the model writes."""

MICRO_TOKENS = 2048
"""Most tokens of a language model computed at once, where memory allows: more is no faster on a processor."""

GROUP_OVERHEAD_TOKENS = 32
"""What a group of padded rows costs whatever is in it, in tokens: transformers' own layers compute such groups."""

NATS_PER_BYTE = "nats per byte"
"""Unit of the losses of its examples."""

LONGEST_ANSWER = 256
"""Tokens of an answer that is written, at most, where nobody says how many."""

PROBE_EXAMPLES = 64
"""Most training examples whose loss is followed in evaluation mode."""

Message = Mapping[str, Any]


def followed_metric(primary_metric: str) -> str:
    """The metric by which training chooses its best weights: writing at every validation would cost too much.

    >>> followed_metric("token_f1"), followed_metric("exact_match")
    ('bits_per_byte', 'exact_match')
    """
    return primary_metric if primary_metric in WEIGHED else WEIGHED[0]


def usual_metric(_is_imbalanced: bool, _form: str) -> tuple[str, str]:
    """How surprised the model is by the right answers, whatever they are."""
    return METRICS[0], "how surprised the model is by the right answers; lower is better"


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


def whole_content(asked: Any, answer: Any) -> dict[str, Any]:
    """All of a conversation, its answer included; of a text that answers nobody, the text.

    >>> whole_content({"messages": [], "tools": []}, {"role": "assistant", "content": "Once upon a time"})
    {'text': 'Once upon a time'}
    """
    if not asked["messages"]:
        return {"text": answer["content"]}
    return {**asked, "messages": [*asked["messages"], answer]}
