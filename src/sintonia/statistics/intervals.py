"""Intervals of shares in closed form (Wilson), with and without groups, and the room left by the unseen.

It never resamples; `bootstrap.py` does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri


def wilson(successes: float, num_trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share; sensible at 0 and at 1 too (Wilson 1927).

    >>> tuple(round(bound, 4) for bound in wilson(10, 10))
    (0.7225, 1.0)
    """
    if num_trials <= 0 or not 0 <= successes <= num_trials:
        raise ValueError(f"{successes} successes in {num_trials} trials")
    quantile = float(ndtri(0.5 + confidence / 2))
    share, weight = successes / num_trials, quantile**2 / num_trials
    centre = (share + weight / 2) / (1 + weight)
    half = quantile * math.sqrt(share * (1 - share) / num_trials + weight / (4 * num_trials)) / (1 + weight)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == num_trials else min(1.0, centre + half)
    return low, high


def clustered_wilson(
    successes: NDArray[np.float64], sizes: NDArray[np.float64], confidence: float = 0.95
) -> tuple[float, float]:
    """Wilson's interval when examples come in groups: `successes` and `sizes` hold one number a group.

    The number of examples is divided by the design effect (variance between groups over the variance of
    independent examples, at least 1). Where that cannot be measured (all right, all wrong, one group) each
    group counts as one example.
    """
    total, num_groups = float(sizes.sum()), len(sizes)
    share = float(successes.sum()) / total
    effective = float(num_groups)
    if num_groups > 1 and 0 < share < 1:
        spread = float(((successes - share * sizes) ** 2).sum()) * num_groups / (num_groups - 1) / total**2
        effective = min(total, share * (1 - share) / spread) if spread > 0 else total
    return wilson(share * effective, effective, confidence)


def unseen_fraction(num_groups: int, confidence: float = 0.95) -> float:
    """Largest share of the population that can behave in a way never seen in `num_groups` random groups.

    Two-sided at `confidence`; about 3.7 / n at 95 % (the "rule of three").

    >>> round(unseen_fraction(1000), 4)
    0.0037
    """
    if num_groups < 1:
        raise ValueError("an interval needs at least one group")
    return float(1 - ((1 - confidence) / 2) ** (1 / num_groups))
