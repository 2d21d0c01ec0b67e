"""Runs beside each other: models on the same test examples, and recipes over several seeds.

Pure: what the runs answered in, comparisons out, by the same rule as a verdict. It reads no run folder, and never
chooses which runs to compare.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sintonia.evaluate.answers import Answers, answers_of
from sintonia.evaluate.compare import FEWEST_EXAMPLES, Rule, compare
from sintonia.evaluate.several.standing import SOUND, Named, Standing, reasons, remarks, settled
from sintonia.evaluate.units import unit_of
from sintonia.metrics import Metric
from sintonia.records import Comparison, Duel, Interval, Outcome, RecipeClaim, Scorecard
from sintonia.statistics import RecipeDifference, holm, recipe_difference
from sintonia.statistics.several import FEWEST_SEEDS

_ROWS_AT_ONCE = 4096

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A run as it is compared: what it answered to its test, and by which recipe."""

    name: str
    recipe: str
    """The same for runs that differ in the seed only."""
    seed: int
    card: Scorecard
    standing: Standing = SOUND
    """What its own verdict says against believing its answers."""

    @property
    def named(self) -> tuple[tuple[str, Standing], ...]:
        """Its standing, as a side of its own."""
        return ((self.name, self.standing),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """What comparisons share: the metric, the group of each answer, and what the numbers are held against."""

    metric: Metric
    groups: tuple[str, ...]
    rule: Rule


def unpaired(first: Scorecard, other: Scorecard) -> str:
    """Why two scorecards cannot be compared example by example, in numbers; empty when they can."""
    if (first.ids, first.targets) == (other.ids, other.targets):
        return _other_text(first, other)
    held, also = (dict(zip(card.ids, card.targets, strict=True)) for card in (first, other))
    shared = held.keys() & also.keys()
    same = sum(held[one] == also[one] for one in shared)
    if len(shared) == len(held) == len(also) and same == len(shared):
        return f"their {len(held):,} test examples are the same, but one tested them more often or in another order"
    targets = "" if same == len(shared) else f", of which {len(shared) - same:,} have another target"
    return f"of {len(held):,} and {len(also):,} test examples they share {len(shared):,}{targets}"


def _other_text(first: Scorecard, other: Scorecard) -> str:
    """Whether less, or more, of the same examples was scored: what is read of them depends on settings."""
    if first.num_bytes == other.num_bytes:
        return ""
    if len(first.num_bytes) != len(other.num_bytes):
        return "the length of what was scored is known of one of them only"
    pairs = list(zip(first.num_bytes, other.num_bytes, strict=True))
    num_other = sum(one != two for one, two in pairs)
    totals = [sum(column) for column in zip(*pairs, strict=True)]
    return (
        f"of {num_other:,} of {len(pairs):,} test examples another text was scored, {totals[0]:,} bytes in all against "
        f"{totals[1]:,}"
    )


def compare_models(bout: Bout, tested: Sequence[Judged]) -> tuple[Duel, ...]:
    """Each model against the first, with p-values after Holm (1979) where there are several."""
    first, *others = tested
    compared = [compare(bout.metric, _answers(bout, first.card, one.card), bout.rule) for one in others]
    adjusted = holm([one.comparison.p_value for one in compared])
    duels = []
    for other, one, p_value in zip(others, compared, adjusted, strict=True):
        is_lost = one.outcome in ("better", "worse") and p_value >= bout.rule.level
        outcome = settled("inconclusive" if is_lost else one.outcome, first.named, other.named)
        duel = Duel(
            first=first.name,
            second=other.name,
            comparison=one.comparison,
            adjusted_p=p_value,
            outcome=outcome,
            sentence="",
        )
        told = _duel_sentence(bout, duel, reasons(first.named, other.named))
        duels.append(replace(duel, sentence=told + remarks(first.named, other.named)))
    return tuple(duels)


def compare_recipes(bout: Bout, recipes: Sequence[Sequence[Judged]]) -> tuple[RecipeClaim, ...]:
    """Each recipe against the first, over seeds and examples; intervals are those of Holm's steps.

    Raises ValueError when a recipe has too few seeds: a mistake of the caller.
    """
    first, *others = recipes
    pairs = [pair_by_seed(first, other) for other in others]
    tables = [np.stack([_gains(bout, one, two) for one, two in of_pair]) for of_pair in pairs]
    open_ones, found = set(range(len(others))), dict[int, tuple[RecipeDifference, float]]()
    while open_ones:
        confidence = 1 - bout.rule.level / len(open_ones)
        for number in open_ones:
            difference = recipe_difference(tables[number], bout.groups, confidence, draws=bout.rule.draws)
            found[number] = (difference, confidence)
        decided = {number for number in open_ones if found[number][0].low > 0 or found[number][0].high < 0}
        if not decided:
            break
        open_ones -= decided
    return tuple(_claim(bout, pairs[number], *found[number]) for number in range(len(others)))


def pair_by_seed(first: Sequence[Judged], other: Sequence[Judged]) -> tuple[tuple[Judged, Judged], ...]:
    """Runs of two recipes in pairs: of the same seed where enough are, else in the order of their seeds."""
    by_seed = {one.seed: one for one in other}
    same = tuple((one, by_seed[one.seed]) for one in first if one.seed in by_seed)
    if len(same) >= FEWEST_SEEDS:
        return same
    ordered = (sorted(runs, key=lambda one: one.seed) for runs in (first, other))
    return tuple(zip(*ordered, strict=False))


def missing_seeds(first: Sequence[Judged], other: Sequence[Judged]) -> str:
    """What a claim about two recipes still needs, in words; empty when it needs nothing."""
    lacking = [
        f"{FEWEST_SEEDS - len(runs)} more of the recipe of `{runs[0].name}`"
        for runs in (first, other)
        if len(runs) < FEWEST_SEEDS
    ]
    if not lacking:
        return ""
    return (
        f"this is about these models; for a claim about the recipes {FEWEST_SEEDS} runs each with another `--seed` are "
        f"needed: {' and '.join(lacking)}"
    )


def contributions(metric: Metric, card: Scorecard) -> Array:
    """What each example adds to a score, shape (examples,): their mean is the score.

    Of a mean over examples they are its values; of any other metric jackknife pseudo-values (Tukey 1958), moved by a
    constant so that their mean is the score itself.
    """
    counts = metric.counts(card.targets, metric.answers(card))
    totals, size = np.asarray(counts.sum(axis=0), dtype=np.float64).reshape(1, -1), counts.shape[0]
    score = float(metric.from_counts(totals)[0])
    without = np.empty(size)
    for start in range(0, size, _ROWS_AT_ONCE):
        block = totals - counts[start : start + _ROWS_AT_ONCE].toarray()
        with np.errstate(invalid="ignore", divide="ignore"):
            without[start : start + len(block)] = metric.from_counts(block)
    values = size * score - (size - 1) * np.where(np.isfinite(without), without, score)
    return np.asarray(values + (score - values.mean()))


def _answers(bout: Bout, first: Scorecard, other: Scorecard) -> Answers:
    return answers_of(bout.metric, first, other, bout.groups)


def _gains(bout: Bout, first: Judged, other: Judged) -> Array:
    """How much better the second does on each example, whatever the direction of the metric."""
    change = contributions(bout.metric, other.card) - contributions(bout.metric, first.card)
    return change if bout.metric.higher_is_better else -change


def _claim(
    bout: Bout, pairs: tuple[tuple[Judged, Judged], ...], found: RecipeDifference, confidence: float
) -> RecipeClaim:
    is_enough = len(set(pairs[0][0].card.ids)) >= FEWEST_EXAMPLES
    outcome: Outcome = "inconclusive"
    if is_enough and (found.is_better or found.is_worse):
        outcome = "better" if found.is_better else "worse"
    first, second = (_named(side) for side in zip(*pairs, strict=True))
    outcome = settled(outcome, first, second)
    if not math.isfinite(found.high - found.low):  # one group alone: anything is possible
        span = bout.metric.range[1] - bout.metric.range[0]
        most = span if math.isfinite(span) else sys.float_info.max
        found = replace(found, low=-most, high=most)
    ends = (found.low, found.high) if bout.metric.higher_is_better else (-found.high, -found.low)
    value = found.estimate if bout.metric.higher_is_better else -found.estimate
    claim = RecipeClaim(
        first=tuple(one.name for one, _ in pairs),
        second=tuple(other.name for _, other in pairs),
        difference=Interval(value=value, low=ends[0], high=ends[1]),
        confidence=confidence,
        share_won=found.share_won,
        outcome=outcome,
        sentence="",
    )
    told = _claim_sentence(bout, claim, reasons(first, second), is_enough=is_enough)
    return replace(claim, sentence=told + remarks(first, second))


def _named(side: Sequence[Judged]) -> Named:
    return tuple((one.name, one.standing) for one in side)


def _claim_sentence(bout: Bout, claim: RecipeClaim, invalid: str, *, is_enough: bool) -> str:
    names = f"the recipe of `{claim.second[0]}`", f"that of `{claim.first[0]}`"
    word = {"better": "is better than", "worse": "is worse than"}.get(claim.outcome)
    start = f"{names[0]} {word} {names[1]}" if word else f"it is not decided whether {names[0]} differs from {names[1]}"
    if invalid:
        start = f"there is no verdict on {names[0]} and {names[1]}, because {invalid}; for the record only"
    reason = "" if is_enough else f"; fewer than {FEWEST_EXAMPLES} examples decide nothing"
    return (
        f"Over {len(claim.first)} seeds each, {start}: {bout.metric.title}{_lower(bout.metric)} "
        f"{_difference(bout.metric, claim.difference, claim.confidence)}; the second is better in "
        f"{claim.share_won:.0%} of the pairs of runs (a claim asks for three of four){reason}."
    )


def _duel_sentence(bout: Bout, duel: Duel, invalid: str) -> str:
    metric, found, unit = bout.metric, duel.comparison, unit_of(bout.metric)
    names = f"`{duel.second}`", f"`{duel.first}`"
    starts: dict[Outcome, str] = {
        "better": f"{names[0]} is better than {names[1]}",
        "worse": f"{names[0]} is worse than {names[1]}",
        "equivalent": f"No difference that matters between {names[0]} and {names[1]}",
        "inconclusive": f"Not decided between {names[0]} and {names[1]}",
        "invalid": f"No verdict on {names[0]} and {names[1]}, because {invalid}. For the record only",
    }
    scores = f"{unit.score(found.tuned.value)} against {unit.score(found.base.value)}{unit.whole}"
    chance = f"p = {found.p_value:.3g}"
    if duel.adjusted_p != found.p_value:
        chance += f", {duel.adjusted_p:.3g} with the other comparisons"
    return (
        f"{starts[duel.outcome]}: on {found.examples:,} test examples {metric.title}{_lower(metric)} {scores}, "
        f"{_difference(metric, found.difference, bout.rule.confidence)}; {chance}; {found.fixed:,} that {names[1]} has "
        f"wrong {names[0]} has right, and {found.broken:,} the other way round{_ending(bout, duel.outcome, found)}."
    )


def _ending(bout: Bout, outcome: Outcome, found: Comparison) -> str:
    unit, rule = unit_of(bout.metric), bout.rule
    if outcome == "equivalent":
        return f"; differences under {unit.size(rule.margin)} do not matter (the margin), so take whichever is cheaper"
    if outcome != "inconclusive":
        return ""
    few = f"; fewer than {FEWEST_EXAMPLES} examples decide nothing" if found.examples < FEWEST_EXAMPLES else ""
    needed = found.examples_needed
    more = f", and deciding this one would take about {needed:,} examples" if needed else ""
    least = unit.size(found.minimum_detectable_effect)
    return f"{few}; this test can only find differences from about {least} (level {rule.level:.2g}){more}"


def _difference(metric: Metric, interval: Interval, confidence: float) -> str:
    unit = unit_of(metric)
    value, *_ = unit.differences(interval.value, interval.low, interval.high)
    ends = unit.interval(interval.low, interval.high, interval.value)
    return f"{value} {unit.noun}".rstrip() + f" ({100 * confidence:.4g} % interval {ends})"


def _lower(metric: Metric) -> str:
    return "" if metric.higher_is_better else " (lower is better)"
