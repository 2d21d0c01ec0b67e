"""The nouns of training: the base, a turn with its candidate, what was measured on the way, a search of settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sintonia.records.combining import Combination
from sintonia.records.costs import Resources
from sintonia.records.examples import Finding, Resolved, Split
from sintonia.settings import Recipe


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
    kind: Literal["encoder", "language"] = "encoder"
    """An encoder gives features of a text; a causal language model goes on writing it."""
    vocabulary_size: int = 0
    intermediate_size: int = 0
    """Width of the middle of each layer."""
    origin: str = ""
    """How it was come by where the recipe leaves it on `auto`, if it is not the default of the task."""
    tokenizer_revision: str = ""
    """A sha256 of the files of its tokenizer; empty in runs that were begun before it was noted."""
    is_for_similarity: bool = False
    """Whether it was made to compare texts: it comes with the pooling of sentence-transformers."""
    method: str = ""
    """How it is trained where the recipe leaves the method on `auto`; empty for the default of the task."""
    method_origin: str = ""
    """What that method rests on."""


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
    """Negative log-likelihood of the target, natural logarithm (of an answer: of all its tokens together); empty when
    the subject gives no probabilities."""
    confidences: tuple[float, ...] = ()
    """Probability of the prediction."""
    num_bytes: tuple[int, ...] = ()
    """UTF-8 bytes of what was learned of each example, for a language model."""
    correct: tuple[bool, ...] = ()
    """Whether greedy decoding gives exactly the target, for a language model that was not asked to write."""
    squared_errors: tuple[float, ...] = ()
    """Brier score of each example: the sum over classes of (probability - 1 for the target, 0 for others)^2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A rung of the ladder as it was chosen on validation, before the test was opened."""

    name: str
    setting: float
    """What was chosen on validation: neighbours, strength of a fit, number of the template or of the way to choose."""
    validation_score: float
    """Of the metric that chose the setting, in its unit: the primary one. Where that reads what is written, it is so
    for the rung that chooses among known answers alone; the others, which are weighed, have bits per byte."""
    needs_training: bool
    description: str
    temperature: float | None = None
    """What its logits are divided by, fitted on validation as that of the tuned model is; none where it gives no
    probabilities, where validation was too small to tell, and in runs from before rungs had one."""
    offsets: tuple[float, ...] = ()
    """What is added to its outputs before it answers, fitted on validation as that of the tuned model is, where
    answers have thresholds."""


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
    files_id: str = ""
    """Hash of its weights and labels when its turn ended; empty in runs from before it was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The heartbeat of training: `started`, `resumed`, `step`, `validated`, `checkpoint`, `message`, `spike`,
    `diverged`, `finished`, `paused`."""

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
class LayerWork:
    """What the layers of the base cost in a training of all of them, as measured: what an offer to train fewer of them
    rests on."""

    num_layers: int
    num_epochs: float
    """Passes over the training set that were made."""
    step_seconds: float
    """Of all optimizer steps together."""
    validation_seconds: float
    """Of all validations together."""
    num_validations: int
    forward_fraction: float
    """Share of a step that its forward pass takes, by what the validations took."""
    kept_bytes: int
    """What keeping the states of frozen layers takes on disk, however many they are; 0 where they cannot be kept."""
    keeps_validation: bool
    """Whether those of the validation examples are kept too."""


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
    primary_metric: str = "accuracy"
    """What `validation_metric` is."""
    layers: LayerWork | None = None
    """None where not all layers were trained, or where they cannot be told apart or were not measured."""
    trade: str = ""
    """Of a turn that was tried for its speed: its validation and its seconds beside those of the turn it started from,
    and what that means."""
    combined: Combination | None = None
    """Of a turn that trained nothing: what its model was made of. Its recipe is that of the first of these turns, and
    its seconds are those of combining."""


Values = dict[str, float]
"""Settings by their dotted names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAxis:
    """A setting that a search varies: any value of a range, evenly on a logarithmic scale, or one of a few."""

    setting: str
    usual: float
    """What the first turn was trained with."""
    low: float = 0.0
    high: float = 0.0
    choices: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Settings that a search tries, and who proposed them."""

    number: int
    """From 0 on: the recipe as it was asked for."""
    values: Values
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """What a search was begun with; a resumed one goes on with it."""

    axes: tuple[SearchAxis, ...]
    num_configurations: int
    first: tuple[Configuration, ...]
    """Decided before anything was tried; those after them are proposed from what these gave."""
    seed: int
    full_seconds: float
    """What training the first turn took."""
    begun_seconds: float | None = None
    """What the run had taken by then; None in runs from before it was kept."""
    bracket: int = 0
    """With so many learning rates it begins; 0 in searches from before there was a bracket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTrial:
    """A configuration in one rung of a search, as it went."""

    configuration: Configuration
    rung: int
    """From 1 on."""
    num_steps: int
    seconds: float
    losses: tuple[float, ...]
    """Of each validation example; empty where the training broke."""
    metric: float | None
    """The primary metric on validation."""
    why_broken: str = ""

    @property
    def loss(self) -> float | None:
        """The mean over validation; None where the training broke."""
        return sum(self.losses) / len(self.losses) if self.losses else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """What a search found, before the winner is trained in full."""

    winner: Configuration
    num_configurations: int
    """That were tried."""
    dropped: dict[str, str]
    """Why, by the number of the configuration."""
    optimism: float
    """By how much the mean validation loss of the winner is too low, if no configuration is truly better."""
    loss: float
    """That of the winner in its last rung; trained in full it is another."""
    seconds: float
    """Of all trainings added up; by the clock it is less where some were trained beside each other."""
    ended: str
    """Why nothing more was tried."""
    clock_seconds: float = 0.0
    """What it took by the clock; 0 where that was not kept."""
