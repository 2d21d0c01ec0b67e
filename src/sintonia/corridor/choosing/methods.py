"""Which method learns few examples best: each is trained without a part of the training rows, and answers that part.

Validation and test are never read, what is trained is thrown away, and what the answers show is decided elsewhere
(`choose/method.py`). Of few rows every one is tested in one of ten parts, so that none may choose: nothing is tried.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from sintonia.choose.method import TRIED, MethodChoice, decide_method, is_few_shot
from sintonia.corridor.turns import read_sets
from sintonia.corridor.walk import Walk
from sintonia.errors import UsageError
from sintonia.methods import METHODS
from sintonia.metrics import METRICS
from sintonia.records import Base, Evaluation, Example, Prepared
from sintonia.resolve import resolve
from sintonia.resolve.private import is_private
from sintonia.resources.pace import duration
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.statistics.label_noise import FOLDS, assign_folds
from sintonia.tasks import TASKS, classify
from sintonia.train import Job, train

CHOICE = "method.json"
_WORK, _DONE = "cache/methods", "cache/methods.jsonl"
MOST_ROWS = 640
"""Training rows up to which methods are tried: with more, fifteen trainings would take far longer than the one."""
MOST_SECONDS, _BUDGET_FRACTION = 900.0, 0.2
"""What trying them may take: of a run without a budget, and of the budget."""
_NEVER = 10**9
_HEAD_STRENGTH = 10.0
"""Of the probe that heads start from: chosen on what is held out, it would favour the methods that have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """What one method answered to one part of the rows."""

    method: str
    number: int
    right: tuple[bool, ...]
    seconds: float


def with_method(walk: Walk, base: Base, prepared: Prepared) -> Base:
    """The base with the method that is taken with it where the recipe leaves it on `auto` and examples are few.

    Raises:
        Interrupted: somebody asked to stop.
    """
    choice = _choice(walk, base, prepared)
    if choice is None:
        return base
    origin = f"right most often of {', '.join(choice.shares)} on {choice.num_examples:,} training rows held out"
    if choice.method == TASKS[prepared.task].METHOD:
        origin = (
            f"the usual one, which no other is plainly better than on {choice.num_examples:,} training rows held out"
        )
    return dataclasses.replace(base, method=choice.method, method_origin=f"{origin} ({CHOICE})")


def _choice(walk: Walk, base: Base, prepared: Prepared) -> MethodChoice | None:
    """What was found, once; None where nothing is to be tried."""
    run, recipe = walk.run, walk.run.recipe()
    before = run.read(CHOICE, MethodChoice)
    is_open = recipe.method == "auto" and not is_private(recipe)  # rows without noise choose nothing
    if before is not None or not is_open or prepared.task != classify.NAME or base.kind != "encoder":
        return before
    rows, _ = read_sets(run, prepared.parts[0])
    if len(rows) > MOST_ROWS or not is_few_shot(Counter(one.target for one in rows)):
        return None
    if len(prepared.parts) > 1:
        walk.tell(
            "choose", f"few rows: each is tested in one of {len(prepared.parts)} parts, so none chooses the method"
        )
        return None
    if not METRICS[TASKS[prepared.task].followed_metric(prepared.primary_metric)].is_mean_of_correct:
        walk.tell("choose", f"few examples a label: the method is not tried, for {prepared.primary_metric} judges")
        return None
    names = _possible(recipe, base, prepared)
    if len(names) < 2:
        walk.tell("choose", "few examples a label: the settings asked for are of one method alone, so none is tried")
        return None
    walk.tell(
        "choose", f"few examples a label: {', '.join(names)} are tried on training rows (`--method NAME` skips it)"
    )
    choice = try_methods(walk, base, prepared, rows, names)
    for line in choice.why if choice else ():
        walk.tell("choose", line)
    if choice:
        run.write(CHOICE, choice)
    return choice


def _possible(recipe: Recipe, base: Base, prepared: Prepared) -> tuple[str, ...]:
    """The methods in which every setting that was asked for means something; the usual one is among them, or none."""
    found = []
    for name in TRIED:
        try:
            resolve(dataclasses.replace(recipe, method=name), base, prepared)  # type: ignore[arg-type]
        except UsageError:
            continue
        found.append(name)
    return tuple(found) if TASKS[prepared.task].METHOD in found else ()


def try_methods(
    walk: Walk, base: Base, prepared: Prepared, rows: Sequence[Example], names: Sequence[str] = TRIED
) -> MethodChoice | None:
    """Trains each method on all folds but one of some rows, and compares the answers to the folds.

    None where one fold shows that all of them would take too long: more than a fifth of the budget, if there is one.
    """
    work, folds, recipe = walk.run.file(_WORK), _folds(rows), walk.run.recipe()
    limit = MOST_SECONDS if recipe.budget_seconds is None else _BUDGET_FRACTION * recipe.budget_seconds
    answered = [one for _, held in folds for one in held]
    done = {(one.method, one.number): one for one in walk.run.lines(_DONE, _Fold)}
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    try:
        for (number, sets), method in product(enumerate(folds, 1), names):
            whole = len(folds) * sum(done[name, 1].seconds for name in names) if number > 1 else 0.0
            if whole > limit:
                lasts, most = duration(whole), duration(limit)
                walk.tell(
                    "choose", f"trying the methods would take {lasts}, and may take {most}: the usual one is taken"
                )
                return None
            if (method, number) in done:  # before an interruption
                continue
            walk.tell("choose", f"method {method}: a short training, {number} of {len(folds)}")
            asked, began = dataclasses.replace(recipe, method=method), time.monotonic()  # type: ignore[arg-type]
            hits = tuple(_tried(walk, _job(asked, base, prepared, sets, work / f"{method}-{number}")))
            done[method, number] = _Fold(method=method, number=number, right=hits, seconds=time.monotonic() - began)
            walk.run.append(_DONE, done[method, number])
    finally:
        shutil.rmtree(work, ignore_errors=True)
    numbers = range(1, len(folds) + 1)
    right = {name: [one for number in numbers for one in done[name, number].right] for name in names}
    return decide_method(right, [one.group for one in answered], TASKS[prepared.task].METHOD)


def _folds(rows: Sequence[Example]) -> list[tuple[list[Example], list[Example]]]:
    """What is learned and what is answered, each row answered once; a fold that leaves but one class is passed over."""
    labels = sorted({one.target for one in rows})
    targets = np.array([labels.index(one.target) for one in rows])
    places = assign_folds(np.array([one.group for one in rows]), targets, seed=0)
    found = []
    for fold in range(FOLDS):
        inner = [one for one, place in zip(rows, places, strict=True) if place != fold]
        held = [one for one, place in zip(rows, places, strict=True) if place == fold]
        if held and len({one.target for one in inner}) > 1:
            found.append((inner, held))
    return found


def _job(
    recipe: Recipe, base: Base, prepared: Prepared, sets: tuple[list[Example], list[Example]], folder: Path
) -> Job:
    """A training with the settings that a turn would have on so many rows, scored at its end alone."""
    inner, held = sets
    quiet = dataclasses.replace(
        recipe.training, evaluations=1, early_stopping=False, checkpoint_steps=_NEVER, averaging=False
    )
    part = prepared.parts[0]
    fewer = dataclasses.replace(part, train=dataclasses.replace(part.train, count=len(inner)))
    filled, _ = resolve(
        dataclasses.replace(recipe, training=quiet), base, dataclasses.replace(prepared, parts=(fewer,))
    )
    run = RunFolder.create(folder, recipe)
    run.file("cache").mkdir(mode=0o700, exist_ok=True)
    return Job(
        run=run,
        recipe=filled,
        base=base,
        labels=prepared.labels,
        primary_metric=TASKS[prepared.task].followed_metric(prepared.primary_metric),
        train=tuple(inner),
        validation=tuple(held),
        turn=1,
        part="choosing",
        head_strength=None if METHODS[recipe.method].has_fitted_head else _HEAD_STRENGTH,
    )


def _tried(walk: Walk, job: Job) -> list[bool]:
    """Whether each held example is answered rightly by the weights of the last step; nothing is saved."""
    events = train(job)
    try:
        for event in events:
            walk.tell("choose", event.kind, event)
            if event.kind == "validated" and event.step > 0:
                break
    finally:
        events.close()  # type: ignore[attr-defined]
    return list(job.run.lines(job.file("evaluations.jsonl"), Evaluation)[-1].validation_correct)
