"""The task `pretrain`: a language model goes on with its first training, on plain text of a domain, before any task.

It knows no file and no token.
"""

from __future__ import annotations

from typing import Any, Literal

NAME = "pretrain"
IN_WORDS = "going on in plain text"
HUB_TAG = "text-generation"
BASE: Literal["encoder", "language"] = "language"
USUAL_BASE = "smollm2"
METHOD = "lora"
"""It forgets less than training all weights, at equal learning (science.md 7)."""
HAS_CLASSES = False
LONGEST = 2048
METRICS: tuple[str, ...] = ("bits_per_byte",)

MICRO_TOKENS = 2048
"""Most tokens of a language model computed at once, where memory allows."""
PROBE_EXAMPLES = 64
"""Most training examples whose loss is followed in evaluation mode."""

MOST_EPOCHS = 3
"""Text that is read up to about four times teaches nearly as much as new text, and less from then on (Muennighoff et
al. 2023, Scaling Data-Constrained Language Models)."""
STEPS = 150
_BATCHES = (2, 8)
"""Fewest and most passages of a step: each holds as many tokens as several answers."""


def followed_metric(primary_metric: str) -> str:
    """The metric by which training chooses its best weights: nothing is written, so it is the primary one."""
    return primary_metric


def usual_metric(_is_imbalanced: bool, _form: str) -> tuple[str, str]:
    """How surprised the model is by text of the domain."""
    return METRICS[0], "how surprised the model is by passages that it has not read; lower is better"


def usual_batch(num_train: int) -> int:
    """Passages of a step, so that the epochs there are make about as many steps as are aimed at.

    >>> usual_batch(60), usual_batch(300), usual_batch(5000)
    (2, 6, 8)
    """
    least, most = _BATCHES
    return min(max(num_train * MOST_EPOCHS // STEPS, least), most)


def whole_content(asked: Any, _answer: Any) -> dict[str, Any]:
    """The text of a passage, which goes on after it: that it ends is not learned, since most do not.

    >>> whole_content("It rained.", "")
    {'text': 'It rained.', 'goes_on': True}
    """
    return {"text": asked, "goes_on": True}
