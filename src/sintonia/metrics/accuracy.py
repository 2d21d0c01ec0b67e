"""Accuracy: the share of predictions that equal their target."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics.metric import Array, Labels, Metric, check_lengths


def counts(targets: Labels, predictions: Labels) -> Any:
    """Columns: right answers, examples."""
    check_lengths(targets, predictions)
    right = [float(target == prediction) for target, prediction in zip(targets, predictions, strict=True)]
    return csr_array(np.column_stack([right, np.ones(len(right))]))


def from_counts(totals: Array) -> Array:
    """Right answers over examples."""
    return np.asarray(totals[..., 0] / totals[..., 1], dtype=np.float64)


ACCURACY = Metric(
    name="accuracy",
    title="accuracy",
    counts=counts,
    from_counts=from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "Which classes the mistakes fall on: with 95 % of the examples in one class, always answering that "
        "class scores 95 %. It also counts every mistake as equally bad and ignores how sure the model was."
    ),
    is_mean_of_correct=True,
)
