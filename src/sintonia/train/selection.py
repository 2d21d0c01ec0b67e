"""Which weights are the best: the primary metric averaged over neighbours (science.md 2.3). Pure functions.

An evaluation on few examples is noisy; the best of many is mostly the luckiest. So each evaluation after step 0 is
scored by the mean of its metric and those of the evaluations right before and after it, as far as they exist. Ties go
to the lower validation loss of the evaluation itself, then to the earlier one. Step 0 counts only when it is alone.

The choice is exact while training runs, with two copies of weights in memory: when an evaluation ends, the scores of
all evaluations before it are final, for their right neighbour is known now; only its own can still change. So what may
be the best in the end is the best of those before, or the newest. To average the best n weights, n + 1 copies do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sintonia.metrics import METRICS
from sintonia.records import Evaluation

_DIGITS = 12
"""Means of the same values in another order differ after so many digits; they are ties."""


def best_evaluation(evaluations: Sequence[Evaluation], metric_name: str) -> Evaluation:
    """The best evaluation, of those so far; step 0 only when it is alone.

    Raises:
        ValueError: there is no evaluation.
    """
    return best_evaluations(evaluations, metric_name, 1)[0]


def best_evaluations(evaluations: Sequence[Evaluation], metric_name: str, count: int) -> list[Evaluation]:
    """The `count` best evaluations (all, when there are fewer), best first.

    Raises:
        ValueError: there is no evaluation.
    """
    if not evaluations:
        raise ValueError("nothing was evaluated")
    trained = [one for one in evaluations if one.step > 0] or list(evaluations)
    values = [_finite(METRICS[metric_name].goodness(one.metric)) for one in trained]
    scores = [_neighbour_mean(values, position) for position in range(len(trained))]
    losses = [-_finite(-float(np.mean(one.validation_losses))) for one in trained]
    order = sorted(range(len(trained)), key=lambda k: (-scores[k], losses[k], trained[k].step))
    return [trained[k] for k in order[:count]]


def weights_to_keep(evaluations: Sequence[Evaluation], metric_name: str, num_best: int = 1) -> set[int]:
    """Steps whose weights may yet be among the `num_best` best, however training goes on: at most `num_best` + 1.

    All of them were in the answer for the evaluations before, or are of the newest evaluation.

    Raises:
        ValueError: there is no evaluation.
    """
    trained = [one for one in evaluations if one.step > 0] or list(evaluations)
    ranked = best_evaluations(trained, metric_name, len(trained))
    newest = trained[-1].step
    return {newest, *[one.step for one in ranked if one.step != newest][:num_best]}


def _neighbour_mean(values: Sequence[float], position: int) -> float:
    near = values[max(0, position - 1) : position + 2]
    return round(math.fsum(near) / len(near), _DIGITS) if all(map(math.isfinite, near)) else -math.inf


def _finite(goodness: float) -> float:
    """What is not a number is worse than every number."""
    return goodness if math.isfinite(goodness) else -math.inf
