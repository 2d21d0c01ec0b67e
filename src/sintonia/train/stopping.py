"""Which evaluation is the best, and when to stop early (science.md 2.3). Pure functions of the evaluations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sintonia.records import Evaluation

_Z_99 = 2.326


def best_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The evaluation with the best metric, the lower loss breaking ties; step 0 counts only when it is alone."""
    trained = [one for one in evaluations if one.step > 0] or list(evaluations)
    return max(trained, key=lambda one: (one.metric, -float(np.mean(one.validation_losses))))


def has_risen(evaluations: Sequence[Evaluation]) -> bool:
    """Whether the last validation losses lie above the lowest ones beyond chance (paired, one-sided 99 %)."""
    losses = np.array([one.validation_losses for one in evaluations])
    lowest = int(losses.mean(axis=1).argmin())
    if lowest == len(evaluations) - 1:
        return False
    difference = losses[-1] - losses[lowest]
    error = float(difference.std(ddof=1)) / len(difference) ** 0.5 if len(difference) > 1 else 0.0
    return bool(difference.mean() > max(_Z_99 * error, 1e-12))


def should_stop(evaluations: Sequence[Evaluation], patience: int) -> bool:
    """True when the loss has risen on two successive evaluations and the metric is stale for `patience`."""
    if len(evaluations) < 3:
        return False
    stale = len(evaluations) - 1 - evaluations.index(best_evaluation(evaluations))
    return stale >= patience and has_risen(evaluations) and has_risen(evaluations[:-1])
