"""Brier score: the squared distance between the probabilities of all labels and what came true (Brier 1950)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts

_ROUNDING = 1e-6


def counts(targets: Labels, squared_errors: Sequence[float]) -> Any:
    """Columns: sum over the labels of (probability - 1 for the target, else 0)^2; examples.

    Raises:
        ValueError: a squared error is not within 0 and 2.
    """
    check_lengths(targets, squared_errors)
    if not all(0 <= error <= 2 + _ROUNDING for error in squared_errors):
        raise ValueError("squared errors of probabilities lie within 0 and 2")
    return mean_counts(np.minimum(squared_errors, 2.0).tolist())


BRIER = Metric(
    name="brier",
    title="Brier score",
    counts=counts,
    from_counts=mean_from_counts,
    higher_is_better=False,
    range=(0.0, 2.0),
    blind_to=(
        "Why it is high: doubtful right answers and sure wrong ones give the same number, and so do many small errors "
        "and a few large ones. With rare labels it stays low for a model that never names them."
    ),
    is_mean_of_correct=False,
    reads="squared_errors",
    usual_margin=0.02,
    is_margin_relative=True,
    unit="plain",
)
