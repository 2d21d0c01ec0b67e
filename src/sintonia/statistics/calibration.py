"""Whether a probability means what it says: calibration error with its noise floor, Brier score, temperature.

Pure functions on arrays. It knows no model and no record, and never calls a model miscalibrated: who does, compares
`calibration_error` with `error_floor` (a perfectly calibrated model has an error too, and on few examples a large one).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NUM_BINS = 15
"""Of equal width (Guo et al. 2017, ICML, and their `temperature_scaling.py`)."""
LEAST_EXAMPLES = 100
"""With fewer validation examples a temperature is noise: its standard deviation is .30 at 50, .19 at 100."""
LOG_TEMPERATURES = (-1.2, 1.8)
SMALLEST = 1e-12
"""What a probability is counted as at least, where its logarithm is taken."""
_CELLS_AT_ONCE = 4_000_000
_PRECISE = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How sure and how often right, bin by bin; arrays of `NUM_BINS` numbers, of an empty bin zero."""

    counts: Array
    confidences: Array
    """Mean confidence in the bin."""
    accuracies: Array
    """Share of right answers in the bin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """What logits are divided by so that their probabilities mean what they say, and what it rests on."""

    value: float | None
    """None where there were too few validation examples to tell."""
    num_examples: int | None
    """None of a model that was trained before temperatures were fitted."""


def reliability(confidences: Sequence[float] | Array, is_correct: Sequence[bool] | NDArray[np.bool_]) -> Reliability:
    """Confidences (probability of the answer that was given, 0 to 1) and right answers, in bins of equal width.

    A bin holds its upper edge and not its lower one; the first holds 0 too.

    Raises:
        ValueError: no example, unequal lengths, or a confidence that is no probability.
    """
    sure, right = np.asarray(confidences, dtype=np.float64), np.asarray(is_correct, dtype=np.float64)
    bins = _bins(sure)
    if len(right) != len(sure):
        raise ValueError(f"{len(sure)} confidences and {len(right)} answers")
    counts, sums, hits = (np.bincount(bins, weights, NUM_BINS) for weights in (None, sure, right))
    least = np.maximum(counts, 1)
    return Reliability(counts=counts.astype(np.float64), confidences=sums / least, accuracies=hits / least)


def calibration_error(confidences: Sequence[float] | Array, is_correct: Sequence[bool] | NDArray[np.bool_]) -> float:
    """Expected calibration error: the mean over examples of |share right - mean confidence| of their bin.

    >>> round(calibration_error([0.9, 0.9, 0.9, 0.9], [True, True, False, False]), 12)
    0.4
    """
    found = reliability(confidences, is_correct)
    return float((found.counts * np.abs(found.accuracies - found.confidences)).sum() / found.counts.sum())


def error_floor(
    confidences: Sequence[float] | Array,
    units: Sequence[Hashable] | None = None,
    *,
    draws: int = 500,
    seed: int = 0,
    quantile: float = 0.95,
) -> float:
    """The error that a perfectly calibrated model with these confidences stays below 95 times in 100.

    Parametric bootstrap: whether each answer is right is drawn from its own confidence. Answers of one unit (the same
    example, answered by several models) are right or wrong together.
    """
    sure = np.asarray(confidences, dtype=np.float64)
    bins = _bins(sure)
    position: dict[Hashable, int] = {}
    shared = np.arange(len(sure)) if units is None else [position.setdefault(one, len(position)) for one in units]
    randomness = np.random.default_rng(seed)
    in_bin = np.zeros((len(sure), NUM_BINS))
    in_bin[np.arange(len(sure)), bins] = 1.0
    at_once = max(1, _CELLS_AT_ONCE // len(sure))
    errors = []
    for start in range(0, draws, at_once):
        chances = randomness.random((min(at_once, draws - start), int(np.max(shared)) + 1))
        excess = (chances[:, shared] < sure).astype(np.float64) - sure
        errors.append(np.abs(excess @ in_bin).sum(axis=1) / len(sure))
    return float(np.quantile(np.concatenate(errors), quantile))


def squared_errors(probabilities: Array, goal: NDArray[np.int64]) -> Array:
    """Brier score of each example: the sum over classes of (probability - 1 for the target, 0 for others)^2.

    `probabilities` (examples, classes); `goal` the position of each target, or -1 for a class the model does not know.
    From 0 (sure and right) to 2 (sure and wrong), rounding kept within.
    """
    of_target = np.where(goal >= 0, probabilities[np.arange(len(goal)), goal], 0.0)
    return np.asarray(np.clip((probabilities**2).sum(axis=1) - 2 * of_target + 1.0, 0.0, 2.0), dtype=np.float64)


def scaled_probabilities(logits: Array, temperature: float | None) -> Array:
    """Softmax of logits (examples, classes) divided by the temperature; None leaves them as they are."""
    return np.exp(_log_softmax(np.asarray(logits, dtype=np.float64) / (temperature or 1.0)))


def as_logits(probabilities: Array) -> Array:
    """Logits whose softmax these probabilities (examples, classes) are; nothing is less likely than `SMALLEST`."""
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST)), dtype=np.float64)


def tempered(probabilities: Array, temperature: float | None) -> Array:
    """Probabilities (examples, classes) at a temperature; None leaves them as they are."""
    return probabilities if temperature is None else scaled_probabilities(as_logits(probabilities), temperature)


def fit_temperature(logits: Array, goal: NDArray[np.int64]) -> Temperature:
    """The temperature that minimises the negative log-likelihood of the targets, log T within `LOG_TEMPERATURES`.

    `logits` (examples, classes) of validation, `goal` as in `squared_errors`; examples of unknown classes are left out,
    for no temperature makes them likelier. The likelihood is convex in 1/T, so the zero of its slope is the only
    minimum; it is found by halving, to the last digits. Fewer than `LEAST_EXAMPLES`: none is fitted. It never changes
    an answer, only how sure the model says it is.

    Raises:
        ValueError: a logit is not a finite number.
    """
    from scipy.optimize import brentq

    is_known = np.asarray(goal) >= 0
    known, targets = np.asarray(logits, dtype=np.float64)[is_known], np.asarray(goal)[is_known]
    if not np.isfinite(known).all():
        raise ValueError("a logit is not a finite number")
    if len(known) < LEAST_EXAMPLES:
        return Temperature(value=None, num_examples=len(known))
    of_target = known[np.arange(len(known)), targets]

    def slope(log_temperature: float) -> float:
        """Of the likelihood along 1/T: positive where the model is surer than it should be."""
        expected = (scaled_probabilities(known, math.exp(log_temperature)) * known).sum(axis=1)
        return float((expected - of_target).mean())

    low, high = LOG_TEMPERATURES
    if slope(low) <= 0:
        found = low
    elif slope(high) >= 0:
        found = high
    else:
        found = brentq(slope, low, high, xtol=_PRECISE, rtol=_PRECISE)
    return Temperature(value=math.exp(found), num_examples=len(known))


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def _bins(confidences: Array) -> NDArray[np.int64]:
    if len(confidences) == 0 or not ((confidences >= 0) & (confidences <= 1 + 1e-6)).all():
        raise ValueError("a calibration error needs at least one confidence, all between 0 and 1")
    upper = np.linspace(0.0, 1.0, NUM_BINS + 1)[1:]
    return np.minimum(np.searchsorted(upper, confidences, side="left"), NUM_BINS - 1)
