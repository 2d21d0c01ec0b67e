"""Where examples are missing: kinds of validation examples that are answered provably worse than all the others.

Pure. Over everything that is looked at the share of false finds is held (Benjamini and Hochberg 1995); groups of
near-copies count as what they are, not as so many examples. It knows no model and no text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sintonia.records import Interval, Shortfall
from sintonia.statistics import benjamini_hochberg, clustered_wilson, sum_by_group

Floats = NDArray[np.float64]
LEAST_EXAMPLES = 5
"""Validation examples from which a kind is looked at; there must be as many others."""
FALSE_SHARE = 0.05
"""Of the kinds that are named, the share that may be chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """How badly each validation example was answered."""

    errors: Floats
    """1 where wrong and 0 where right, or a loss (examples,)."""
    sizes: Floats
    """What the errors are divided by: ones, or bytes (examples,)."""
    groups: Sequence[str]

    @property
    def is_right_or_wrong(self) -> bool:
        """Whether errors are 0 or 1, and not losses."""
        return bool(np.isin(self.errors, (0.0, 1.0)).all() and (self.sizes == 1).all())


Columns = Mapping[str, Sequence[str]]
"""What each column says of each validation example; empty where it says nothing."""


def find_missing(
    scored: Scored, columns: Columns, in_training: Mapping[str, Mapping[str, int]] | None = None
) -> tuple[Shortfall, ...]:
    """The kinds that are provably worse, the worst first; `in_training` counts training examples, where known."""
    counts = {} if in_training is None else in_training
    looked = [
        (column, value, is_in)
        for column, values in columns.items()
        for value, is_in in _kinds(values)
        if min(is_in.sum(), (~is_in).sum()) >= LEAST_EXAMPLES
    ]
    adjusted = benjamini_hochberg([_p_value(scored, is_in) for *_, is_in in looked])
    found = [
        Shortfall(
            column=column,
            value=value,
            num_examples=int(is_in.sum()),
            num_train=counts[column].get(value, 0) if column in counts else None,
            error=_interval(scored, is_in),
            other_error=_mean(scored, ~is_in),
            adjusted_p=p,
        )
        for (column, value, is_in), p in zip(looked, adjusted, strict=True)
        if p <= FALSE_SHARE
    ]
    return tuple(sorted(found, key=lambda one: -(one.error.value - one.other_error) * one.num_examples))


def _kinds(values: Sequence[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    array = np.array(values, dtype=object)
    return [(value, np.asarray(array == value, dtype=bool)) for value in Counter(values) if value]


def _mean(scored: Scored, is_in: NDArray[np.bool_]) -> float:
    return float(scored.errors[is_in].sum() / scored.sizes[is_in].sum())


def _p_value(scored: Scored, is_in: NDArray[np.bool_]) -> float:
    """Of the chance that a kind is as bad as the others, or better, and looks so bad: one-sided."""
    if _mean(scored, is_in) <= _mean(scored, ~is_in):
        return 1.0
    if scored.is_right_or_wrong:
        return _exact(scored, is_in)
    return _by_spread(scored, is_in)


def _exact(scored: Scored, is_in: NDArray[np.bool_]) -> float:
    """Fisher's exact test on as many independent examples as the groups are worth."""
    from scipy.stats import fisher_exact

    table = []
    for part in (is_in, ~is_in):
        wrong, size = _by_group(scored, part)
        worth = _worth(wrong, size)
        share = float(wrong.sum() / size.sum())
        table.append([round(share * worth), round((1 - share) * worth)])
    return float(fisher_exact(table, alternative="greater").pvalue)


def _worth(wrong: Floats, size: Floats) -> float:
    """How many independent examples these groups are worth: all of them where wrong answers ignore the groups."""
    total, num_groups = float(size.sum()), len(size)
    share = float(wrong.sum()) / total
    if num_groups < 2 or not 0 < share < 1:
        return float(num_groups)
    spread = float(((wrong - share * size) ** 2).sum()) * num_groups / (num_groups - 1) / total**2
    return min(total, share * (1 - share) / spread) if spread > 0 else total


def _by_spread(scored: Scored, is_in: NDArray[np.bool_]) -> float:
    """Welch's test of two ratios of sums, whose spread is that of whole groups."""
    from scipy.stats import t

    parts = [_ratio(*_by_group(scored, part)) for part in (is_in, ~is_in)]
    spread = float(np.sqrt(sum(error**2 for _, error, _ in parts)))
    if spread == 0:
        return 1.0
    freedom = spread**4 / sum(error**4 / max(num - 1, 1) for _, error, num in parts)
    return float(t.sf((parts[0][0] - parts[1][0]) / spread, freedom))


def _ratio(errors: Floats, sizes: Floats) -> tuple[float, float, int]:
    """A ratio of sums over groups, its standard error, and the number of groups."""
    value, num = float(errors.sum() / sizes.sum()), len(errors)
    missed = errors - value * sizes
    return value, float(np.sqrt((missed**2).sum() * num / max(num - 1, 1)) / sizes.sum()), num


def _by_group(scored: Scored, part: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    both = np.column_stack([scored.errors[part], scored.sizes[part]])
    groups = [group for group, is_in in zip(scored.groups, part, strict=True) if is_in]
    summed = sum_by_group(both, groups)
    dense = np.asarray(summed.toarray() if hasattr(summed, "toarray") else summed, dtype=np.float64)
    return dense[:, 0], dense[:, 1]


def _interval(scored: Scored, is_in: NDArray[np.bool_]) -> Interval:
    """95 %: Wilson's, or two standard errors of a loss."""
    errors, sizes = _by_group(scored, is_in)
    if scored.is_right_or_wrong:
        low, high = clustered_wilson(errors, sizes)
        return Interval(value=_mean(scored, is_in), low=low, high=high)
    value, error, _ = _ratio(errors, sizes)
    return Interval(value=value, low=max(0.0, value - 1.96 * error), high=value + 1.96 * error)
