"""A run folder with the record of a training, for the tests of what follows it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace

from sintonia.corridor.trackers import following
from sintonia.records import Event
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

RECIPE = Recipe(data=DataSettings(path="/home/somebody/secret.csv"), base="file:/home/somebody/model", task="classify")


def make_recipe(*names: str) -> SimpleNamespace:
    """A recipe that asks for these trackers."""
    fields = {one.name: getattr(RECIPE, one.name) for one in dataclasses.fields(RECIPE)}
    return SimpleNamespace(**fields | {"tracking": names})


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


def train(run: RunFolder, recipe: SimpleNamespace, stretch: list[Event], ends: str = "") -> list[str]:
    """Records and tells the events as the corridor does; what it said."""
    said: list[str] = []
    with following(run, 1, recipe, said.append) as follow:
        for event in [*stretch, *([Event(kind=ends, step=stretch[-1].step, seconds=99.0)] if ends else [])]:
            run.append("turns/001/events.jsonl", event, sync=False)
            follow(event)
    return said
