"""What a metric is: a number, the additive counts behind it, and what it hides. No metric lives here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = Sequence[str]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A way to turn targets and predictions into one number, that says what it is blind to."""

    name: str
    title: str
    """The name in prose."""
    counts: Callable[[Labels, Labels], Any]
    """From targets and predictions to a sparse array with one row an example; rows add up.
    The columns depend on the targets only, so that two subjects on the same targets have the same columns."""
    from_counts: Callable[[Array], Array]
    """From total counts, shape (..., columns), to the metric, shape (...). A label that no total holds as a
    target does not count."""
    higher_is_better: bool
    range: tuple[float, float]
    blind_to: str
    """What this number hides, in words for the report."""
    is_mean_of_correct: bool
    """Whether it is the share of right answers: then McNemar's test and Wilson's interval hold."""

    def __post_init__(self) -> None:
        if not self.blind_to.strip():
            raise ValueError(f"metric {self.name} must say what it is blind to")

    def function(self, targets: Labels, predictions: Labels) -> float:
        """The metric of these predictions."""
        totals = np.asarray(self.counts(targets, predictions).sum(axis=0), dtype=np.float64)
        return float(self.from_counts(totals.reshape(1, -1))[0])


def check_lengths(targets: Labels, predictions: Labels) -> None:
    """Raise ValueError unless there is one prediction for each of at least one target."""
    if len(targets) == 0 or len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} targets and {len(predictions)} predictions")
