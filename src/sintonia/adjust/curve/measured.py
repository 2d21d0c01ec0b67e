"""What was measured of a curve, example by example, and its errors when examples and draws are drawn again.

Arrays only: it trains nothing and fits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sintonia.metrics import METRICS
from sintonia.metrics.macro_f1 import MACRO_F1
from sintonia.metrics.metric import Metric

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One nested draw of training examples: the same examples scored after each size."""

    scored: Integers
    """Positions of the scored examples (scored,), in `Measured.groups`."""
    sizes: tuple[int, ...]
    """Training examples of each size, ascending."""
    counts: tuple[Floats, ...]
    """Of each size what the metric adds up, (scored, columns); the columns of all draws are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All draws of one curve; each has as many sizes as the others.

    An example counts once, however many draws have scored it.
    """

    metric: str
    draws: tuple[Draw, ...]
    groups: Integers
    """The group of each example that was scored anywhere (examples,)."""

    @property
    def sizes(self) -> Floats:
        """Mean number of training examples of each size, ascending (sizes,)."""
        return np.asarray(np.mean([draw.sizes for draw in self.draws], axis=0), dtype=np.float64)

    @property
    def rarest(self) -> int | None:
        """Scored examples of the rarest class, for a metric that counts each class the same; None for any other."""
        if self.metric != MACRO_F1.name:
            return None
        totals = self._pooled()[0].sum(axis=0)
        targets = totals[: len(totals) // 3]  # as `macro_f1.counts` has them
        return round(float(targets[targets > 0].min()))

    def errors(self, weights: Floats | None = None) -> Floats:
        """Errors (curves, sizes), with the examples weighed by `weights` (curves, examples)."""
        whole = np.ones((1, len(self.groups))) if weights is None else weights
        return np.stack([self._error(whole @ counts) for counts in self._pooled()], axis=1)

    def drawn_again(self, num_curves: int, seed: int = 0) -> Floats:
        """Errors (curves, sizes) with whole groups of examples drawn again, and what the draws differ by."""
        generator = np.random.default_rng(seed)
        names, index = np.unique(self.groups, return_inverse=True)
        picked = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=num_curves)
        errors = self.errors(picked[:, index].astype(np.float64))
        apart = self._apart()
        which = generator.integers(len(apart), size=(num_curves, len(apart)))
        return np.asarray(errors + apart[which].mean(axis=1))

    def _apart(self) -> Floats:
        """By how much each draw is off the others (draws, sizes), on the examples that all of them have scored."""
        num_draws = len(self.draws)
        common = np.flatnonzero(self._times() == num_draws)
        if num_draws == 1 or len(common) == 0:
            return np.zeros((num_draws, len(self.sizes)))
        rows = []
        for draw in self.draws:
            is_common = np.isin(draw.scored, common)
            rows.append([float(self._error(counts[is_common].sum(axis=0)[None])[0]) for counts in draw.counts])
        errors = np.array(rows)
        return np.asarray((errors - errors.mean(axis=0)) * np.sqrt(num_draws / (num_draws - 1)))

    def _times(self) -> Integers:
        """How many draws have scored each example."""
        return np.asarray(sum(np.bincount(draw.scored, minlength=len(self.groups)) for draw in self.draws))

    def _pooled(self) -> list[Floats]:
        """Of each size the counts of each example (examples, columns), the mean of the draws that scored it."""
        times = np.maximum(self._times(), 1)[:, None]
        pooled = []
        for position in range(len(self.sizes)):
            total = np.zeros((len(self.groups), self.draws[0].counts[position].shape[1]))
            for draw in self.draws:
                np.add.at(total, draw.scored, draw.counts[position])
            pooled.append(total / times)
        return pooled

    def _error(self, totals: Floats) -> Floats:
        rule = METRICS[self.metric]
        return error_of(rule, rule.from_counts(totals))


def error_of(rule: Metric, values: Floats) -> Floats:
    """Scores so that less is better: what is missing to the best score, or the score where less is better."""
    return np.asarray(rule.range[1] - values if rule.higher_is_better else values, dtype=np.float64)


def measure_in_words(rule: Metric) -> str:
    """What the error is.

    >>> measure_in_words(METRICS["macro_f1"]), measure_in_words(METRICS["bits_per_byte"])
    ('1 - macro-F1', 'bits per byte')
    """
    return f"{rule.range[1]:g} - {rule.title}" if rule.higher_is_better else rule.title
