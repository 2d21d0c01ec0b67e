"""Follows a training for tools that draw curves: TensorBoard, MLflow and Weights & Biases, when the recipe asks.

They are told what `events.jsonl` holds already, which stays the record: a resumed training goes on in the same series,
and no step is told twice. A tool that fails is let go with one line; it never stops or slows a training, and nothing
leaves this machine unless `MLFLOW_TRACKING_URI` says so.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sintonia.corridor.trackers.follower import Follower
from sintonia.corridor.trackers.tracker import Place, Tracker, words_of_verdict
from sintonia.errors import UsageError
from sintonia.records import Event, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

__all__ = ["check_trackers", "following", "tell_verdict", "traced_settings"]

_NEEDS = {
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow", "sqlalchemy"),
    "wandb": ("wandb",),
}
"""The packages that each of them needs; the extra of sintonia that brings them bears the name of the tracker."""


def check_trackers(names: tuple[str, ...]) -> None:
    """Refuses what could not be followed, before anything is computed.

    Raises:
        UsageError: a package is not installed.
    """
    missing = [name for name in names if not all(importlib.util.find_spec(one) for one in _NEEDS[name])]
    if missing:
        needed = " ".join(missing)
        raise UsageError(
            f"`tracking` asks for {', '.join(missing)}, which is not installed",
            hint=f"pip install {needed}, or leave it out of `tracking`",
        )


@contextmanager
def following(
    run: RunFolder, turn: int, recipe: Recipe, tell: Callable[[str], None]
) -> Iterator[Callable[[Event], None]]:
    """Within it, each event of the training of a turn is to be handed on to what this gives.

    `tell` is told, on the thread of the caller, when a tracker had to be let go.
    """
    followers = _followers(run, turn, recipe)
    is_finished = False

    def hear(event: Event) -> None:
        nonlocal is_finished
        is_finished = is_finished or event.kind == "finished"
        for follower in followers:
            follower.hear(event)
            _tell_problem(follower, tell)

    try:
        yield hear
    finally:
        for follower in followers:
            follower.end(is_finished=is_finished)
            _tell_problem(follower, tell)


def tell_verdict(run: RunFolder, turn: Turn, verdict: Verdict, tell: Callable[[str], None]) -> None:
    """Adds the verdict to the series of the turn that it is about, with the settings that this turn was trained with.

    A tracker that writes its files anew is told the same settings as in training, none of them `auto`.
    """
    for follower in _followers(run, turn.number, _as_trained(turn)):
        follower.conclude(words_of_verdict(verdict))
        follower.end(is_finished=True)
        _tell_problem(follower, tell)


def traced_settings(recipe: Recipe) -> dict[str, str]:
    """The settings of a recipe that a tracker is told: how it was trained, and no path and no word of the data."""
    base = "file" if recipe.base.startswith("file:") else recipe.base
    found = {"task": recipe.task, "method": recipe.method, "base": base, "seed": recipe.seed}
    for block in ("training", "lora"):
        settings = getattr(recipe, block)
        found |= {f"{block}.{one.name}": getattr(settings, one.name) for one in dataclasses.fields(settings)}
    return {name: str(value) for name, value in found.items()}


def _as_trained(turn: Turn) -> Recipe:
    """The recipe of a turn with the values that were used: as its record lists them, every `auto` filled."""
    recipe = turn.recipe
    used = {one.setting: one.value for one in turn.resolved}
    for block in ("training", "lora"):
        settings = getattr(recipe, block)
        names = [one.name for one in dataclasses.fields(settings) if f"{block}.{one.name}" in used]
        filled = dataclasses.replace(settings, **{name: used[f"{block}.{name}"] for name in names})
        recipe = dataclasses.replace(recipe, **{block: filled})
    own = {name: used[name] for name in ("task", "method", "base", "seed") if name in used}
    return dataclasses.replace(recipe, **own)


def _followers(run: RunFolder, turn: int, recipe: Recipe) -> list[Follower]:
    if not recipe.tracking:
        return []
    folder = run.file(run.turn(turn))
    place = Place(folder=folder, run=run.path, name=f"{run.path.name}-{turn:03d}", settings=traced_settings(recipe))

    def record() -> list[Event]:
        return run.lines(f"{run.turn(turn)}/events.jsonl", Event)

    return [Follower(name, partial(_open, name, place), record) for name in recipe.tracking]


def _open(name: str, place: Place) -> Tracker:
    _silence()
    module = importlib.import_module(f"sintonia.corridor.trackers.to_{name}")
    tracker: Tracker = module.open_tracker(place)
    return tracker


def _silence() -> None:
    """Before their packages are imported: no telemetry, no reports of errors."""
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}


def _tell_problem(follower: Follower, tell: Callable[[str], None]) -> None:
    problem = follower.take_problem()
    if problem:
        tell(f"{follower.name} is no longer told about this training, which goes on: {problem}")
