"""Precision, recall and F1 of each class with their intervals, and which classes are taken for which.

It holds the counting; the interval of a share is handed in, since groups and confidence are the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sintonia.metrics.metric import Labels, check_lengths
from sintonia.records.verdict import Interval

Numbers = NDArray[np.float64]
ShareInterval = Callable[[Numbers, Numbers], tuple[float, float]]
"""From successes and trials, one number a group, to the two ends of the interval of their share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One class. A share of nothing (a class never predicted has no precision) is 0, within 0 and 1."""

    label: str
    num_examples: int
    """Targets of this class."""
    num_predictions: int
    precision: Interval
    recall: Interval
    f1: Interval


def per_class(
    targets: Labels, predictions: Labels, labels: Sequence[str], groups: Sequence[str], interval: ShareInterval
) -> tuple[ClassRow, ...]:
    """A row for each of `labels`, in their order, then for other classes that occur, sorted.

    `interval` is Wilson's (`statistics.clustered_wilson`). It holds for F1 too: F1 = 2 J / (1 + J), which rises with
    J, the share of right answers among the examples where target or prediction is the class.
    """
    check_lengths(targets, predictions)
    check_lengths(targets, groups)
    position: dict[str, int] = {}
    members = np.array([position.setdefault(group, len(position)) for group in groups])
    share = _Share(members=members, num_groups=len(position), interval=interval)
    goal, answer = np.array(targets, dtype=object), np.array(predictions, dtype=object)
    others = sorted({*targets, *predictions} - set(labels))
    return tuple(_row(label, goal == label, answer == label, share) for label in (*dict.fromkeys(labels), *others))


def _row(label: str, is_target: NDArray[np.bool_], is_predicted: NDArray[np.bool_], share: _Share) -> ClassRow:
    is_hit = is_target & is_predicted
    jaccard = share.of(is_hit, is_target | is_predicted)
    return ClassRow(
        label=label,
        num_examples=int(is_target.sum()),
        num_predictions=int(is_predicted.sum()),
        precision=share.of(is_hit, is_predicted),
        recall=share.of(is_hit, is_target),
        f1=Interval(**{end: 2 * j / (1 + j) for end, j in zip(_ENDS, _values(jaccard), strict=True)}),
    )


_ENDS = ("value", "low", "high")


def _values(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """Shares of examples that are in groups."""

    members: NDArray[np.int64]
    num_groups: int
    interval: ShareInterval

    def of(self, is_success: NDArray[np.bool_], is_trial: NDArray[np.bool_]) -> Interval:
        """The share of successes among the trials; groups without a trial do not count."""
        if not is_trial.any():
            return Interval(value=0.0, low=0.0, high=1.0)
        successes, trials = (self._by_group(one) for one in (is_success & is_trial, is_trial))
        low, high = self.interval(successes[trials > 0], trials[trials > 0])
        return Interval(value=float(successes.sum() / trials.sum()), low=low, high=high)

    def _by_group(self, is_counted: NDArray[np.bool_]) -> Numbers:
        return np.bincount(self.members, weights=is_counted, minlength=self.num_groups).astype(np.float64)


def confusions(targets: Labels, predictions: Labels, most: int = 5) -> tuple[tuple[str, str, int], ...]:
    """The pairs of classes that are confused most, often first, then by name: target, prediction, how often."""
    check_lengths(targets, predictions)
    wrong = Counter(pair for pair in zip(targets, predictions, strict=True) if pair[0] != pair[1])
    ordered = sorted(wrong.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple((target, prediction, count) for (target, prediction), count in ordered[:most])
