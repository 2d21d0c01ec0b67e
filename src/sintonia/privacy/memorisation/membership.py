"""Scores that tell training rows from rows held out, and how well they do: pure functions on losses.

The score of a row is how much lower its loss is than was to be expected of somebody who never saw it. What the
untouched base loses on the row says how hard it is (calibration by difficulty, Watson et al. 2022, arXiv 2111.08440).
Thresholds and levels of reliability.md 12 (P2a, P2c). No text comes here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FALSE_ALARMS = 0.01
"""Share of the held-out rows that may be taken for training rows."""
LEAST_HELD_OUT = 100
"""Of fewer rows one is more than one in a hundred: nothing can be read at this share."""
SAME_SOURCE = 0.55
"""A bag of words that tells the two sets better than this shows that they are not of one source (P2c)."""
_GUARD_QUANTILE = 2.326
"""Of few rows chance alone goes beyond .55: the limit is where one in a hundred comparisons of one source lies."""
_DRAWS = 2_000
_TAILS = (0.025, 0.975)


def calibrate(
    tuned: Array, untuned: Array | None, is_held_out: NDArray[np.bool_], share: float | None = None
) -> tuple[Array, float]:
    """Scores of rows, higher where the row is better known than was to be expected, and the share of the base's loss
    that was taken off.

    With `share` it is that: 1 for a base whose loss is of the same kind. Without, it is what best explains the losses
    of the tuned model on the held-out rows, a slope between 0 and 1: a probe of the base is a rougher measure, and
    taking off all of its loss would only add its noise. It is fitted on held-out rows alone, one number on all of them.

    >>> import numpy as np
    >>> calibrate(np.array([1.0, 2.0]), np.array([3.0, 2.0]), np.array([False, True]), 1.0)[0].tolist()
    [2.0, 0.0]
    """
    if untuned is None:
        return -tuned, 0.0
    if share is None:
        share = _slope(untuned[is_held_out], tuned[is_held_out])
    return share * untuned - tuned, share


def _slope(given: Array, wanted: Array) -> float:
    """Of least squares, between 0 and 1."""
    spread = given - given.mean()
    variance = float(spread @ spread)
    return float(np.clip(spread @ wanted / variance, 0.0, 1.0)) if variance > 0 else 0.0


def auc_interval(
    members: Array, held_out: Array, groups: tuple[Sequence[Hashable], Sequence[Hashable]], seed: int = 0
) -> tuple[float, float, float]:
    """How often a member scores higher than a held-out row (ties count half), with its interval at 95 %.

    Both sets are drawn again on their own, whole groups at a time (two-sample cluster bootstrap, percentiles): no row
    is in both, so that there is nothing to pair.

    >>> import numpy as np
    >>> auc_interval(np.array([2.0, 1.0]), np.array([1.0, 0.0]), ("ab", "cd"))[0]
    0.875
    """
    wins = (members[:, None] > held_out[None, :]) + 0.5 * (members[:, None] == held_out[None, :])
    first, second = (_membership(one) for one in groups)
    by_group, sizes = first @ wins @ second.T, (first.sum(axis=1), second.sum(axis=1))
    generator = np.random.default_rng(seed)
    drawn = [_times(generator, len(size)) for size in sizes]
    totals = ((drawn[0] @ by_group) * drawn[1]).sum(axis=1)
    values = totals / ((drawn[0] @ sizes[0]) * (drawn[1] @ sizes[1]))
    value = float(wins.mean())
    low, high = (float(one) for one in np.quantile(values, _TAILS))
    return value, min(low, value), max(high, value)


def _membership(groups: Sequence[Hashable]) -> Array:
    """Which rows a group has, (groups, rows)."""
    position: dict[Hashable, int] = {}
    index = [position.setdefault(one, len(position)) for one in groups]
    found = np.zeros((len(position), len(index)))
    found[index, np.arange(len(index))] = 1.0
    return found


def _times(generator: np.random.Generator, num_groups: int) -> Array:
    """How often each group is drawn, (draws, groups)."""
    return generator.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=_DRAWS).astype(np.float64)


def recognised_share(members: Array, held_out: Array) -> float | None:
    """Share of the members that score higher than all held-out rows but 1 % of them (TPR at 1 % FPR).

    None of fewer than 100 held-out rows: there one row would be more than 1 %. A tie is not recognised.

    >>> import numpy as np
    >>> recognised_share(np.array([9.5, 98.5, 99.0, 100.0]), np.arange(100.0))
    0.75
    """
    if len(held_out) < LEAST_HELD_OUT or not len(members):
        return None
    return float((members > _threshold(held_out)).mean())


def _threshold(held_out: Array) -> float:
    """The highest score that more than 1 % of the held-out rows reach."""
    num_alarms = int(FALSE_ALARMS * len(held_out))
    return float(np.sort(held_out)[::-1][num_alarms])


def chance_of_recognised(members: Array, held_out: Array, groups: Sequence[Sequence[Hashable]]) -> float | None:
    """How likely it is that so many members or more lie above that threshold where nothing tells the two apart.

    Exact: where all orders are as likely, how many members come before held-out row number k + 1 from the top is drawn
    without putting back (negative hypergeometric). One row a group counts, the first, since rows of a group go
    together. None where the share cannot be read.
    """
    first, second = (scores[_firsts(of)] for scores, of in zip((members, held_out), groups, strict=True))
    if len(second) < LEAST_HELD_OUT or not len(first):
        return None
    from scipy.stats import nhypergeom

    above = int((first > _threshold(second)).sum())
    num_before = int(FALSE_ALARMS * len(second)) + 1
    return float(nhypergeom.sf(above - 1, len(first) + len(second), len(first), num_before)) if above else 1.0


def _firsts(groups: Sequence[Hashable]) -> list[int]:
    return sorted({group: k for k, group in reversed(list(enumerate(groups)))}.values())


def limit_of_told_apart(num_each: int) -> float:
    """What a bag of words may reach where two sets of so many rows each are of one source: .55, or of few rows what one
    in a hundred comparisons of one source reaches by chance (the variance of the rank sum, ties aside).

    >>> limit_of_told_apart(500), round(limit_of_told_apart(100), 3)
    (0.55, 0.595)
    """
    spread = float(np.sqrt((2 * num_each + 1) / (12 * num_each**2)))
    return max(SAME_SOURCE, 0.5 + _GUARD_QUANTILE * spread)
