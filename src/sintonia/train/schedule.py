"""The learning rate of each step."""

from __future__ import annotations

import math


def learning_rate_factor(schedule: str, step: int, total_steps: int, warmup_fraction: float) -> float:
    """Factor in 0..1 for the step with index `step` (from 0): a linear rise, then the schedule's way down."""
    warmup = round(warmup_fraction * total_steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, total_steps - warmup)
    if schedule == "linear":
        return 1.0 - progress
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0


def evaluation_steps(total_steps: int, evaluations: int) -> set[int]:
    """After which steps the validation set is scored; the last step is among them."""
    count = min(evaluations, total_steps)
    return {round(total_steps * (k + 1) / count) for k in range(count)}
