"""Is the tuned model right as often as it says? Scorecards in, a record and perhaps a finding out.

It fits nothing: the temperature was fitted on validation and is saved with the model.
"""

from __future__ import annotations

import numpy as np

from sintonia.evaluate.answers import count_repeats, is_right
from sintonia.records import Calibration, Finding, Interval, ReliabilityBin, Scorecard
from sintonia.statistics import wilson
from sintonia.statistics.calibration import (
    LEAST_EXAMPLES,
    NUM_BINS,
    Reliability,
    Temperature,
    calibration_error,
    error_floor,
    reliability,
)

_SERIOUS = 0.05
"""As far above its floor, an error is a warning and not a note."""
_ONE_SIDED = 0.8
"""Share of the error that is too sure on the whole (or not sure enough), from which it is called that."""


def calibrate(before: Scorecard | None, after: Scorecard, temperature: Temperature | None) -> Calibration | None:
    """How the confidences of a scorecard hold; none where it has no labels or no confidences.

    `before` is the same subject without its temperature (none: it has none), `after` the one that is shipped.
    `temperature` is none of the answers of several models, each of which has its own.
    """
    if not has_confidences(after):
        return None
    right = is_right(after)
    found = reliability(after.confidences, right)
    error, floor = calibration_error(after.confidences, right), error_floor(after.confidences, after.ids)
    return Calibration(
        temperature=temperature.value if temperature else None,
        num_validation=temperature.num_examples if temperature else None,
        num_examples=len(set(after.ids)),
        error=error,
        floor=floor,
        is_miscalibrated=error > floor,
        nll=float(np.mean(after.losses)),
        brier=float(np.mean(after.squared_errors)) if after.squared_errors else None,
        raw_error=calibration_error(before.confidences, is_right(before)) if before else None,
        bins=tuple(_bin(found, k, count_repeats(after.ids)) for k in range(NUM_BINS) if found.counts[k]),
    )


def _bin(found: Reliability, k: int, repeats: int) -> ReliabilityBin:
    count, right = float(found.counts[k]), float(found.accuracies[k])
    low, high = wilson(right * count / repeats, count / repeats)
    return ReliabilityBin(
        low=k / NUM_BINS,
        high=(k + 1) / NUM_BINS,
        num_examples=int(count),
        confidence=float(found.confidences[k]),
        accuracy=Interval(value=right, low=low, high=high),
    )


def has_confidences(card: Scorecard) -> bool:
    """Whether a scorecard says how sure its subject was of each label."""
    return bool(card.confidences and card.predictions and card.losses and not card.num_bytes)


def calibration_finding(found: Calibration) -> Finding | None:
    """E311: the confidences say something else than the answers, beyond what chance does to as many examples."""
    if not found.is_miscalibrated:
        return None
    total = sum(one.num_examples for one in found.bins)
    sure, right = (
        sum(one.num_examples * value for one, value in zip(found.bins, column, strict=True)) / total
        for column in ([one.confidence for one in found.bins], [one.accuracy.value for one in found.bins])
    )
    message = (
        f"{_lean(sure - right, found.error)}: on average it is {sure:.1%} sure and {right:.1%} of its answers are "
        f"right; over answers that are alike in sureness the gap is {100 * found.error:.1f} points, where chance alone "
        f"stays below {100 * found.floor:.1f} on {found.num_examples:,} examples"
    )
    return Finding(
        code="E311",
        severity="warning" if found.error - found.floor > _SERIOUS else "note",
        message=message,
        hint=_hint(found),
    )


def _lean(excess: float, error: float) -> str:
    if abs(excess) < _ONE_SIDED * error:
        return "the tuned model's confidences are off"
    return f"the tuned model is {'too sure' if excess > 0 else 'not sure enough'} of its answers"


def _hint(found: Calibration) -> str:
    if found.num_validation is None:
        return (
            "no correction was learned for it (ten parts have too few validation examples, and runs of old versions "
            "learned none): do not read the confidences as probabilities"
        )
    if found.temperature is None:
        return (
            f"validation has {found.num_validation} examples, too few to correct it: with {LEAST_EXAMPLES} or more the "
            "confidences are corrected (its answers stay the same); until then do not read them as probabilities"
        )
    return (
        "the correction learned on validation does not hold on the test: do not read the confidences as probabilities; "
        "where a threshold is needed, choose it on labelled examples of your own"
    )
