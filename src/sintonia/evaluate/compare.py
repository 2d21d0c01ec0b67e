"""Two subjects on the same examples: difference, interval, p-value, detectable effect, and the rule.

Pure and seeded: the same predictions always give the same numbers. It never words anything (`sentence.py`)
and knows nothing of baselines or openings (`judge.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import hstack

from sintonia.metrics import Metric
from sintonia.records import Comparison, Interval, Outcome, Score
from sintonia.statistics import (
    Bootstrap,
    approximate_randomisation,
    cluster_bootstrap,
    clustered_midp,
    clustered_wilson,
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
class Answers:
    """Targets, and what base and tuned predicted, example by example, with the group of each example."""

    targets: tuple[str, ...]
    base: tuple[str, ...]
    tuned: tuple[str, ...]
    groups: tuple[str, ...]
    repeats: int = 1
    """How often each example was tested, by another model each time, always in the same group.

    A group is the unit of every test and interval, so the repeats of an example never count as examples: they
    are averaged (out-of-fold answers as independent draws: Bayle et al. 2020, NeurIPS, for the means over folds).
    """

    def __post_init__(self) -> None:
        lengths = {len(self.targets), len(self.base), len(self.tuned), len(self.groups)}
        if len(lengths) != 1 or not self.targets or len(self.targets) % self.repeats:
            raise ValueError(f"targets, predictions and groups must be as many: {sorted(lengths)}")

    @property
    def num_examples(self) -> int:
        """Examples, however often each was tested."""
        return len(self.targets) // self.repeats


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
    num_examples, num_groups = answers.num_examples, len(set(answers.groups))
    resampled = _resample(metric, answers, rule.draws)
    num_differing = _num_differing_groups(metric, answers)

    def interval(confidence: float) -> Interval:
        low, high = resampled.interval(confidence)
        bare = Interval(value=resampled.estimate, low=low, high=high)
        return _clipped(_widened(bare, num_groups, num_differing, confidence), (-1.0, 1.0))

    evidence = Evidence(
        difference=interval(max(DECISION_CONFIDENCE, rule.confidence)),
        equivalence=interval(EQUIVALENCE_CONFIDENCE),
        p_value=_p_value(metric, answers, rule.draws),
        num_examples=num_examples,
        higher_is_better=metric.higher_is_better,
    )
    outcome = decide(evidence, rule)
    disagreement = num_examples * _null_variance(metric, answers, resampled)
    # Groups, not rows, can be in favour: the floor of few disagreements is one of groups.
    detectable = max(
        minimum_detectable_effect(disagreement, num_examples, rule.level),
        minimum_detectable_effect(0.0, num_groups, rule.level),
    )
    fixed, broken = count_changes(answers)
    comparison = Comparison(
        metric=metric.name,
        base=_score_interval(metric, answers, answers.base, rule),
        tuned=_score_interval(metric, answers, answers.tuned, rule),
        difference=interval(rule.confidence),
        p_value=evidence.p_value,
        fixed=fixed,
        broken=broken,
        examples=num_examples,
        minimum_detectable_effect=detectable,
        examples_needed=_needed(outcome, disagreement, resampled.estimate, num_examples, rule),
    )
    for_margin = _needed(outcome, disagreement, rule.margin, num_examples, rule)
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


def count_changes(answers: Answers) -> tuple[int, int]:
    """How many answers the tuned model fixes, and how many it breaks; over repeats, the mean, rounded up from .5."""
    net = _net_correct(answers)
    fixed, broken = ((net > 0).sum() / answers.repeats, (net < 0).sum() / answers.repeats)
    return int(fixed + 0.5), int(broken + 0.5)


def score(
    metric: Metric,
    targets: tuple[str, ...],
    predictions: tuple[str, ...],
    groups: tuple[str, ...],
    rule: Rule,
) -> Score:
    """One subject's score with its interval (Wilson for shares, else the bootstrap), groups respected."""
    return score_alone(metric, Answers(targets=targets, base=predictions, tuned=predictions, groups=groups), rule)


def score_alone(metric: Metric, answers: Answers, rule: Rule) -> Score:
    """The score of the tuned side of some answers, as `score` gives it."""
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


def _p_value(metric: Metric, answers: Answers, draws: int) -> float:
    if metric.is_mean_of_correct:
        return clustered_midp(_net_by_group(answers))
    base, tuned = (metric.counts(answers.targets, part) for part in (answers.base, answers.tuned))
    return approximate_randomisation((base, tuned), answers.groups, metric.from_counts, draws)


def _null_variance(metric: Metric, answers: Answers, resampled: Bootstrap) -> float:
    """Squared standard error of the difference if there were none; for a share, disagreement / examples."""
    if metric.is_mean_of_correct:
        return float((_net_by_group(answers) ** 2).sum()) / len(answers.targets) ** 2
    return resampled.standard_error() ** 2


def _needed(outcome: Outcome, disagreement: float, difference: float, num_examples: int, rule: Rule) -> int | None:
    if outcome != "inconclusive" or abs(difference) < 1e-12:
        return None
    by_power = examples_needed(disagreement, difference, rule.level)
    # With next to no disagreement, only the number of examples bounds what was not seen.
    unseen = math.log((1 - EQUIVALENCE_CONFIDENCE) / 2) / math.log1p(-min(abs(difference), 1 - 1e-12))
    return max(by_power, math.ceil(unseen), FEWEST_EXAMPLES, num_examples + 1)


def _score_interval(metric: Metric, answers: Answers, predictions: tuple[str, ...], rule: Rule) -> Interval:
    counts = metric.counts(answers.targets, predictions)
    value = metric.function(answers.targets, predictions)
    if metric.is_mean_of_correct:
        right, size = sum_by_group(counts, answers.groups).toarray().T / answers.repeats
        low, high = clustered_wilson(right, size, rule.confidence)
        return Interval(value=value, low=min(low, value), high=max(high, value))
    resampled = cluster_bootstrap(counts, answers.groups, metric.from_counts, rule.draws)
    low, high = resampled.interval(rule.confidence)
    bare = Interval(value=value, low=low, high=high)
    pairs = list(zip(answers.targets, predictions, answers.groups, strict=True))
    with_mistake = {group for target, prediction, group in pairs if target != prediction}
    with_hit = {group for target, prediction, group in pairs if target == prediction}
    num_rare = min(len(with_mistake), len(with_hit))
    num_groups = len(set(answers.groups))
    return _clipped(_widened(bare, num_groups, num_rare, rule.confidence), metric.range)


def _widened(bare: Interval, num_groups: int, num_informative: int, confidence: float) -> Interval:
    """The interval, made at least as wide as what so many groups cannot have shown, when few of them differ.

    Without it, two identical sets of predictions would have an interval of width zero, and ten examples would
    prove equivalence.
    """
    if num_informative >= SPARSE_GROUPS:
        return bare
    room = unseen_fraction(num_groups, confidence)
    low, high = min(bare.low, bare.value - room), max(bare.high, bare.value + room)
    return Interval(value=bare.value, low=low, high=high)


def _clipped(interval: Interval, limits: tuple[float, float]) -> Interval:
    low, high = max(interval.low, limits[0]), min(interval.high, limits[1])
    return Interval(value=interval.value, low=low, high=high)


def _net_correct(answers: Answers) -> NDArray[np.int64]:
    """For each example, 1 where only the tuned model is right, -1 where only the base is, else 0."""
    targets = np.array(answers.targets, dtype=object)
    tuned = np.array(answers.tuned, dtype=object) == targets
    base = np.array(answers.base, dtype=object) == targets
    return np.asarray(tuned.astype(np.int64) - base.astype(np.int64), dtype=np.int64)


def _net_by_group(answers: Answers) -> NDArray[np.int64]:
    net: dict[str, int] = {}
    for group, change in zip(answers.groups, _net_correct(answers).tolist(), strict=True):
        net[group] = net.get(group, 0) + change
    return np.array(list(net.values()), dtype=np.int64)


def _num_differing_groups(metric: Metric, answers: Answers) -> int:
    base, tuned = (metric.counts(answers.targets, part) for part in (answers.base, answers.tuned))
    change = sum_by_group(tuned - base, answers.groups)
    return int(np.count_nonzero(abs(change).sum(axis=1)))
