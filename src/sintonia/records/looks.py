"""The nouns of looking again: a finished run on another file, a base alone, runs beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.records.examples import AddedFile, Finding
from sintonia.records.training import Score
from sintonia.records.verdict import Comparison, Interval, Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A finished run on the examples of another file."""

    number: int
    folder: str
    """Where the verdict and the predictions are, relative to the run."""
    file: str
    verdict: Verdict
    rows_in: int
    rows_set_aside: int
    findings: tuple[Finding, ...]
    """About the file; those that matter are among the causes of the verdict too."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RungAlone:
    """One honest baseline on validation."""

    name: str
    description: str
    needs_training: bool
    setting: float
    """What was chosen on validation, where there was a choice."""
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseAlone:
    """What a base does before any tuning, on validation; the test stays sealed."""

    base: str
    task: str
    metric: str
    rungs: tuple[RungAlone, ...]
    """The best one first."""
    num_train: int
    num_validation: int
    num_test: int
    """Examples of the sealed test; none of them was read."""
    minimum_detectable_effect: float | None
    """Smallest difference that the sealed test would find in four cases of five at its first opening; none where only a
    training shows it."""
    sentence: str
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBeside:
    """A run as it is shown beside others."""

    run: str
    recipe: str
    """Stands for the recipe, the base and the data; the same for runs that differ in the seed only."""
    seed: int
    base: str
    method: str
    score: Interval
    opening: int
    """Which opening of its test the verdict came from."""
    training_seconds: float
    peak_memory_bytes: int
    models: int
    """Ten with few rows: then the score is that of the recipe, and the model that is kept is none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A setting that is not the same in all runs."""

    setting: str
    values: tuple[str, ...]
    """One a run, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Two models on the same test examples."""

    first: str
    second: str
    comparison: Comparison
    """Base is the first, tuned the second."""
    adjusted_p: float
    """With what is compared beside it (Holm 1979); the p-value itself where there is only this."""
    outcome: Outcome
    """Of the second, against the first."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeClaim:
    """Two recipes, each trained with several seeds, on the same test examples."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    """Runs, the pairs in their order."""
    difference: Interval
    """Second less first, over seeds and examples."""
    confidence: float
    """Of the interval, after what is compared beside it."""
    share_won: float
    """Share of the pairs of runs in which the second is better; a tie is half."""
    outcome: Outcome
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRuns:
    """Runs beside each other."""

    metric: str
    num_examples: int
    level: float
    runs: tuple[RunBeside, ...]
    differing: tuple[Differing, ...]
    duels: tuple[Duel, ...]
    claims: tuple[RecipeClaim, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Continues:
    """Which run a run goes on from, with more rows to train on."""

    run: str
    """Its folder, relative to this run."""
    files: tuple[str, ...]
    """The added files that it did not have, or had when they were shorter, as the recipe names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtLabel:
    """New training rows of a label, and how its test examples were answered before and after."""

    label: str
    rows: int
    answers: int
    """Answers to test examples of the label; of ten parts two each."""
    right_before: int
    right_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What added rows brought: the model of a run against that of the run it continues, on the same test examples."""

    continues: str
    """That run, relative to this one."""
    files: tuple[AddedFile, ...]
    """As the data were read now: all that became of the rows of the added files."""
    rows_used: int
    """Rows of them that are trained on now and were not before."""
    rows_before: int
    """Training rows of the run that is continued."""
    labels: tuple[BoughtLabel, ...]
    """The label with most new rows first; empty where the task has no labels."""
    comparison: Comparison
    """Base is the model before, tuned the one after."""
    confidence: float
    """Of the intervals."""
    level: float
    opening: int
    """Which opening of the test the newer verdict came from: the level is that of it."""
    outcome: Outcome
    per_hundred_rows: Interval
    """The difference, for every hundred rows used, if each brings as much."""
    seconds: float
    """Of the training that gave the model; of ten parts of all their trainings."""
    seconds_before: float
    also_changed: tuple[str, ...]
    """What else differs between the two, so that not all of the difference is the rows'."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """Whose answers a run learns from, beside targets that people gave: a finished run's, over texts without any."""

    run: str
    """The folder of the teacher, relative to this run."""
    candidate: str
    """A hash of the teacher's weights, as the ledger of openings knows them."""
    pool: str
    """The file of texts without targets."""
    pool_sha256: str
    columns: dict[str, str]
    """Column of the pool by its role, as asked for; empty where it is found."""
    answers: str
    """The file that the answers go to, as training rows: relative to this run."""
    notes: tuple[str, ...] = ()
    """What is to be known before it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of the texts of a pool when the teacher was asked."""

    rows_in: int
    rows_answered: int
    set_aside: dict[str, int]
    """Rows that no answer was asked for, or got: how many, by what is said of them."""
    notes: tuple[str, ...]
    """How the pool was read."""
    seconds: float
    """That it took to answer, of all walks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSize:
    """How large a model is, and how fast on this machine."""

    num_parameters: int
    """With those of its base, where it is an adapter."""
    num_bytes: int
    """Of the files of its weights, those of its base included."""
    examples_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A model held against its teacher, on the same test examples."""

    teacher: str
    """The run of the teacher, relative to this one."""
    pool: str
    """The name of the file of texts without targets."""
    rows_in: int
    rows_used: int
    """Of the pool, with the teacher's answers as targets."""
    set_aside: dict[str, int]
    """Why the others are not trained on."""
    rows_before: int
    """Training rows of the teacher, which are trained on too, with their true targets."""
    comparison: Comparison
    """Base is the teacher, tuned the new model."""
    confidence: float
    """Of the intervals."""
    level: float
    margin: float
    """A loss below it does not matter."""
    opening: int
    """Which opening of the test the newer verdict came from: the level is that of it."""
    outcome: Outcome
    """Of the new model, against the teacher."""
    is_within_margin: bool
    """Whether it loses less than the margin even at the worse end of the interval."""
    kept_fraction: float | None
    """The score as a share of the teacher's; none where a share of the metric means nothing."""
    teacher_size: ModelSize
    size: ModelSize
    teacher_base: str
    base: str
    seconds: float
    """Of the training that gave the model."""
    teacher_seconds: float
    answering_seconds: float
    """That the teacher took to answer the pool."""
    notes: tuple[str, ...]
    """How the pool was read, and what else is to be known."""
    sentence: str
