"""What a search varies, and around what: the learning rate first, more settings with more configurations.

science.md 6.5. Pure: it proposes values, asks for nothing and trains nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sintonia.methods import METHODS
from sintonia.records import Change, Configuration, SearchAxis, SearchOutcome, Turn, Values
from sintonia.settings import Recipe

RATE, EPOCHS, BATCH = "training.learning_rate", "training.epochs", "training.batch_examples"
DECAY, RANK = "training.weight_decay", "lora.rank"
_WHOLE = (BATCH, RANK)
_RATE_FACTOR = 5.0
_BRACKET_FACTOR = 3.0
DRAWN = "quasi-random"
"""Where a configuration comes from that was drawn before anything was known."""
_ALIKE = 1.25
"""Rates within this factor of each other are hardly different."""
_EPOCH_FACTORS = (0.5, 1.0, 2.0)
_BATCHES, _DECAYS, _RANKS = (8.0, 16.0, 32.0), (0.0, 0.01, 0.1), (8.0, 32.0, 128.0)
_FOR_EPOCHS, _FOR_ALL = 10, 25
"""From so many configurations on epochs are varied too, and the rest (science.md 6.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an earlier run of the same person did best with, and what it had begun with."""

    run: str
    first: Values
    best: Values


def make_axes(recipe: Recipe, num_configurations: int) -> tuple[SearchAxis, ...]:
    """What so many configurations vary around a recipe without any `auto`, the most important setting first.

    >>> from sintonia.settings import DataSettings, TrainingSettings
    >>> training = TrainingSettings(learning_rate=1e-4, epochs=4, batch_examples=16, weight_decay=0.01)
    >>> recipe = Recipe(data=DataSettings(path="rows.csv"), method="full", training=training)
    >>> [len(make_axes(recipe, count)) for count in (9, 10, 27)]
    [1, 2, 4]
    """
    usual = values_of(recipe)
    rate = usual[RATE]
    axes = [SearchAxis(setting=RATE, usual=rate, low=rate / _RATE_FACTOR, high=rate * _RATE_FACTOR)]
    if num_configurations >= _FOR_EPOCHS:
        axes.append(_choice(EPOCHS, usual, [usual[EPOCHS] * factor for factor in _EPOCH_FACTORS]))
    if num_configurations >= _FOR_ALL:
        axes += [_choice(BATCH, usual, _BATCHES), _choice(DECAY, usual, _DECAYS)]
        if RANK in usual:
            axes.append(_choice(RANK, usual, _RANKS))
    return tuple(axes)


def values_of(recipe: Recipe) -> Values:
    """The settings that a search may vary, of a recipe without any `auto`."""
    training = recipe.training
    found = {
        RATE: float(training.learning_rate),
        EPOCHS: float(training.epochs),
        BATCH: float(training.batch_examples),
        DECAY: float(training.weight_decay),
    }
    return {**found, RANK: float(recipe.lora.rank)} if METHODS[recipe.method].has_adapters else found


def usual_values(axes: Sequence[SearchAxis]) -> Values:
    """What the first turn was trained with."""
    return {axis.setting: axis.usual for axis in axes}


def first_configurations(
    axes: Sequence[SearchAxis], earlier: Sequence[Earlier], drawn: Sequence[Values], count: int
) -> tuple[Configuration, ...]:
    """What is tried before anything is known: the usual values, a bracket of learning rates, what served in earlier
    runs, and then what was drawn; at most `count`, none of them twice.
    """
    usual = usual_values(axes)
    wanted = [(usual, "the recipe as it is")]  # number 0
    wanted += [({**usual, RATE: usual[RATE] * factor}, "bracket") for factor in (1 / _BRACKET_FACTOR, _BRACKET_FACTOR)]
    wanted += [(carried_over(axes, one), f"run {one.run}") for one in earlier]
    wanted += [(values, DRAWN) for values in drawn]
    known: list[Values] = []
    found: list[Configuration] = []
    for values, origin in wanted:
        if values not in known and len(found) < count:
            known.append(values)
            found.append(Configuration(number=len(found), values=values, origin=origin))
    return tuple(found)


def carried_over(axes: Sequence[SearchAxis], earlier: Earlier) -> Values:
    """What was best in an earlier run, within this space; epochs by how they differed from its first turn's.

    Data of another size need other epochs, so only the ratio is carried over.
    """
    wanted = dict(earlier.best)
    usual = usual_values(axes)
    if EPOCHS in usual:
        wanted[EPOCHS] = usual[EPOCHS] * earlier.best[EPOCHS] / earlier.first[EPOCHS]
    return in_the_space(axes, wanted)


def in_the_space(axes: Sequence[SearchAxis], wanted: Values) -> Values:
    """The nearest values that the space has; what is not wanted otherwise is as usual."""
    found = {}
    for axis in axes:
        value = wanted.get(axis.setting, axis.usual)
        if axis.choices:
            found[axis.setting] = min((_distance(one, value), one) for one in axis.choices)[1]
        else:
            found[axis.setting] = min(max(value, axis.low), axis.high)
    return found


def centred(axes: Sequence[SearchAxis], values: Values, rate: float) -> Values:
    """What was drawn around the usual learning rate, drawn around another: between that and the same end of the space,
    and at most half as far from it as it was drawn.
    """
    axis = next(axis for axis in axes if axis.setting == RATE)
    drawn = math.log(values[RATE] / axis.usual)
    bound = axis.high if drawn > 0 else axis.low
    share = abs(drawn) / math.log(_RATE_FACTOR)
    width = min(abs(math.log(bound / rate)), math.log(_RATE_FACTOR) / 2)
    return in_the_space(axes, {**values, RATE: rate * math.exp(math.copysign(share * width, drawn))})


def is_alike(values: Values, other: Values) -> bool:
    """Whether two configurations hardly differ: in weight decay, or a little in the learning rate."""
    near = abs(math.log(values[RATE] / other[RATE])) < math.log(_ALIKE)
    return near and all(values.get(name) == other.get(name) for name in (EPOCHS, BATCH, RANK))


def cost_of(axes: Sequence[SearchAxis], values: Values) -> float:
    """What training it takes, in trainings of the first turn: by its passes over the data."""
    usual = usual_values(axes)
    return values[EPOCHS] / usual[EPOCHS] if EPOCHS in usual else 1.0


def adapted(recipe: Recipe, values: Values) -> Recipe:
    """A recipe with these values."""
    for name, value in values.items():
        block, _, setting = name.partition(".")
        given: Any = int(value) if name in _WHOLE else value
        changed = dataclasses.replace(getattr(recipe, block), **{setting: given})
        recipe = dataclasses.replace(recipe, **{block: changed})
    return recipe


def shortened(recipe: Recipe, usual: Recipe, share: float, *, is_last: bool) -> Recipe:
    """A training for a share of the steps that tells of the whole one, with all of its schedule.

    It is a training of its own, not the beginning of the whole one: broken off in their schedules, trainings would be
    compared at rates that they end far below, where a higher rate looks worse than it is. Within a rung all see as many
    examples, but for the last: what sees twice as many is ahead early on, whether or not that lasts.
    """
    epochs = float((recipe if is_last else usual).training.epochs) * share
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, epochs=epochs))


def changes_of(recipe: Recipe, plan_axes: Sequence[SearchAxis], outcome: SearchOutcome) -> tuple[Change, ...]:
    """The turns that a search ends with: its winner, unless that is the recipe as it is, and the same with another
    seed; `recipe` is that of the first turn.
    """
    usual, winner = usual_values(plan_axes), outcome.winner.values
    changed = [name for name, value in winner.items() if value != usual[name]]
    best = adapted(recipe, winner) if changed else recipe
    reason = f"search: best of {outcome.num_configurations} by validation"
    chosen = Change(
        recipe=best,
        setting=", ".join(changed),
        before=", ".join(f"{usual[name]:g}" for name in changed),
        after=", ".join(f"{winner[name]:g}" for name in changed),
        reason=reason,
        expected="the best of those tried; its score there flatters it, so that it is trained in full",
        cost="a training in full",
        finding="",
    )
    again = dataclasses.replace(
        chosen,
        recipe=dataclasses.replace(best, seed=recipe.seed + 1),
        setting="seed",
        before=str(recipe.seed),
        after=str(recipe.seed + 1),
        reason=f"{reason}, with a second seed",
        expected="two trainings differ by their seeds alone; the one that is better on validation is kept",
    )
    return (chosen, again) if changed else (again,)


def earlier_of(run: str, first: Turn, best: Turn) -> Earlier | None:
    """What two turns of an earlier run were trained with; None where that was not kept."""
    found = []
    for turn in (first, best):
        listed = {one.setting: one.value for one in turn.resolved}
        names = [name for name in (RATE, EPOCHS, BATCH, DECAY, RANK) if name in listed]
        if not {RATE, EPOCHS} <= set(names):
            return None
        found.append({name: float(listed[name]) for name in names})
    return Earlier(run=run, first=found[0], best=found[1])


def _choice(setting: str, usual: Values, choices: Sequence[float]) -> SearchAxis:
    value = usual[setting]
    return SearchAxis(setting=setting, usual=value, choices=tuple(sorted({*choices, value})))


def _distance(one: float, other: float) -> float:
    """Of positive numbers by their ratio."""
    return abs(math.log(one / other)) if one > 0 and other > 0 else abs(one - other) + (one > 0) + (other > 0)
