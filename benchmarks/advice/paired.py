"""Two candidates on the same validation examples: the difference and its standard error. Pure; more is better."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

NUM_RESAMPLES = 4000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much better the second is than the first."""

    what: str
    size: float
    error: float
    """The paired standard error."""

    @property
    def outcome(self) -> str:
        """`improved` or `worsened` by more than one standard error, else `neither`."""
        if self.size > self.error:
            return "improved"
        return "worsened" if self.size < -self.error else "neither"


def of_metric(metric: Any, before: Any, after: Any) -> Difference:
    """Of any metric of the product, from two scorecards of the same examples.

    The standard error is that of a paired bootstrap: examples are drawn, both candidates keep the same ones. For a mean
    over examples that is the usual standard error of the mean difference; it holds for macro-F1 and for bits per
    byte, a ratio of sums, too.
    """
    first, second = (_counts(metric, card) for card in (before, after))
    count = len(before.ids)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=NUM_RESAMPLES)
    once = np.ones((1, count))
    sizes = [_goodness(metric, weights @ second) - _goodness(metric, weights @ first) for weights in (once, drawn)]
    return Difference(what=metric.name, size=float(sizes[0][0]), error=float(np.std(sizes[1], ddof=1)))


def of_values(before: tuple[float, ...], after: tuple[float, ...], what: str) -> Difference:
    """Of a mean over examples where more is better (right answers, losses with their sign turned)."""
    gains = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("inf")
    return Difference(what=what, size=float(gains.mean()), error=error)


def _counts(metric: Any, card: Any) -> np.ndarray:
    return np.asarray(metric.counts(card.targets, metric.answers(card)).toarray(), dtype=float)


def _goodness(metric: Any, totals: np.ndarray) -> np.ndarray:
    values = np.asarray(metric.from_counts(totals))
    return values if metric.higher_is_better else -values
