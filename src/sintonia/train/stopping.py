"""When to stop early (science.md 2.3). Pure functions of the evaluations; which of them is best is `selection.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from sintonia.records import Evaluation
from sintonia.train import selection

_LEVEL = 0.01
_LEAST_RISE = 0.02
"""Least rise that matters, as a share of the validation loss at step 0."""
_PATIENT_SHARE = 0.15


def patience_of(asked: int, num_planned: int) -> int:
    """Evaluations without a better metric before training may stop: what was asked, at least 15 % of the planned ones.

    >>> patience_of(3, 8), patience_of(3, 50)
    (3, 8)
    """
    return max(asked, math.ceil(_PATIENT_SHARE * num_planned))


def has_risen(evaluations: Sequence[Evaluation]) -> bool:
    """Whether the last validation loss lies above the lowest one beyond chance, while the training loss fell.

    Paired by example, one-sided 99 % (shared among the evaluations, of which the lowest was picked), and by at least
    2 % of the loss at the first evaluation. A rise of both losses is no overfitting: with a learning rate that goes
    down to zero, both mostly come back.
    """
    losses = np.array([one.validation_losses for one in evaluations], dtype=np.float64)
    if not np.isfinite(losses).all():
        return False
    lowest, last = int(losses.mean(axis=1).argmin()), len(evaluations) - 1
    difference = losses[last] - losses[lowest]
    if lowest == last or len(difference) < 2:
        return False
    error = float(difference.std(ddof=1)) / math.sqrt(len(difference))
    z = float(norm.ppf(1 - _LEVEL / len(evaluations)))
    is_proven = difference.mean() > max(z * error, _LEAST_RISE * float(losses[0].mean()), 1e-12)
    has_learned = np.mean(evaluations[last].train_losses) < np.mean(evaluations[lowest].train_losses)
    return bool(is_proven and has_learned)


def should_stop(evaluations: Sequence[Evaluation], patience: int, metric_name: str) -> bool:
    """True when the loss has risen on two successive evaluations and the metric is stale for `patience`.

    `patience` is that of `patience_of`.
    """
    if len(evaluations) < 3:
        return False
    best = selection.best_evaluation(evaluations, metric_name)
    stale = len(evaluations) - 1 - [one.step for one in evaluations].index(best.step)
    return stale >= patience and has_risen(evaluations) and has_risen(evaluations[:-1])
