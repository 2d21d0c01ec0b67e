"""Do the answers follow from the prompts, or has only been learned how answers look?

Random answers can be learned in a sense: their length, their words, their endings. Bits per byte then fall although
nothing of use was learned. So each answer is weighed again behind the prompt of another example: where that makes no
difference, a gain is none. It decides nothing itself.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.evaluate.language import Weigher
from sintonia.records import Example, Finding
from sintonia.tasks.chat import learned_positions

MOST_WEIGHED = 200
"""Test examples that are weighed twice; the answer is clear long before."""
_FEWEST_GROUPS = 10
_Z_95 = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """One answer behind its own prompt and behind another's."""

    group: str
    own_nats: float
    other_nats: float
    num_bytes: int


def swap_prompts(weights: Path, examples: Sequence[Example], learn: str) -> tuple[Swapped, ...]:
    """The last answers of some examples, weighed by the candidate in a folder behind both prompts.

    Empty where nothing answers a prompt: plain texts, or all tokens learned.
    """
    from sintonia.models.language.saved import open_language_candidate

    if learn != "answers" or not _pairs(examples):
        return ()
    return weigh_swapped(Weigher(open_language_candidate(weights)), examples)


def weigh_swapped(weigher: Weigher, examples: Sequence[Example]) -> tuple[Swapped, ...]:
    """The same by an open model, tuned or not; at most 200 examples are weighed."""
    pairs, most = _pairs(examples), weigher.opened.max_tokens
    own = weigher.render([_answered(one, one) for one, _ in pairs], most)
    other = weigher.render([_answered(two, one) for one, two in pairs], most)
    found = zip(pairs, own, weigher.weigh(own)[0], other, weigher.weigh(other)[0], strict=True)
    return tuple(
        Swapped(group=one.group, own_nats=float(nats), other_nats=float(swapped), num_bytes=row.num_bytes)
        for (one, _), row, nats, swapped_row, swapped in found
        if row.num_bytes and row.num_bytes == swapped_row.num_bytes
    )


def prompt_doubts(swapped: Sequence[Swapped]) -> tuple[Finding, ...]:
    """E309 when the answers are no more likely behind their own prompts (one-sided 95 %, groups kept together)."""
    by_group: dict[str, list[float]] = defaultdict(list)
    for one in swapped:
        by_group[one.group].append(one.other_nats - one.own_nats)
    gains = np.array([sum(gains) for gains in by_group.values()])
    if len(gains) < _FEWEST_GROUPS:
        return ()
    if gains.mean() > _Z_95 * gains.std(ddof=1) / len(gains) ** 0.5:
        return ()
    bits = [
        sum(getattr(one, name) for one in swapped) / np.log(2) / sum(one.num_bytes for one in swapped)
        for name in ("own_nats", "other_nats")
    ]
    return (
        Finding(
            code="E309",
            severity="warning",
            count=len(swapped),
            message=f"the answers are as likely behind the prompts of other examples ({bits[1]:.3f} bits per byte) as "
            f"behind their own ({bits[0]:.3f}): what was learned is how answers look, not what they answer",
            hint="check that the answers stand beside their prompts; train longer, or on more examples",
        ),
    )


def _pairs(examples: Sequence[Example]) -> list[tuple[Example, Example]]:
    """Some examples, each with another of another group, always the same."""
    able = [one for one in examples if one.whole.get("messages")]
    drawn = random.Random(0).sample(able, min(MOST_WEIGHED, len(able)))
    pairs = []
    for position, one in enumerate(drawn):
        rotated = (drawn[(position + len(drawn) // 2 + k) % len(drawn)] for k in range(len(drawn)))
        other = next((two for two in rotated if two.group != one.group and two.target != one.target), None)
        if other is not None:
            pairs.append((one, other))
    return pairs


def _answered(asked: Example, answered: Example) -> dict[str, Any]:
    """The prompt of one example with the last answer of another, which alone is learned."""
    before, answers = _messages(asked), _messages(answered)
    prompt = [
        {**message, "weight": 0} if message.get("role") == "assistant" else message
        for message in before[: learned_positions(before)[-1]]
    ]
    return {**asked.whole, "messages": [*prompt, answers[learned_positions(answers)[-1]]]}


def _messages(example: Example) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = example.whole["messages"]
    return messages
