"""Two subjects on the same examples: difference, interval, p-value, detectable effect, and the rule.

Pure and seeded: the same predictions always give the same numbers. It never words anything (`sentence.py`)
and knows nothing of baselines or openings (`judge.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import hstack

from sintonia.evaluate.answers import (
    Answers,
    count_changes,
    net_by_group,
    num_differing_groups,
    num_informative_groups,
)
from sintonia.metrics import Metric
from sintonia.records import Comparison, Interval, Outcome, Score
from sintonia.statistics import (
    Bootstrap,
    approximate_randomisation,
    cluster_bootstrap,
    clustered_midp,
    clustered_wilson,
    detectable_difference,
    examples_needed,
    minimum_detectable_effect,
    sum_by_group,
    unseen_fraction,
)

FEWEST_EXAMPLES = 50
"""With fewer test examples nothing is decided: it is an anecdote."""
DECISION_CONFIDENCE = 0.95
EQUIVALENCE_CONFIDENCE = 0.90
"""Two one-sided tests at 5 % are the 90 % interval."""
SPARSE_GROUPS = 10
"""Where fewer groups differ than this, resampling cannot know what it has not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the numbers are held against."""

    level: float
    margin: float
    confidence: float = 0.95
    draws: int = 10_000

    def __post_init__(self) -> None:
        if not (0 < self.level < 1 and 0 < self.confidence < 1 and self.margin >= 0 and self.draws >= 1):
            raise ValueError(f"impossible rule of judgement: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the rule looks at."""

    difference: Interval
    """Tuned minus base with its 95 % interval, or a wider one when that was asked for."""
    equivalence: Interval
    """The same with its 90 % interval."""
    p_value: float
    num_examples: int
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A comparison, its outcome, and the examples that would decide a difference as large as the margin."""

    comparison: Comparison
    outcome: Outcome
    examples_for_margin: int | None


def compare(metric: Metric, answers: Answers, rule: Rule) -> Compared:
    """Compare tuned with base on one metric and decide: better, worse, equivalent or inconclusive."""
    num_examples = answers.num_examples
    resampled = _resample(metric, answers, rule.draws)
    evidence = Evidence(
        difference=_difference(metric, answers, resampled, max(DECISION_CONFIDENCE, rule.confidence)),
        equivalence=_difference(metric, answers, resampled, EQUIVALENCE_CONFIDENCE),
        p_value=_p_value(metric, answers, rule.draws),
        num_examples=num_examples,
        higher_is_better=metric.higher_is_better,
    )
    outcome = decide(evidence, rule)
    disagreement = num_examples * _null_variance(metric, answers, resampled)
    needed = _Needed(
        scale=_scale(metric, answers), disagreement=disagreement, num_examples=num_examples, level=rule.level
    )
    fixed, broken = count_changes(answers)
    comparison = Comparison(
        metric=metric.name,
        base=_score_interval(metric, answers, answers.base, rule),
        tuned=_score_interval(metric, answers, answers.tuned, rule),
        difference=_difference(metric, answers, resampled, rule.confidence),
        p_value=evidence.p_value,
        fixed=fixed,
        broken=broken,
        examples=num_examples,
        minimum_detectable_effect=_detectable(metric, answers, disagreement, rule.level),
        examples_needed=needed.examples(resampled.estimate) if outcome == "inconclusive" else None,
    )
    for_margin = needed.examples(rule.margin) if outcome == "inconclusive" else None
    return Compared(comparison=comparison, outcome=outcome, examples_for_margin=for_margin)


def decide(evidence: Evidence, rule: Rule) -> Outcome:
    """The rule of science.md 1.2 without its `invalid`: both the p-value and the interval must agree."""
    if evidence.num_examples < FEWEST_EXAMPLES:
        return "inconclusive"
    difference, equivalence = evidence.difference, evidence.equivalence
    is_significant = evidence.p_value < rule.level
    if is_significant and difference.low > 0:
        return "better" if evidence.higher_is_better else "worse"
    if is_significant and difference.high < 0:
        return "worse" if evidence.higher_is_better else "better"
    if -rule.margin < equivalence.low and equivalence.high < rule.margin:
        return "equivalent"
    return "inconclusive"


def score_alone(metric: Metric, answers: Answers, rule: Rule) -> Score:
    """The score of the tuned side, with its interval (Wilson for shares, else the bootstrap), groups respected."""
    interval = _score_interval(metric, answers, answers.tuned, rule)
    return Score(
        metric=metric.name,
        value=interval.value,
        low=interval.low,
        high=interval.high,
        num_examples=answers.num_examples,
    )


def _resample(metric: Metric, answers: Answers, draws: int) -> Bootstrap:
    base, tuned = (metric.counts(answers.targets, part) for part in (answers.base, answers.tuned))
    width = base.shape[1]

    def difference(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        return metric.from_counts(totals[:, width:]) - metric.from_counts(totals[:, :width])

    return cluster_bootstrap(hstack([base, tuned]), answers.groups, difference, draws)


def _difference(metric: Metric, answers: Answers, resampled: Bootstrap, confidence: float) -> Interval:
    low, high = resampled.interval(confidence)
    bare = Interval(value=resampled.estimate, low=low, high=high)
    room = _scale(metric, answers) * unseen_fraction(answers.num_groups, confidence)
    limit = metric.range[1] - metric.range[0]
    return _clipped(_widened(bare, room, num_differing_groups(metric, answers)), (-limit, limit))


def _p_value(metric: Metric, answers: Answers, draws: int) -> float:
    if metric.is_mean_of_correct:
        return clustered_midp(net_by_group(answers))
    base, tuned = (metric.counts(answers.targets, part) for part in (answers.base, answers.tuned))
    return approximate_randomisation((base, tuned), answers.groups, metric.from_counts, draws)


def _null_variance(metric: Metric, answers: Answers, resampled: Bootstrap) -> float:
    """Squared standard error of the difference if there were none; for a share, disagreement / examples."""
    if metric.is_mean_of_correct:
        return float((net_by_group(answers) ** 2).sum()) / len(answers.targets) ** 2
    return resampled.standard_error() ** 2


def _scale(metric: Metric, answers: Answers) -> float:
    """As much as an example that nobody has seen could change: all of the range; without an end, all of the score."""
    span = metric.range[1] - metric.range[0]
    if math.isfinite(span):
        return span
    scores = [metric.function(answers.targets, part) for part in (answers.base, answers.tuned)]
    return max(*scores, 1e-12)


def _detectable(metric: Metric, answers: Answers, disagreement: float, level: float) -> float:
    """Groups, not rows, can be in favour: the floor of few disagreements is one of groups."""
    if not math.isfinite(metric.range[1] - metric.range[0]):
        least = minimum_detectable_effect(0.0, answers.num_groups, level)
        by_spread = detectable_difference(math.sqrt(disagreement / answers.num_examples), level)
        return by_spread if least < 1 else max(by_spread, _scale(metric, answers))
    return max(
        minimum_detectable_effect(disagreement, answers.num_examples, level),
        minimum_detectable_effect(0.0, answers.num_groups, level),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needed:
    """What the number of examples that decide a difference follows from."""

    scale: float
    disagreement: float
    num_examples: int
    level: float

    def examples(self, difference: float) -> int | None:
        """None for a difference of zero, which no number decides."""
        if abs(difference) < 1e-12:
            return None
        by_power = examples_needed(self.disagreement, difference, self.level)
        # With next to no disagreement, only the number of examples bounds what was not seen.
        share = min(abs(difference) / self.scale, 1 - 1e-12)
        unseen = math.log((1 - EQUIVALENCE_CONFIDENCE) / 2) / math.log1p(-share)
        return max(by_power, math.ceil(unseen), FEWEST_EXAMPLES, self.num_examples + 1)


def _score_interval(metric: Metric, answers: Answers, subject: tuple[Any, ...], rule: Rule) -> Interval:
    counts = metric.counts(answers.targets, subject)
    value = metric.function(answers.targets, subject)
    if metric.is_mean_of_correct:
        right, size = sum_by_group(counts, answers.groups).toarray().T / answers.repeats
        low, high = clustered_wilson(right, size, rule.confidence)
        return Interval(value=value, low=min(low, value), high=max(high, value))
    resampled = cluster_bootstrap(counts, answers.groups, metric.from_counts, rule.draws)
    low, high = resampled.interval(rule.confidence)
    bare = Interval(value=value, low=low, high=high)
    span = metric.range[1] - metric.range[0]
    room = (span if math.isfinite(span) else value) * unseen_fraction(answers.num_groups, rule.confidence)
    return _clipped(_widened(bare, room, num_informative_groups(metric, answers, subject)), metric.range)


def _widened(bare: Interval, room: float, num_informative: int) -> Interval:
    """The interval, made at least as wide as the room for what was not seen, when few groups differ.

    Without it, two identical sets of predictions would have an interval of width zero, and ten examples would
    prove equivalence.
    """
    if num_informative >= SPARSE_GROUPS:
        return bare
    low, high = min(bare.low, bare.value - room), max(bare.high, bare.value + room)
    return Interval(value=bare.value, low=low, high=high)


def _clipped(interval: Interval, limits: tuple[float, float]) -> Interval:
    low, high = max(interval.low, limits[0]), min(interval.high, limits[1])
    return Interval(value=interval.value, low=low, high=high)
