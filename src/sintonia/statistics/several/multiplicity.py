"""P-values of several tests at once, adjusted so that each can be held against the level as if it were alone.

It never decides which tests belong together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the order given: the chance of one false finding or more stays at the level (Holm 1979).

    For several candidates against the base on one test.

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    values, order = _ordered(p_values)
    steps = np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values))))
    return _in_place(steps, order)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the order given: of all that is found, the expected false share stays at the level.

    For tables of slices (Benjamini and Hochberg 1995; tests that are independent or depend positively).

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    (0.03, 0.04, 0.04)
    """
    values, order = _ordered(p_values)
    ratios = values[order] * len(values) / (1 + np.arange(len(values)))
    return _in_place(np.minimum.accumulate(ratios[::-1])[::-1], order)


def _ordered(p_values: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values lie between 0 and 1")
    return values, np.argsort(values, kind="stable")


def _in_place(adjusted: NDArray[np.float64], order: NDArray[np.int64]) -> tuple[float, ...]:
    placed = np.empty(len(order))
    placed[order] = np.minimum(adjusted, 1.0)
    return tuple(placed.tolist())
