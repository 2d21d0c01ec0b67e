"""How far from the base a tuned model should go: the least that is as good on validation, within one standard error.

Pure: it is given a function that measures a scale, and calls it for as few scales as it can. Source: science.md 7, with
the rule of one standard error of Breiman et al. 1984.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics import Metric
from sintonia.statistics import cluster_bootstrap, paired_difference

STEPS = 10
"""Scales are tenths."""
_STRIDE = 2
_DRAWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The scale, what it does on validation, and what the whole way does."""

    scale: float
    value: float
    full_value: float
    standard_error: float
    """Of the value of the best scale that was tried."""
    tried: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruler:
    """The metric on validation, and which examples belong together."""

    metric: Metric
    groups: Sequence[str]

    def value(self, counts: Any) -> float:
        """The metric of all examples; `counts` as `Metric.counts` gives them."""
        totals = np.asarray(csr_array(counts).sum(axis=0), dtype=np.float64).reshape(1, -1)
        return float(self.metric.from_counts(totals)[0])

    def standard_error(self, counts: Any) -> float:
        """Of the metric at one scale, groups of examples drawn again."""
        return cluster_bootstrap(csr_array(counts), self.groups, self.metric.from_counts, _DRAWS).standard_error()

    def paired_error(self, counts: Any, other: Any) -> float:
        """Of the difference of the metric between two scales, groups of examples drawn again."""
        return paired_difference(other, counts, self.groups, self.metric.from_counts, _DRAWS)[1]


def choose_scale(ruler: Ruler, tried: Mapping[int, Any]) -> Chosen:
    """The smallest of the scales that were tried (tenths, the whole way among them) whose value is within the
    standard error of the best."""
    values = {step: ruler.value(counts) for step, counts in tried.items()}
    best = max(sorted(values), key=lambda step: ruler.metric.goodness(values[step]))
    error = ruler.standard_error(tried[best])
    step = min(
        one for one in values if ruler.metric.goodness(values[best]) - ruler.metric.goodness(values[one]) <= error
    )
    return Chosen(
        scale=step / STEPS,
        value=values[step],
        full_value=values[STEPS],
        standard_error=error,
        tried=tuple(one / STEPS for one in sorted(values)),
    )


def search_scale(ruler: Ruler, measure: Callable[[float], Any]) -> Chosen:
    """Walks back from the whole way by two tenths while that is as good as the best so far, then looks between.

    The base itself is tried, for a damaged model may be worse than it all the way. `measure` gives the counts of the
    metric on validation at a scale; nine at most. Where goodness rises again after it fell, a smaller scale that does
    may be missed; what is chosen was measured in any case.
    """
    tried = {STEPS: measure(1.0), 0: measure(0.0)}
    if _chosen_step(ruler, tried) == 0:
        return choose_scale(ruler, tried)
    for step in range(STEPS - _STRIDE, 0, -_STRIDE):
        tried[step] = measure(step / STEPS)
        if _chosen_step(ruler, tried) > step:
            break
    best = max(tried, key=lambda step: ruler.metric.goodness(ruler.value(tried[step])))
    for step in sorted({best + 1, best - 1, _chosen_step(ruler, tried) - 1}):
        if 0 < step < STEPS and step not in tried:
            tried[step] = measure(step / STEPS)
    return choose_scale(ruler, tried)


def _chosen_step(ruler: Ruler, tried: Mapping[int, Any]) -> int:
    return round(choose_scale(ruler, tried).scale * STEPS)


def recovered_fraction(base: float, tuned: float, scaled: float) -> float:
    """The share of the way from `tuned` back to `base`; 0 when nothing was lost. It may pass 1, and be negative."""
    return (tuned - scaled) / (tuned - base) if tuned != base else 0.0
