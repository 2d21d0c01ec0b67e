"""The nouns of what a model remembers of the rows it was trained on. No text of any row is held, only ids.

What canaries are is said in `privacy/memorisation/exposure.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sintonia.records.examples import Finding
from sintonia.records.verdict import Interval

CalibratedBy = Literal["base", "probe", "itself", "nothing"]
"""What the loss of a row is held against: the loss of the base; that of a probe of the base's features, fitted to other
rows; nothing more, because the loss is one against the base already; or nothing, because the base has no such loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memorisation:
    """Can rows that the model was trained on be told from rows that it never saw? One membership test after a run."""

    turn: int
    """The turn whose model was asked."""
    findings: tuple[Finding, ...] = ()
    """P401 where rows are remembered, P402 where that cannot be told."""
    why_not_measured: str = ""
    """In words; empty where it was measured. Then what follows is there."""
    num_members: int = 0
    """Training rows that were asked about."""
    num_held_out: int = 0
    """Validation rows that were."""
    calibrated_by: CalibratedBy = "nothing"
    share_of_base: float = 0.0
    """How much of the loss of the base was taken off: 1 is all, as for a language model; fitted on the held-out rows
    where the base has a probe."""
    auc: Interval | None = None
    """How often a training row has the higher score of one training and one held-out row; .5 is guessing. The interval
    is at 95 %, of whole groups drawn again."""
    recognised: float | None = None
    """Share of the training rows that score higher than all but 1 % of the held-out rows; None of too few of these."""
    recognised_chance: float | None = None
    """How likely so many or more are where nothing is remembered (exact, one row a group)."""
    told_apart: float | None = None
    """How well a bag of words tells the same rows apart, out of fold, without any model: .5 is not at all."""
    told_apart_limit: float | None = None
    """From where on the two sets are not of one source, and the test says nothing about memory."""
    is_valid: bool = False
    """Whether the two sets are of one source as far as words can tell."""
    member_loss: float | None = None
    """Mean loss of the tuned model on the training rows, in the unit that the loss has."""
    held_out_loss: float | None = None
    seconds: float = 0.0
    most_exposed: tuple[str, ...] = ()
    """Ids of the training rows with the highest scores, at most 100, the highest first."""
    most_exposed_held_out: tuple[str, ...] = ()
    """The same of the held-out rows, as large a share of them: what looks exposed without having been seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """Planted secrets that were repeated so often."""

    repetitions: int
    num_secrets: int
    mean_bits: float
    """Mean exposure: log2 of the references less log2 of the rank; most is log2 of the references."""
    low_bits: float
    """Lower end of the mean at 95 %, over secrets."""
    is_remembered: bool
    """Whether the mean is above what secrets that were never seen stay below in 95 of 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim:
    """Training rows that the shipped model writes out word for word, asked with the beginning alone."""

    num_asked: int
    """Of the most exposed training rows, those with an answer that can be written to."""
    num_exact: int
    """Answers that the tuned model wrote exactly."""
    num_exact_base: int
    """Answers that the untouched base wrote exactly: what could be guessed."""
    num_beyond_base: int
    """Written exactly by the tuned model and not by the base."""
    num_held_out: int
    """Validation rows that were asked in the same way: as large a share of them, those with the highest scores."""
    num_exact_held_out: int
    """Of these, how many the tuned model wrote exactly without having seen them, and the base not."""
    exact_ids: tuple[str, ...] = ()
    """Of the training rows that the tuned model alone wrote exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """What a copy of the training remembers of secrets that were planted in it."""

    turn: int
    """The turn whose recipe was trained again, and whose model was asked for its rows."""
    num_references: int
    threshold_bits: float
    """The mean of 20 secrets that were never seen stays below it in 95 of 100."""
    num_planted: int
    """Rows that were planted, repetitions included."""
    num_train: int
    """Training rows beside them."""
    exposed: tuple[Exposed, ...]
    findings: tuple[Finding, ...] = ()
    """P403 where secrets are remembered, or rows written out."""
    verbatim: Verbatim | None = None
    """Of a task whose model writes."""
    seconds: float = 0.0
