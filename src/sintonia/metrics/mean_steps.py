"""Mean distance in steps: how far off the answers are, of labels that have an order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts

NAME = "mean_steps"


def counts(order: Sequence[str], targets: Labels, predictions: Labels) -> Any:
    """Columns: steps between target and prediction, and 1.

    A label that is not in the order is as far off as can be.

    >>> counts(("bad", "fair", "good"), ["bad", "good"], ["good", "fair"]).toarray().tolist()
    [[2.0, 1.0], [1.0, 1.0]]
    """
    check_lengths(targets, predictions)
    position = {label: step for step, label in enumerate(order)}
    furthest = float(len(order) - 1)

    def steps(target: str, prediction: str) -> float:
        if target == prediction:
            return 0.0
        if target not in position or prediction not in position:
            return furthest
        return float(abs(position[target] - position[prediction]))

    return mean_counts([steps(one, other) for one, other in zip(targets, predictions, strict=True)])


def mean_steps(order: Sequence[str | int | float]) -> Metric:
    """The metric of labels in this order."""
    return Metric(
        name=NAME,
        title="mean distance in steps",
        counts=partial(counts, tuple(map(str, order))),
        from_counts=mean_from_counts,
        higher_is_better=False,
        range=(0.0, float(len(order) - 1)),
        blind_to="whether every step means the same; whether many answers are one step off or a few at the other end; "
        "and to which side they go",
        is_mean_of_correct=False,
        usual_margin=0.02,
        is_margin_relative=True,
        unit="plain",
    )
