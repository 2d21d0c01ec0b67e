"""The nouns that cross the borders between phases, and nothing else.

Each record is frozen, slotted and keyword-only, and holds plain values, other records and paths relative to
the run folder: no tensor, no model, no callable, no open file. A record is never edited: a change is a new
record that says what it replaced. `files.py` gives each one its JSON form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sintonia.settings import (
    Recipe,
)

Severity = Literal["note", "warning", "stop"]
Outcome = Literal["better", "worse", "equivalent", "inconclusive", "invalid"]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One setting with the value used and where that came from."""

    setting: str
    value: Any
    origin: str


# ---------------------------------------------------------------- findings and data


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something true and worth saying about the data, the training, the evaluation or the resources."""

    code: str
    severity: Severity
    message: str
    hint: str
    count: int = 1
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One parsed row: what goes in and what should come out."""

    id: str
    input: str
    target: str
    group: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A row that is not used, with the reason."""

    place: Place
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSet:
    """A set of examples kept in a file of the run folder."""

    path: str
    count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTest:
    """The test set as everybody but `sealed.open_test` may know it: how long it is and what it hashes to."""

    count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Training, validation and sealed test: three sets, never mixed."""

    name: str
    train: ExampleSet
    validation: ExampleSet
    test: SealedTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The data, read, audited, split and sealed."""

    data_id: str
    task: str
    labels: tuple[str, ...]
    columns: dict[str, str]
    primary_metric: str
    notes: tuple[str, ...]
    """What was taken, why, and how to say otherwise."""
    parts: tuple[Part, ...]
    findings: tuple[Finding, ...]
    rows_in: int
    rows_used: int
    rows_set_aside: int
    label_counts: dict[str, int]
    """Training examples of each label."""


# ---------------------------------------------------------------- models, turns, scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The model that training starts from, pinned."""

    reference: str
    revision: str
    licence: str
    num_parameters: int
    num_layers: int
    hidden_size: int
    max_tokens: int
    why: tuple[str, ...]
    estimated_memory_bytes: int  # at most: with micro-batches filled to the brim


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric of one subject on one set, with its interval."""

    metric: str
    value: float
    low: float
    high: float
    num_examples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """What one subject did on one set: scores, and the predictions behind them, example by example."""

    subject: str
    split: Split
    scores: tuple[Score, ...]
    ids: tuple[str, ...]
    targets: tuple[str, ...]
    predictions: tuple[str, ...]
    losses: tuple[float, ...] = ()
    """Negative log-likelihood of the target, natural logarithm; empty when the subject gives no probabilities."""
    confidences: tuple[float, ...] = ()
    """Probability of the prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A rung of the ladder as it was chosen on validation, before the test was opened."""

    name: str
    setting: float
    """What was chosen on validation: neighbours, strength of a fit, number of the template."""
    validation_score: float
    needs_training: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a stage costs; the estimate and the bill have one shape, so they can be compared."""

    basis: Literal["estimated", "measured"]
    seconds: float
    peak_memory_bytes: int
    disk_bytes: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds of each stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A tuned model, in its folder."""

    weights: str
    best_step: int
    last_step: int
    planned_steps: int
    stop_reason: str
    num_trained: int
    """Weights that were trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The heartbeat of training: `started`, `step`, `validated`, `checkpoint`, `finished`, `paused`."""

    kind: str
    step: int
    seconds: float
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One validation during training: what diagnosis and early stopping look at."""

    step: int
    epoch: float
    learning_rate: float
    train_losses: tuple[float, ...]
    """Losses in evaluation mode on a fixed random probe of training examples."""
    train_correct: tuple[bool, ...]
    validation_losses: tuple[float, ...]
    validation_correct: tuple[bool, ...]
    metric: float
    """The primary metric on validation."""
    relative_update: float
    """|change of the trained weights| / |trained weights| of the step before this evaluation; 0 at step 0."""
    max_gradient_norm: float
    median_gradient_norm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One round of train, validate, diagnose."""

    number: int
    recipe_id: str
    recipe: Recipe
    resolved: tuple[Resolved, ...]
    parent: int | None
    purpose: str
    part: str
    candidate: Candidate
    validation_metric: float
    findings: tuple[Finding, ...]
    resources: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The next recipe to try, and why."""

    recipe: Recipe
    setting: str
    before: str
    after: str
    reason: str
    expected: str
    cost: str
    finding: str
    """Code of the finding it answers."""


# ---------------------------------------------------------------- verdict


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
