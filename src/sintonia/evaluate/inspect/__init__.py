"""What lies behind a verdict: classes, calibration, slices, and the examples themselves.

It looks at scorecards of the opened test after they were made; it opens nothing, runs no model and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sintonia.evaluate.inspect.calibration import calibrate, calibration_finding
from sintonia.evaluate.inspect.classes import class_scores, top_confusions
from sintonia.evaluate.inspect.errors import Library, find_errors
from sintonia.evaluate.inspect.slices import Detect, Sides, find_slices, languages_note, make_columns, slices_finding
from sintonia.metrics import METRICS
from sintonia.records import Details, Example, Finding, Scorecard
from sintonia.statistics.calibration import Temperature

__all__ = ["InspectInput", "Library", "find_errors", "inspect", "languages_note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectInput:
    """What is looked at. All scorecards are of the test: same examples, same order."""

    tuned: Scorecard
    base: Scorecard
    """Of the rung that `better` is measured against."""
    examples: Sequence[Example]
    """In the order of the cards."""
    library: Library
    """What the tuned model learned from; with several parts all examples, for none of an example's own group is shown
    beside it."""
    primary_metric: str
    temperature: Temperature | None
    """None of several models, each of which has its own."""
    untempered: Scorecard | None = None
    """`tuned` without its temperature, where it has one."""
    is_better: bool = False
    """Whether the verdict is `better`."""
    confidence: float = 0.95
    detect: Detect | None = None
    """The language of each text; none leaves languages out."""
    hides_values: bool = False
    """Whether what stands in columns of the data may be in no finding (`privacy.redact`)."""


def inspect(given: InspectInput) -> tuple[Details, tuple[Finding, ...]]:
    """All that can be told of these scorecards, and what is worth saying aloud (E311, E313).

    Raises ValueError when the scorecards are not of the same examples: a mistake of the caller.
    """
    ids = tuple(one.id for one in given.examples)
    if not (given.tuned.ids == given.base.ids == ids):
        raise ValueError("the two scorecards and the examples are not the same, in the same order")
    has_labels = bool(given.tuned.predictions and given.base.predictions) and not given.tuned.num_bytes
    sides = Sides(
        base=given.base,
        tuned=given.tuned,
        groups=tuple(one.group for one in given.examples),
        metric=METRICS[given.primary_metric],
        confidence=given.confidence,
    )
    slices = find_slices(sides, make_columns(given.examples, given.tuned, given.detect))
    calibration = calibrate(given.untempered, given.tuned, given.temperature)
    errors, counts = find_errors(given.base, given.tuned, given.examples, given.library)
    details = Details(
        classes=class_scores(given.base, given.tuned, sides.groups, given.confidence) if has_labels else (),
        confusions=top_confusions(given.tuned) if has_labels else (),
        calibration=calibration,
        slices=slices,
        errors=errors,
        error_counts=counts,
    )
    told = (
        calibration_finding(calibration) if calibration else None,
        slices_finding(slices, is_better=given.is_better, hides_values=given.hides_values),
    )
    return details, tuple(one for one in told if one)
