"""The task `prefer`: which of two answers is better, or whether one answer is wanted.

It knows no file, no template and no token.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sintonia.errors import UsageError
from sintonia.settings import PreferSettings

NAME = "prefer"
IN_WORDS = "preferring answers"
HUB_TAG = "text-generation"
BASE: Literal["encoder", "language"] = "language"
USUAL_BASE = "smollm2"
METHOD = "lora"
HAS_CLASSES = False
LONGEST = 2048

METRICS: tuple[str, ...] = ("preference_accuracy",)

MICRO_TOKENS = 2048
"""Most tokens of a language model computed at once, where memory allows."""
PROBE_EXAMPLES = 64
"""Most training examples whose loss is followed in evaluation mode."""

CHOSEN, REJECTED = "chosen", "rejected"
"""What is said of a pair: the chosen answer is preferred, or the other one."""
WANTED, UNWANTED = "wanted", "unwanted"
"""What is said of a single answer."""
LOSSES = ("dpo", "ipo", "orpo", "kto", "simpo")
OF_SINGLE_RATINGS = "kto"
"""The one loss that learns from single ratings; it learns from pairs too, as two ratings each."""
USUAL_BETA = {"dpo": 0.1, "ipo": 0.1, "orpo": 0.1, "kto": 0.1, "simpo": 2.0}
"""TRL's defaults, and of SimPO what its paper takes: its margin is a mean over tokens, so it is small."""


def followed_metric(primary_metric: str) -> str:
    """The metric by which training chooses its best weights: nothing is written, so it is the primary one."""
    return primary_metric


def usual_metric(_is_imbalanced: bool, _form: str) -> tuple[str, str]:
    """How often the better answer is preferred."""
    return METRICS[0], "how often the better answer is preferred, or an answer rated rightly; higher is better"


def whole_content(asked: Any, answer: Any) -> dict[str, Any]:
    """The prompt with its two answers, or with the one that was rated.

    >>> whole_content({"messages": []}, {"completion": [], "is_desirable": True})
    {'messages': [], 'completion': [], 'is_desirable': True}
    """
    return {**asked, **answer}


RATES = {"lora": (1e-5, "method lora, task prefer"), "full": (1e-6, "method full, task prefer")}
"""Learning rates by method (science.md 6.1): a preference is a small step away from the base."""


def usual_loss(is_single: bool) -> str:
    """The loss where none is asked for, of single ratings or of pairs."""
    return OF_SINGLE_RATINGS if is_single else LOSSES[0]


_OF_LOSS = {"target_margin": "simpo", "wanted_weight": "kto", "unwanted_weight": "kto", "learns_prompt": "orpo"}
"""Settings of one loss each."""


def filled(asked: PreferSettings, form: str) -> PreferSettings:
    """What is minimised, without any `auto`; `form` is how the rows are written down.

    Raises:
        UsageError: the loss needs two answers to each prompt, and the rows have one with a rating.
    """
    is_single = "unpaired" in form
    loss = usual_loss(is_single) if asked.loss == "auto" else asked.loss
    if is_single and loss != OF_SINGLE_RATINGS:
        raise UsageError(
            f"`prefer.loss` is {loss}, which needs two answers to each prompt; the rows have one with a rating",
            expected=f"`{OF_SINGLE_RATINGS}`",
            hint="leave it on auto",
        )
    plain = PreferSettings()
    idle = [name for name, of in _OF_LOSS.items() if of != loss and getattr(asked, name) != getattr(plain, name)]
    if idle:
        raise UsageError(
            "; ".join(f"`prefer.{name}` has no effect with the loss {loss}" for name in idle),
            hint="; ".join(f"it is of `{_OF_LOSS[name]}`" for name in idle),
        )
    values: dict[str, Any] = {"loss": loss, "beta": USUAL_BETA[loss] if asked.beta == "auto" else asked.beta}
    return dataclasses.replace(asked, **values)


def target_of(content: Mapping[str, Any]) -> str:
    """What should be said of an example.

    >>> target_of({"messages": [], "chosen": [], "rejected": []}), target_of({"completion": [], "is_desirable": False})
    ('chosen', 'unwanted')
    """
    if is_pair(content):
        return CHOSEN
    return WANTED if content["is_desirable"] else UNWANTED


def is_pair(content: Mapping[str, Any]) -> bool:
    """Whether the content has two answers, and not one with a rating."""
    return CHOSEN in content


def answers_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """What the answers of an example say, calls of tools left out: two texts, or one."""
    names = (CHOSEN, REJECTED) if is_pair(content) else ("completion",)
    return tuple("\n".join(str(one.get("content") or "") for one in content[name]) for name in names)


def is_yes(target: str) -> bool:
    """Whether the target says that the chosen answer is better, or that the answer is wanted."""
    return target in (CHOSEN, WANTED)


def decide(margins: Sequence[float], targets: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    """What positive margins (chosen, wanted) and negative ones say; where one is 0, half of the ids say yes.

    >>> decide([0.2, -0.1], ["chosen", "unwanted"], ["a", "b"])
    ('chosen', 'unwanted')
    """
    undecided = [k for k, margin in enumerate(margins) if margin == 0]
    ordered = sorted(undecided, key=lambda k: hashlib.sha256(ids[k].encode()).digest())
    lucky = set(ordered[: (len(ordered) + 1) // 2])
    said = [(margin > 0 or k in lucky) for k, margin in enumerate(margins)]
    words = [(CHOSEN, REJECTED) if target in (CHOSEN, REJECTED) else (WANTED, UNWANTED) for target in targets]
    return tuple(yes if is_yes else no for is_yes, (yes, no) in zip(said, words, strict=True))


def as_conversation(content: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt with its better answer, or with the one that was rated: what is looked at before any training.

    >>> as_conversation({"messages": [{"role": "assistant"}], "chosen": [{"role": "assistant"}], "rejected": []})
    {'messages': [{'role': 'assistant', 'weight': 0}, {'role': 'assistant'}]}
    """
    before = [{**one, "weight": 0} if one["role"] == "assistant" else one for one in content["messages"]]
    tools = {"tools": content["tools"]} if content.get("tools") else {}
    return {"messages": [*before, *content[CHOSEN if is_pair(content) else "completion"]], **tools}
