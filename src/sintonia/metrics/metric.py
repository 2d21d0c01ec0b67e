"""What a metric is: a number, the additive counts behind it, and what it hides. No metric lives here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sintonia.records import Scorecard

Labels = Sequence[str]
Array = NDArray[np.float64]
Reads = Literal[
    "predictions", "texts", "answers", "losses", "nats", "squared_errors", "correct", "ranks", "numbers", "spans"
]
Unit = Literal["points", "bits per byte", "nats", "plain"]

_COLUMNS: dict[Reads, Callable[[Scorecard], tuple[Any, ...]]] = {
    "predictions": lambda card: () if card.num_bytes else card.predictions,
    "texts": lambda card: card.predictions if card.num_bytes else (),
    "answers": lambda card: card.predictions,
    "losses": lambda card: tuple(zip(card.losses, card.num_bytes, strict=False)),
    "nats": lambda card: () if card.num_bytes else card.losses,
    "squared_errors": lambda card: card.squared_errors,
    "correct": lambda card: card.correct,
    "ranks": lambda card: card.predictions if all(map(_are_ranks, card.predictions)) else (),
    "spans": lambda card: () if card.num_bytes else card.predictions,
    "numbers": lambda card: () if any(map(_are_ranks, card.predictions)) else card.predictions,
}
"""What a metric may read of a scorecard, one value an example. Bytes of text say that a language model answered: what
it wrote is no label, and its losses are of whole answers."""


def _are_ranks(prediction: str) -> bool:
    """Whether a prediction holds whole numbers only: a number by its `repr` has a point or an exponent."""
    return prediction.replace(" ", "").isdigit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A way to turn targets and answers into one number, that says what it is blind to."""

    name: str
    title: str
    """The name in prose."""
    counts: Callable[[Labels, Sequence[Any]], Any]
    """From targets and answers (what `reads` says) to a sparse array with one row an example; rows add up.
    The columns depend on the targets only, so that two subjects on the same targets have the same columns."""
    from_counts: Callable[[Array], Array]
    """From total counts, shape (..., columns), to the metric, shape (...). A label that no total holds as a
    target does not count."""
    higher_is_better: bool
    range: tuple[float, float]
    blind_to: str
    """What this number hides, in words for the report."""
    is_mean_of_correct: bool
    """Whether it is the share of right answers: then McNemar's test and Wilson's interval hold, and the counts are
    right answers and examples."""
    reads: Reads = "predictions"
    """What an answer is: the predicted label; the text that a language model wrote; either of them (`answers`); nats
    and bytes of the target text (`losses`); nats of the target label; its squared error; whether it was right; where
    what was searched for stands (`ranks`, as `1 4`); or numbers, which are never whole ones (`0.25 3.0`)."""
    usual_margin: float = 0.01
    """The smallest difference that matters in practice, where nobody says otherwise."""
    is_margin_relative: bool = False
    """Whether a margin is a share of the score of the base, and not a difference of scores."""
    unit: Unit = "points"
    """How scores are said: hundredths of 1 (`points`), or as they are."""

    def __post_init__(self) -> None:
        if not self.blind_to.strip():
            raise ValueError(f"metric {self.name} must say what it is blind to")

    def function(self, targets: Labels, answers: Sequence[Any]) -> float:
        """The metric of these answers."""
        totals = np.asarray(self.counts(targets, answers).sum(axis=0), dtype=np.float64)
        return float(self.from_counts(totals.reshape(1, -1))[0])

    def answers(self, card: Scorecard) -> tuple[Any, ...]:
        """What the metric reads of a scorecard, one value an example; empty when the scorecard has it not."""
        return _COLUMNS[self.reads](card)

    def hits(self, targets: Labels, answers: Sequence[Any]) -> tuple[bool, ...]:
        """Whether each answer was right, as this metric sees it: what McNemar's test counts.

        Raises ValueError where the metric is no share of right answers: a mistake of the caller.
        """
        if not self.is_mean_of_correct:
            raise ValueError(f"{self.name} calls no answer right or wrong")
        return tuple(bool(one) for one in self.counts(targets, answers).toarray()[:, 0])

    def goodness(self, value: float) -> float:
        """The value, turned so that more is better."""
        return value if self.higher_is_better else -value

    def margin(self, asked: float | Literal["auto"], base: float) -> float:
        """The smallest difference of scores that matters, from the setting and from the score of the base."""
        size = self.usual_margin if asked == "auto" else asked
        return size * base if self.is_margin_relative else size


def check_lengths(targets: Labels, answers: Sequence[Any]) -> None:
    """Raise ValueError unless there is one answer for each of at least one target."""
    if len(targets) == 0 or len(targets) != len(answers):
        raise ValueError(f"{len(targets)} targets and {len(answers)} predictions")


def mean_counts(values: Sequence[float]) -> Any:
    """Columns: the value of each example, and 1; the counts of any metric that is a mean over examples."""
    return csr_array(np.column_stack([np.asarray(values, dtype=np.float64), np.ones(len(values))]))


def mean_from_counts(totals: Array) -> Array:
    """Sum over number of examples."""
    return np.asarray(totals[..., 0] / totals[..., 1], dtype=np.float64)
