"""Preference accuracy: the share of pairs whose chosen answer is preferred, or of answers that are rated rightly."""

from __future__ import annotations

from sintonia.metrics.accuracy import counts
from sintonia.metrics.metric import Metric, mean_from_counts

PREFERENCE_ACCURACY = Metric(
    name="preference_accuracy",
    title="preference accuracy",
    counts=counts,
    from_counts=mean_from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "What the model writes: it may find the better of two given answers likelier and still write neither, for both "
        "may have become less likely. It does not see by how much an answer is preferred, nor why: where better "
        "answers are longer, length alone scores as much (the rung `length alone` says how much)."
    ),
    is_mean_of_correct=True,
)
