"""A run folder with the record of a training, for the tests of what follows it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Literal

from sintonia.corridor.trackers import following
from sintonia.records import Candidate, Event, Resolved, Resources, Turn
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

RECIPE = Recipe(data=DataSettings(path="/home/somebody/secret.csv"), base="file:/home/somebody/model", task="classify")


def make_recipe(*names: Literal["tensorboard", "mlflow", "wandb"]) -> Recipe:
    """A recipe that asks for these trackers."""
    return dataclasses.replace(RECIPE, tracking=names)


def make_turn(recipe: Recipe, resolved: tuple[Resolved, ...] = ()) -> Turn:
    """The turn of such a run, finished."""
    return Turn(
        number=1,
        recipe_id="0" * 16,
        recipe=recipe,
        resolved=resolved,
        parent=None,
        purpose="first turn",
        part="000",
        candidate=Candidate(
            weights="turns/001/model",
            best_step=10,
            last_step=10,
            planned_steps=10,
            stop_reason="the plan ended",
            num_trained=1,
        ),
        validation_metric=1.0,
        findings=(),
        resources=Resources(basis="measured", seconds=1.0, peak_memory_bytes=1),
    )


def make_run(folder: Path) -> RunFolder:
    """A run folder with one turn."""
    run = RunFolder.create(folder, RECIPE)
    run.file("turns/001").mkdir(parents=True)
    return run


def step(number: int) -> Event:
    """A step as the loop tells it."""
    values = {"loss": loss_of(number), "learning_rate": 1e-3, "gradient_norm": 0.5, "total_steps": 10}
    return Event(kind="step", step=number, seconds=float(number), values=values)


def loss_of(number: int) -> float:
    """The training loss of a step."""
    return math.exp(-number / 4)


def validated(number: int) -> Event:
    """A validation as the loop tells it."""
    values = {"metric": number / 10, "metric_name": "accuracy", "validation_loss": 1 - number / 20}
    return Event(kind="validated", step=number, seconds=float(number), values=values)


def events(first: int, last: int) -> list[Event]:
    """Steps from `first` to `last`, a validation at each even one, and at 0."""
    found = [validated(0)] if first == 1 else []
    for number in range(first, last + 1):
        found += [step(number)] + ([validated(number)] if number % 2 == 0 else [])
    return found


def train(run: RunFolder, recipe: Recipe, stretch: list[Event], ends: str = "") -> list[str]:
    """Records and tells the events as the corridor does; what it said."""
    said: list[str] = []
    with following(run, 1, recipe, said.append) as follow:
        for event in [*stretch, *([Event(kind=ends, step=stretch[-1].step, seconds=99.0)] if ends else [])]:
            run.append("turns/001/events.jsonl", event, sync=False)
            follow(event)
    return said
