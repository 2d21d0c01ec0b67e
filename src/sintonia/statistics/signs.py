"""Tests on signs: of real differences example by example, and of wins and losses between two answers.

For means of real numbers, exact when there are few of them. It never resamples rows (`bootstrap.py`), and metrics that
are no mean belong to `randomisation.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sintonia.statistics.mcnemar import midp

MOST_EXACT = 30
"""Up to so many differences that are not zero, all signs are counted: 2 to the 15 sums for each half of them."""
_CELLS_AT_ONCE = 2_000_000
_TIE = 1e-12

Array = NDArray[np.float64]


def sign_flip(differences: Sequence[float] | Array, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value that each difference could as well have the other sign; 1 when their sum is zero.

    `differences` holds one number an example (tuned minus base), or the sum of them for each group. Exact up to
    `MOST_EXACT` that are not zero; beyond, of `draws` random signs, 1 / (draws + 1) at least. The one test for real
    scores of fewer than 30 examples, where no interval can be trusted (science.md 1.1).

    >>> sign_flip([0.2, 0.1, 0.4, 0.3, 0.0])
    0.125
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("differences are one finite number each")
    sizes = np.abs(values[values != 0])
    observed = abs(float(values.sum()))
    tie = _TIE * float(sizes.sum())
    if observed <= tie:
        return 1.0
    if len(sizes) <= MOST_EXACT:
        return _exact(sizes, observed - tie)
    return _drawn(sizes, observed - tie, draws, seed)


def sign_test(wins: int, losses: int, ties: int = 0) -> float:
    """Two-sided mid-p value that a judge likes both as much; a tie is half a win and half a loss.

    Of an odd number of ties one is left out. Counting ties as halves never finds more than leaving them out does: they
    say that the two are alike.

    >>> round(sign_test(60, 40), 3), round(sign_test(30, 10, 60), 3)
    (0.046, 0.046)
    """
    if min(wins, losses, ties) < 0:
        raise ValueError(f"counts cannot be negative: wins {wins}, losses {losses}, ties {ties}")
    return midp(wins + ties // 2, losses + ties // 2)


def _exact(sizes: Array, least: float) -> float:
    """Share of all signs whose sum is `least` or more, either way: the sums of two halves, met in the middle."""
    half = len(sizes) // 2
    first, second = _all_sums(sizes[:half]), np.sort(_all_sums(sizes[half:]))
    as_large = (len(second) - np.searchsorted(second, least - first, side="left")).sum()
    return min(1.0, 2 * float(as_large) / (len(first) * len(second)))


def _all_sums(sizes: Array) -> Array:
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return sums


def _drawn(sizes: Array, least: float, draws: int, seed: int) -> float:
    generator = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // len(sizes))
    as_large = 0
    for start in range(0, draws, at_once):
        is_positive = generator.integers(0, 2, size=(min(at_once, draws - start), len(sizes)))
        sums = (2.0 * is_positive - 1.0) @ sizes
        as_large += int(np.count_nonzero(np.abs(sums) >= least))
    return (as_large + 1) / (draws + 1)
