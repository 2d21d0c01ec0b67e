"""What a test set of a given size can see, and how large it would have to be.

It never looks at predictions.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

PLANNED_DISAGREEMENT = 0.3
"""Share of examples on which base and tuned are expected to disagree, before anything is measured."""


def minimum_detectable_effect(disagreement: float, num_examples: int, level: float, power: float = 0.8) -> float:
    """Smallest true difference that a paired test at `level` finds with probability `power`; at most 1.

    `disagreement` is the share of examples that only one of the two gets right; for a metric that is no mean,
    `num_examples` times the squared standard error of the difference. At the first opening this is
    3.01 * sqrt(disagreement / num_examples). Never below `fewest_disagreements(level) / num_examples`.

    >>> round(minimum_detectable_effect(0.3, 300, 0.0304), 3)
    0.095
    """
    if num_examples < 1 or disagreement < 0:
        raise ValueError(f"disagreement {disagreement} on {num_examples} examples")
    effect = _quantiles(level, power) * math.sqrt(disagreement / num_examples)
    return min(1.0, max(effect, fewest_disagreements(level) / num_examples))


def detectable_difference(standard_error: float, level: float, power: float = 0.8) -> float:
    """Smallest true difference that a paired test at `level` finds with probability `power`: 3.01 standard errors.

    For differences without an upper end, such as those of losses.

    >>> round(detectable_difference(0.01, 0.0304), 4)
    0.0301
    """
    if standard_error < 0:
        raise ValueError(f"a standard error of {standard_error}")
    return _quantiles(level, power) * standard_error


def examples_needed(disagreement: float, difference: float, level: float, power: float = 0.8) -> int:
    """Examples that find a true `difference`: 9.04 * disagreement / difference^2 at the first opening.

    >>> examples_needed(0.3, 0.05, 0.0304)
    1085
    """
    if difference == 0:
        raise ValueError("no number of examples decides a difference of zero")
    return max(1, math.ceil(_quantiles(level, power) ** 2 * disagreement / difference**2))


def fewest_disagreements(level: float) -> int:
    """Fewest disagreements, all in one direction, whose mid-p value is under `level`.

    >>> fewest_disagreements(0.0304)
    6
    """
    if not 0 < level < 1:
        raise ValueError(f"a significance level lies between 0 and 1, not at {level}")
    return math.floor(-math.log2(level)) + 1


def _quantiles(level: float, power: float) -> float:
    if not (0 < level < 1 and 0 < power < 1):
        raise ValueError(f"level {level} and power {power} lie between 0 and 1")
    return float(ndtri(1 - level / 2) + ndtri(power))
