"""The nouns of the verdict: comparisons with their intervals, the rungs of the ladder, advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sintonia.records.examples import Finding

Outcome = Literal["better", "worse", "equivalent", "inconclusive", "invalid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Base against tuned on the same examples, one metric."""

    metric: str
    base: Interval
    tuned: Interval
    difference: Interval
    p_value: float
    fixed: int
    """Examples the base had wrong and the tuned model has right."""
    broken: int
    """Examples the base had right and the tuned model has wrong."""
    examples: int
    minimum_detectable_effect: float
    examples_needed: int | None
    """Examples needed to decide a difference of this size; none when it is decided or zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One honest baseline of the ladder."""

    name: str
    score: float
    needs_training: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthTuning:
    """Tuned against the best baseline that needs a moment of fitting but no fine-tuning."""

    best_rung: str
    difference: Interval
    p_value: float
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A next step that a person, or `sintonia adjust`, can take."""

    action: str
    reason: str
    expected: str
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Is the tuned model better than the base, by how much, and how sure are we."""

    outcome: Outcome
    sentence: str
    """The verdict in one sentence for a person."""
    base: str
    """The best rung that needs no training: what `better` is measured against."""
    primary: Comparison
    secondary: tuple[Comparison, ...]
    rungs: tuple[Rung, ...]
    worth_tuning: WorthTuning
    invalid_reasons: tuple[str, ...]
    accepted: tuple[str, ...]
    causes: tuple[Finding, ...]
    advice: tuple[Advice, ...]
    test_openings: int
    level: float
    """The significance level used at this opening of the test."""
    turn: int
