"""From the turns so far to the next recipes worth trying, best first (science.md 2.4).

One setting at a time, and with it what would have no effect beside it goes back to its default; never a recipe that
was tried, nor one that would be refused. Where nothing is wrong, a quicker training is offered too, after all that is
for quality. Pure: it asks for trainings, the pipeline runs them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

from sintonia.adjust.remedies.balance import RARE_CLASS, weigh_classes
from sintonia.adjust.remedies.experience import confidence_of, direction_of, gain_in_words, gain_of
from sintonia.adjust.remedies.ideas import Idea, Remedy, effective, task_of
from sintonia.adjust.remedies.settings import BASICS, DATA_FIRST, REFINEMENTS, small_probe
from sintonia.adjust.remedies.speed import train_upper_layers
from sintonia.errors import UsageError
from sintonia.methods import METHODS
from sintonia.metrics import METRICS
from sintonia.recipe import recipe_id
from sintonia.records import Change, Turn
from sintonia.resolve import settle
from sintonia.settings import LoraSettings, Recipe

NOTHING_LEFT = 0.99
"""Share of the best possible validation metric from which no setting is worth a turn."""


def next_changes(history: tuple[Turn, ...], data_codes: Collection[str] = ()) -> tuple[Change, ...]:
    """The changes worth trying now, best first; empty when nothing is.

    They start from the turn with the best validation metric (the earlier of equals), and answer its findings and those
    about the data, whose codes are `data_codes`.
    """
    if not history:
        return ()
    anchor = max(history, key=lambda turn: (_goodness(turn), -turn.number))
    if _is_perfect(anchor):
        return ()
    anchor = _as_trained(anchor, history)
    tried = {turn.recipe_id for turn in history}
    changes: list[Change] = []
    for code, remedy in _remedies(anchor, data_codes):
        for idea in remedy(anchor):
            change = _as_change(anchor, code, idea)
            identity = recipe_id(change.recipe)
            was_tried = identity in tried or any(_did(turn, idea, identity) for turn in history)
            if not was_tried and _is_possible(change.recipe, task_of(anchor).NAME):
                tried.add(identity)
                changes.append(change)
    return tuple(changes)


def is_small_probe(change: Change) -> bool:
    """Whether nothing is wrong, and it only looks to each side of the learning rate."""
    return change.aim == "quality" and not change.finding


def _goodness(turn: Turn) -> float:
    return METRICS[turn.primary_metric].goodness(turn.validation_metric)


def _as_trained(turn: Turn, history: tuple[Turn, ...]) -> Turn:
    """The turn with the cost of a training; one that was combined took none, and its parent says what one takes."""
    parent = next((one for one in history if turn.combined and one.number == turn.parent), None)
    return dataclasses.replace(turn, resources=parent.resources) if parent else turn


def _is_perfect(turn: Turn) -> bool:
    """Whether next to nothing is left to gain; of bits per byte nobody knows how low they could go."""
    metric = METRICS[turn.primary_metric]
    return metric.higher_is_better and turn.validation_metric >= NOTHING_LEFT * metric.range[1]


def _remedies(turn: Turn, data_codes: Collection[str]) -> Iterator[tuple[str, Remedy]]:
    """The remedies to go through, in order. What has to be answered first hides what follows from it."""
    codes = {finding.code for finding in turn.findings}
    basics = [(code, remedy) for code, remedy in BASICS.items() if code in codes]
    if basics:
        yield from basics
    elif codes & DATA_FIRST:
        return
    else:
        present = [(code, remedy) for code, remedy in REFINEMENTS.items() if code in codes]
        yield from present
        yield from ((RARE_CLASS, weigh_classes),) if RARE_CLASS in data_codes else ()
        yield from () if present else (("", small_probe), ("", train_upper_layers))


def _did(turn: Turn, idea: Idea, identity: str) -> bool:
    """Whether a turn used this value already, only written otherwise (as `auto`)."""
    return bool(
        effective(turn, idea.setting) == idea.after
        and recipe_id(_with_setting(turn.recipe, idea.setting, idea.after)) == identity
    )


def _is_possible(recipe: Recipe, task: str) -> bool:
    """Whether a training can begin with it: a refusal in the middle of a run would keep it from its verdict."""
    try:
        settle(recipe, task)
    except UsageError:
        return False
    return True


def _as_change(turn: Turn, code: str, idea: Idea) -> Change:
    before = effective(turn, idea.setting)
    task = task_of(turn).NAME
    is_for_quality = idea.aim == "quality"
    gain = gain_of(code, idea.setting, direction_of(before, idea.after), task) if is_for_quality else None
    return Change(
        recipe=_with_setting(turn.recipe, idea.setting, idea.after),
        setting=idea.setting,
        before="auto" if before is None else _text(before),
        after=_text(idea.after),
        reason=idea.reason,
        expected=f"{idea.expected}; {gain_in_words(gain)}" if is_for_quality else idea.expected,
        cost=_cost(turn, idea),
        finding=code,
        aim=idea.aim,
        seconds=_seconds(turn, idea),
        kwh=_kwh(turn, idea),
        gain=gain,
        confidence=confidence_of(gain),
    )


def _with_setting(recipe: Recipe, setting: str, value: Any) -> Recipe:
    """The recipe with one value replaced, and without what would have no effect beside it."""
    block, dot, name = setting.rpartition(".")
    if not dot:
        changed = dataclasses.replace(recipe, **{name: value})
    else:
        changed = dataclasses.replace(recipe, **{block: dataclasses.replace(getattr(recipe, block), **{name: value})})
    if setting == "method":
        changed = _of_new_method(changed)
    is_frozen = changed.training.frozen_layers > 0 or changed.lora.layers != "all"
    if changed.training.cache == "on" and not is_frozen:
        changed = dataclasses.replace(changed, training=dataclasses.replace(changed.training, cache="auto"))
    return changed


def _of_new_method(recipe: Recipe) -> Recipe:
    """A new method brings its own learning rate and epochs, and leaves the settings that were the old one's alone."""
    method, training = METHODS[recipe.method], recipe.training
    training = dataclasses.replace(training, learning_rate="auto", epochs="auto")
    if method.has_adapters or not method.trains_encoder:
        training = dataclasses.replace(training, frozen_layers=0)
    if not method.trains_encoder:
        training = dataclasses.replace(training, dropout="auto", micro_tokens="auto", cache="auto")
    lora = recipe.lora if method.has_adapters else LoraSettings()
    return dataclasses.replace(recipe, training=training, lora=lora)


def _seconds(turn: Turn, idea: Idea) -> float | None:
    """Of the next training: steps that are more or fewer take more or less, validations are as many as before."""
    whole, factor = turn.resources.seconds, idea.time_factor
    if factor is None:
        return None
    if idea.aim == "speed" or turn.layers is None:
        return whole * factor
    return max(whole + (factor - 1) * turn.layers.step_seconds, 0.0)


def _kwh(turn: Turn, idea: Idea) -> tuple[float, float] | None:
    """At least and at most, by what the turn that it starts from used in its seconds."""
    energy, seconds = turn.resources.energy, _seconds(turn, idea)
    if energy is None or seconds is None or turn.resources.seconds <= 0:
        return None
    factor = seconds / turn.resources.seconds
    return energy.low * factor, energy.high * factor


def _cost(turn: Turn, idea: Idea) -> str:
    seconds, kwh = _seconds(turn, idea), _kwh(turn, idea)
    before = f"turn {turn.number} took {_minutes(turn.resources.seconds)}"
    energy = f", {kwh[0]:.2g} to {kwh[1]:.2g} kWh" if kwh else ""
    time = f"not known ({before})" if seconds is None else f"about {_minutes(seconds)}{energy} ({before})"
    if not idea.disk_bytes:
        return time
    return f"{time}; about {idea.disk_bytes / 2**20:,.1f} MiB of disk for what is kept, until the run is deleted"


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.1f} minutes" if minutes < 10 else f"{minutes:.0f} minutes"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
