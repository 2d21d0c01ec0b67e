"""How strict the test is at each opening of the same test set.

It never counts the openings: `sealed` does.
"""

from __future__ import annotations

import math

OVERALL_LEVEL = 0.05


def level_of_opening(opening: int) -> float:
    """Significance level of the k-th opening (k from 1): 0.05 * 6 / (pi^2 k^2) = .0304, .0076, .0034 ...

    The levels of all openings, however many, add up to 0.05 (science.md 1.4).

    >>> [round(level_of_opening(k), 4) for k in (1, 2, 3)]
    [0.0304, 0.0076, 0.0034]
    """
    if opening < 1:
        raise ValueError(f"openings are counted from 1, not {opening}")
    return OVERALL_LEVEL * 6 / (math.pi**2 * opening**2)
