"""Which models of a run may be combined without training, and whether the best combination won on validation.

Weights are averaged (Wortsman et al. 2022, model soups, arXiv 2203.05482: the mean of all, and a greedy one) or scaled
towards the base (Wortsman et al. 2022, WiSE-FT, arXiv 2109.01903). Pure: it asks for measurements, `corridor/combining`
makes them. It sees validation only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sintonia.adjust.remedies.ideas import effective, is_of_language
from sintonia.metrics import METRICS
from sintonia.records import Change, Combination, TriedCombination, Turn
from sintonia.statistics import selection_optimism

SCALES = (0.9, 0.8, 0.7, 0.6, 0.5)
MOST_TURNS = 6
"""Models that are averaged, at most: each takes its time, and those far behind the best only harm."""
_ALIKE = (
    *("task", "base", "method", "chat.template"),
    *("training.max_tokens", "training.long_texts", "training.text_pairs"),
)
"""What must have been the same: then the weights have the same names, and the texts the same tokens."""
_Z_95 = 1.645
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The best of what was tried, and whether it is to be kept."""

    best: TriedCombination
    optimism: float
    needed: float

    @property
    def wins(self) -> bool:
        """Whether its gain is beyond chance and beyond what being the best of several gives."""
        return self.best.gain > max(self.needed, _ROUNDING)


def combinable(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The trained turns whose weights can be averaged with those of the best of them, best on validation first.

    Turns that are combinations themselves are left out, and those whose saved model is broken (E310).
    """
    trained = [one for one in turns if one.combined is None and not any(it.code == "E310" for it in one.findings)]
    ranked = sorted(trained, key=lambda one: (-METRICS[one.primary_metric].goodness(one.validation_metric), one.number))
    if is_of_language(ranked[0]) and ranked[0].recipe.lora.variant == "dora":  # a mean of these is no DoRA adapter
        return tuple(ranked[:1])
    return tuple(one for one in ranked if _kind(one) == _kind(ranked[0]))[:MOST_TURNS]


def _kind(turn: Turn) -> tuple[str, ...]:
    return tuple(str(effective(turn, name)) for name in _ALIKE)


def combinations(members: Sequence[Turn], *, may_have_thresholds: bool) -> tuple[Combination, ...]:
    """What is tried whatever comes out: the mean of all, where there are several, and the best one by other thresholds
    and scaled.

    Thresholds need a metric of answers, and a validation set large enough to fit them. A head alone has no way from the
    base to be scaled.
    """
    numbers = tuple(one.number for one in members)
    means = [Combination(kind="mean", turns=numbers)] if len(numbers) > 1 else []
    if may_have_thresholds:
        means.append(Combination(kind="thresholds", turns=numbers[:1]))
    if effective(members[0], "method") == "head":
        return tuple(means)
    return (*means, *(Combination(kind="scaled", turns=numbers[:1], scale=scale) for scale in SCALES))


def grow_mean(
    members: Sequence[Turn], measure: Callable[[Combination], TriedCombination], mean: TriedCombination | None
) -> list[TriedCombination]:
    """The greedy mean: from the best on, a turn is added where validation does not fall by it.

    `mean` is what the mean of all gave. All that was measured comes back, in order; of two turns, and of a mean that
    grew to all of them, there is nothing to measure besides.
    """
    chosen, best, measured = [members[0].number], 0.0, list[TriedCombination]()
    for turn in members[1:]:
        numbers = (*chosen, turn.number)
        if mean is not None and numbers == mean.combination.turns:
            found = mean
        else:
            found = measure(Combination(kind="chosen mean", turns=numbers))
            measured.append(found)
        if found.gain >= best:
            chosen, best = list(numbers), found.gain
    return measured


def pick(tried: Sequence[TriedCombination]) -> Pick:
    """The best of the combinations, and the gain it needs: one paired standard error beyond what the best of so many
    gains by chance (science.md 1.4); of one or two what chance gives once in twenty cases (1.645 errors, one-sided).

    It raises ValueError when nothing was tried.
    """
    best = max(tried, key=lambda one: one.gain)
    optimism = selection_optimism(best.standard_error, len(tried))
    return Pick(best=best, optimism=optimism, needed=max(optimism + best.standard_error, _Z_95 * best.standard_error))


def further_seeds(turns: Sequence[Turn], count: int) -> tuple[Change, ...]:
    """The trainings that are missing until the best trained turn has `count` turns like it with other seeds."""
    best = combinable(turns)[0]
    used = {one.recipe.seed for one in turns if dataclasses.replace(one.recipe, seed=best.recipe.seed) == best.recipe}
    missing, seed, changes = count - len(used - {best.recipe.seed}), best.recipe.seed, list[Change]()
    while len(changes) < missing:
        seed += 1
        if seed not in used:
            changes.append(_with_seed(best, seed))
    return tuple(changes)


def _with_seed(turn: Turn, seed: int) -> Change:
    seconds = turn.resources.seconds
    return Change(
        recipe=dataclasses.replace(turn.recipe, seed=seed),
        setting="seed",
        before=str(turn.recipe.seed),
        after=str(seed),
        reason=f"the recipe of turn {turn.number} once more, from another seed: models to average",
        expected="about the same metric by itself",
        cost=f"about {seconds / 60:.1f} minutes (turn {turn.number} took as long)",
        finding="",
        seconds=seconds,
    )
