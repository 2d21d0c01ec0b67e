"""McNemar's mid-p test for answers that are right or wrong, example by example or by whole groups.

Exact and without a seed. It never looks at anything but the counts of fixed and broken answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom


def midp(fixed: int, broken: int) -> float:
    """Two-sided mid-p value that the two counts come from a fair coin; 1 when both are zero.

    Fagerland, Lydersen and Laake 2013 (BMC Med Res Meth 13:91): it keeps the nominal level where the exact
    test is far too timid.

    >>> round(midp(6, 0), 6), midp(3, 3), midp(0, 0)
    (0.015625, 1.0, 1.0)
    """
    if fixed < 0 or broken < 0:
        raise ValueError(f"counts cannot be negative: fixed {fixed}, broken {broken}")
    total, fewer = fixed + broken, min(fixed, broken)
    if fixed == broken:
        return 1.0
    return float(2 * binom.cdf(fewer, total, 0.5) - binom.pmf(fewer, total, 0.5))


def clustered_midp(differences: Sequence[int] | NDArray[np.int64]) -> float:
    """The same test when examples come in groups: the sign of each group's net difference is the fair coin.

    `differences` holds, for each group, fixed minus broken. The null distribution of their sum is computed
    exactly, so groups of one example give `midp(fixed, broken)`.

    >>> round(clustered_midp([1, 1, 1, 1, 1, 1, 0]), 6)
    0.015625
    >>> clustered_midp([40])
    0.5
    """
    values = np.asarray(differences, dtype=np.int64)
    sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
    observed = abs(int(values.sum()))
    if observed == 0:
        return 1.0
    chances = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        step = np.zeros(size * count + 1)
        step[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, step)
    # Position t of `chances` is the chance that the groups that turn positive sum to t: the net sum is then
    # 2 t - total, and the observed net sum lies at (total + observed) / 2.
    total = int((sizes * counts).sum())
    position = (total + observed) // 2
    return float(min(1.0, 2 * chances[position + 1 :].sum() + chances[position]))
