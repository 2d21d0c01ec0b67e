"""What private steps cost, by the accountants of Opacus. It knows no data and keeps nothing.

A step takes each row (or group) with probability q, cuts what it says to length C, and adds noise of standard deviation
sigma * C: the Poisson-subsampled Gaussian mechanism, under adding or removing one of them.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Literal

from sintonia.errors import UsageError

How = Literal["prv", "rdp"]
History = tuple[tuple[float, float, int], ...]
"""Noise multiplier, sampling rate and number of steps, of each stretch of steps."""
_TOLERANCE = 0.01
"""By how much the noise that is found may stay below the budget; of a small budget a hundredth of it."""
_LEAST_NOISE, _SHRINK = 0.05, 0.8
"""What is taken at least, and by how much it is made smaller at once: what far too little noise costs takes the tight
accountant minutes and gigabytes to say."""


def refuse_without_opacus() -> None:
    """Stops where the accountants are not installed.

    Raises:
        UsageError: how they are installed.
    """
    if find_spec("opacus") is None:
        raise UsageError(
            "`privacy.dp` needs the package opacus, which is not installed",
            expected="the accountants that say how much of the budget a step takes",
            hint='pip install "sintonia[dp]"',
        )


@lru_cache(maxsize=512)
def epsilon_spent(history: History, delta: float, how: How = "prv") -> float:
    """The epsilon of these steps together at this delta: an upper bound.

    Raises:
        UsageError: opacus is not installed.
    """
    stretches = [(sigma, rate, steps) for sigma, rate, steps in history if steps > 0]
    if not stretches:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accountant = _accountant(how)
        accountant.history = stretches
        spent = float(accountant.get_epsilon(delta=delta))
    return spent if math.isfinite(spent) else math.inf


@lru_cache(maxsize=128)
def noise_for(epsilon: float, delta: float, rate: float, steps: int, how: How = "prv") -> float:
    """The least noise with which so many steps stay within the budget; never less than that.

    Raises:
        UsageError: no noise is enough.
    """
    refuse_without_opacus()
    high = 1.0
    while epsilon_spent(((high, rate, steps),), delta, how) > epsilon:
        high *= 2
        if high > 1e6:
            raise UsageError(f"no noise makes {steps} steps cost {epsilon:g} or less", hint="take a larger epsilon")
    low, spent = high / 2, epsilon_spent(((high, rate, steps),), delta, how)
    while high <= 1.0:
        low = max(high * _SHRINK, _LEAST_NOISE)
        cost = epsilon_spent(((low, rate, steps),), delta, how)
        if cost > epsilon:
            break
        high, spent = low, cost
        if low == _LEAST_NOISE:
            return low
    while epsilon - spent > min(_TOLERANCE, epsilon / 100) and high - low > 1e-4 * high:
        middle = (low + high) / 2
        cost = epsilon_spent(((middle, rate, steps),), delta, how)
        if cost <= epsilon:
            high, spent = middle, cost
        else:
            low = middle
    return high


def most_steps(epsilon: float, delta: float, planned: tuple[float, float, int], how: How = "prv") -> int:
    """How many of the planned steps stay within the budget with their noise: the next one would exceed it."""
    noise, rate, num_planned = planned
    if epsilon_spent((planned,), delta, how) <= epsilon:
        return num_planned
    low, high = 0, num_planned
    while high - low > 1:
        middle = (low + high) // 2
        if epsilon_spent(((noise, rate, middle),), delta, how) <= epsilon:
            low = middle
        else:
            high = middle
    return low


def _accountant(how: How) -> Any:
    refuse_without_opacus()
    from opacus.accountants import PRVAccountant, RDPAccountant  # type: ignore[import-untyped]

    return PRVAccountant() if how == "prv" else RDPAccountant()
