"""How much the best of several candidates flatters itself on the set that it was picked on.

It never picks one.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import quad
from scipy.special import log_ndtr


def selection_optimism(sd_difference: float, num_candidates: int) -> float:
    """Expected validation score of the best of `num_candidates` equally good ones, less what it is truly worth.

    `sd_difference` is the standard error of the difference between two candidates on validation, for a share
    `sqrt(disagreement / examples)`. Candidates that truly differ flatter themselves less. The same unit comes back.

    The expected largest of as many normal numbers. The bound sqrt(2 ln K) of science.md 1.4 is for very many: with
    10 candidates it says twice what is measured.

    >>> round(selection_optimism(math.sqrt(0.05 / 100), 10), 3)
    0.024
    """
    if sd_difference < 0 or num_candidates < 1:
        raise ValueError(f"a standard error of {sd_difference} between {num_candidates} candidates")
    return sd_difference / math.sqrt(2) * _largest_of(num_candidates)


def _largest_of(count: int) -> float:
    """Expected largest of `count` standard normal numbers: the integral of 1 - F^n - (1 - F)^n over x > 0."""

    def beyond(value: float) -> float:
        above = -math.expm1(count * float(log_ndtr(value)))
        return above - math.exp(count * float(log_ndtr(-value)))

    middle = math.sqrt(2 * math.log(count)) if count > 1 else 1.0
    parts = [quad(beyond, low, high, epsabs=1e-13, epsrel=1e-12)[0] for low, high in ((0, middle), (middle, np.inf))]
    return float(sum(parts))
