"""The nouns of what lies behind a verdict: classes, confusions, calibration, slices, and the examples that changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sintonia.records.details import Forgetting
from sintonia.records.verdict import Interval

ErrorKind = Literal["fixed", "broken", "both wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """How the tuned model does on one class of the test."""

    label: str
    num_examples: int
    """Test examples whose target it is."""
    precision: Interval
    """Of the answers that say it, the share that is right."""
    recall: Interval
    """Of its examples, the share that is found."""
    f1: Interval
    base_recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """A target that the tuned model takes for another label."""

    target: str
    prediction: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Test examples that the model is about equally sure of."""

    low: float
    high: float
    num_examples: int
    confidence: float
    """How sure it is on average."""
    accuracy: Interval
    """How often it is right (Wilson)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Whether the tuned model is right as often as it says."""

    temperature: float | None
    """What the logits of the saved model are divided by; none when validation was too small to tell."""
    num_validation: int | None
    """Validation examples that the temperature was fitted on, or that were too few for it; none where the answers are
    those of several models, each with its own."""
    num_examples: int
    error: float
    """Mean gap between how sure and how often right, over the test (expected calibration error, 15 bins)."""
    floor: float
    """The gap that a perfectly calibrated model would stay below 95 times in 100 on as many examples."""
    is_miscalibrated: bool
    nll: float
    """Mean negative log-likelihood of the targets, natural logarithm."""
    brier: float | None
    """Mean squared error of the probabilities, 0 to 2; none when the scorecard has it not."""
    raw_error: float | None
    """`error` without the temperature."""
    bins: tuple[ReliabilityBin, ...]
    """Those that hold an example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Base against tuned on the test examples that have something in common."""

    column: str
    """`length`, `class`, `language`, or a column of the data."""
    value: str
    num_examples: int
    metric: str
    """The primary metric; on a class, where that is an average over classes, accuracy: the share of the class found."""
    base: float
    tuned: float
    difference: Interval
    p_value: float
    adjusted_p: float
    """Over all slices (Benjamini and Hochberg 1995)."""
    is_found: bool
    """Whether the difference is told from chance, by its adjusted p (of the slices found, one in ten may be chance) and
    by its interval, which does not hold zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A training example that is like a test example."""

    id: str
    input: str
    target: str
    similarity: float
    """Cosine of the two, at most 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCase:
    """A test example that base and tuned answer differently, or both wrongly; long texts are cut."""

    id: str
    kind: ErrorKind
    input: str
    target: str
    base: str
    tuned: str
    confidence: float | None
    """How sure the tuned model was of its answer, where that is known."""
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCount:
    """How many test examples are of a kind, of which the first are shown."""

    kind: ErrorKind
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What lies behind a verdict; of no part of it anything is decided."""

    classes: tuple[ClassScore, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    """The most frequent ones of the tuned model."""
    calibration: Calibration | None = None
    slices: tuple[Slice, ...] = ()
    forgetting: Forgetting | None = None
    errors: tuple[ErrorCase, ...] = ()
    error_counts: tuple[ErrorCount, ...] = ()
    """Of each kind all there are, of which `errors` holds the first."""
