"""Accuracy: the share of predictions that equal their target."""

from __future__ import annotations

from typing import Any

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts


def counts(targets: Labels, predictions: Labels) -> Any:
    """Columns: right answers, examples."""
    check_lengths(targets, predictions)
    return mean_counts([float(target == prediction) for target, prediction in zip(targets, predictions, strict=True)])


ACCURACY = Metric(
    name="accuracy",
    title="accuracy",
    counts=counts,
    from_counts=mean_from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "Which classes the mistakes fall on: with 95 % of the examples in one class, always answering that "
        "class scores 95 %. It also counts every mistake as equally bad and ignores how sure the model was."
    ),
    is_mean_of_correct=True,
)
