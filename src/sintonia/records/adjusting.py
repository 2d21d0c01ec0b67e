"""The nouns of adjusting: the change that is tried next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sintonia.records.verdict import Interval
from sintonia.settings import Recipe

Confidence = Literal["high", "medium", "low", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What the same change gave on validation where it was measured: after the same finding, in the same kind of task.

    More is better. It is in `unit`: points, or percent of the bits per byte that are gone.
    """

    median: float
    low: float
    """The lower quartile."""
    high: float
    """The upper quartile."""
    unit: str
    num_cases: int
    num_improved: int
    """By more than one paired standard error."""
    num_worsened: int
    """By as much."""
    source: str
    """The command that measured it, and when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStep:
    """Something about the data that comes before any setting. No recipe can do it: a person does."""

    finding: str
    """Code of the finding it answers."""
    action: str
    reason: str
    expected: str
    cost: str


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
    aim: Literal["quality", "speed"] = "quality"
    """A change for speed is offered to people only: no round of adjusting takes it by itself."""
    seconds: float | None = None
    """Expected training time; None when it cannot be told."""
    kwh: tuple[float, float] | None = None
    """Expected energy of the training, at least and at most, by what the turn it starts from used; None when that is
    not known."""
    gain: Gain | None = None
    """None where nobody measured it yet."""
    confidence: Confidence = "unknown"
    """That validation improves, by how often it did where it was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """What to do next with a run: what the data need first, then the changes of a setting, best first."""

    data_steps: tuple[DataStep, ...]
    changes: tuple[Change, ...]
    shown: tuple[str, ...] = ()
    """What the training showed that they start from, each finding in a line, with the curve that proves it."""
    flattery: str = ""
    """How much too good the best of several turns looks on validation; empty where there is one turn."""
    ended: str = ""
    """Why the last rounds of adjusting stopped, where there were any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What was measured with so many training examples; errors are as `LearningCurve.measure` says."""

    num_examples: int
    """Of several draws the mean."""
    error: Interval
    """The mean of the draws; 90 %, over examples and draws. Of one draw, as of real trainings, over examples alone: the
    luck of a seed is not in it."""
    num_draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Examples that have something in common and are answered provably worse than the others."""

    column: str
    """`class`, `length`, `language`, `topic` (a cluster of features), or a column of the data."""
    value: str
    num_examples: int
    """Validation examples of it."""
    num_train: int | None
    """Training examples of it, where that is known."""
    error: Interval
    """95 %."""
    other_error: float
    """Of all other validation examples."""
    adjusted_p: float
    """Over everything that was looked at (Benjamini and Hochberg 1995)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Would more examples help? What was measured with fewer of them, a power law through it, and the answer.

    The error e(n) = floor + scale * (n / num_train) ** -exponent; it is told up to four times the examples there are.
    """

    subject: Literal["probe", "fine-tune"]
    """A linear probe of the frozen base, or real trainings with the recipe of the best turn."""
    metric: str
    measure: str
    """What the error is, in words: `1 - accuracy`, or the metric itself where less is better."""
    is_relative: bool
    """Whether gains are told as shares of the error (of losses), and not in points."""
    num_train: int
    num_validation: int
    points: tuple[CurvePoint, ...]
    floor: float | None
    """None where no power law was fitted."""
    scale: float | None
    exponent: float | None
    band: tuple[CurvePoint, ...]
    """The fitted curve from the fewest examples to four times those there are; 90 %. Empty without a fit."""
    gain: Interval | None
    """By how much twice the examples lower the error; 90 %."""
    answer: Literal["yes", "no", "can't tell"]
    """Whether twice the examples gain two points, or 2 % of a loss."""
    told: tuple[str, ...]
    """All of it in plain words, the answer first."""
    advice: tuple[str, ...]
    """What to do first, and then."""
    missing: tuple[Shortfall, ...]
    """Where examples are missing, the worst first."""
    seconds: float


Origin = Literal["margin", "random", "spread", "import"]
"""How a text came to be labelled: the model wavers, by chance, it stands for many like it, another tool had it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How many texts are to be picked for labelling, and how."""

    num_wanted: int
    random_fraction: float = 0.15
    """Share that is drawn by chance: at least one, unless it is 0."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A text that is to be labelled, by its position in the pool."""

    position: int
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Texts without labels that may be picked from: each once, none that is known already."""

    texts: tuple[str, ...]
    """At most 5,000, drawn evenly."""
    num_rows: int
    num_known: int
    """Rows whose text is in the sets of the run, or was answered before."""
    num_repeated: int
    """Rows whose text, without case, spaces and punctuation, is that of an earlier row."""
    num_empty: int
    notes: tuple[str, ...]
    """How the file was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A text that waits for its label."""

    key: str
    """By which equal texts are known: no one reads the text in it."""
    text: str
    origin: Origin
    suggested: str | None = None
    probability: float | None = None
    """Of the suggested label, by the model."""
    likely: tuple[str, ...] = ()
    """The labels that the model finds likeliest, at most nine, the likeliest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """What is asked for: which texts to label, with which model's help, and where the answers go."""

    pool: str
    out: str
    run: str | None = None
    base: str = "auto"
    """Without a run: whose features say which texts stand apart."""
    labels: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    num_wanted: int | None = None
    """None: 20, or a tenth of what is labelled when that is more."""
    random_fraction: float | None = None
    """None: the usual share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabellingState:
    """How far a labelling is."""

    out: str
    counts: dict[str, int]
    """Rows in the file of answers by their label."""
    num_new: int
    """Rows that were labelled this time, those undone not counted."""
    num_waiting: int
    """Texts of the batch without an answer."""
    num_passed: int
    """Texts that were skipped or rejected, in all batches."""
    agreed: dict[str, tuple[int, int]]
    """By origin: how often the suggestion was the answer, and of how many."""
    missing: tuple[str, ...]
    """What a first `tune` still needs; empty with a run, and when nothing is missing."""
