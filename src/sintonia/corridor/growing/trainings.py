"""Real trainings on a part of the training set, for a learning curve: what each scored on validation is kept.

They train in a folder that is gone afterwards; lines of `curve.jsonl` in the run stay, so that a curve that was
interrupted goes on with the sizes that are missing. No test is opened.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.adjust.curve import Draw, Measured, nested_subsets, sizes_for
from sintonia.corridor.planning import filled_and_planned
from sintonia.corridor.walk import Walk
from sintonia.errors import UsageError
from sintonia.evaluate import score_candidate
from sintonia.metrics import METRICS
from sintonia.records import Base, Event, Example, Prepared, Scorecard, Turn
from sintonia.resolve.private import is_private
from sintonia.resources.pace import duration
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS
from sintonia.train import Job, train

KEPT = "curve.jsonl"
_WORK = "cache/curve"
_NUM_SIZES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One training on fewer examples."""

    recipe_id: str
    size: int
    """The size that was asked for; whole groups may make it a little more or less."""
    train_ids: str
    """A hash of the examples it was trained on and scored on."""
    num_train: int
    seconds: float
    card: Scorecard
    """What it did on validation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What all trainings of a curve have in common: the best turn of one part, which is its last point."""

    walk: Walk
    base: Base
    prepared: Prepared
    turn: Turn
    train: tuple[Example, ...]
    validation: tuple[Example, ...]

    def sizes(self) -> tuple[int, ...]:
        """The four largest sizes, the whole training set the last; empty where there are too few examples."""
        return sizes_for(len(self.train), len(self.prepared.labels))[-_NUM_SIZES:]

    def subsets(self) -> dict[int, tuple[Example, ...]]:
        """The examples of each size but the last, which is trained on already."""
        names = {group: number for number, group in enumerate(dict.fromkeys(one.group for one in self.train))}
        labels = {label: number for number, label in enumerate(self.prepared.labels)}
        groups = np.array([names[one.group] for one in self.train])
        targets = np.array([labels.get(one.target, 0) for one in self.train])
        sizes = self.sizes()[:-1]
        picked = nested_subsets(groups, targets, sizes, self.turn.recipe.seed)
        return {size: tuple(self.train[int(k)] for k in one) for size, one in zip(sizes, picked, strict=True)}

    def missing(self) -> tuple[int, ...]:
        """The sizes that are still to be trained."""
        done = self._kept()
        return tuple(size for size in self.sizes()[:-1] if size not in done)

    def seconds(self) -> float:
        """What the missing ones are thought to take, by what the turn took."""
        return self.turn.resources.seconds * sum(self.missing()) / max(len(self.train), 1)

    def _kept(self) -> dict[int, Trained]:
        """What was trained before, of this very recipe and these very examples."""
        sets = {size: _ids(one, self.validation) for size, one in self.subsets().items()}
        lines = self.walk.run.lines(KEPT, Trained)
        known = [one for one in lines if one.recipe_id == self.turn.recipe_id and sets.get(one.size) == one.train_ids]
        return {one.size: one for one in known}


def _ids(train: Sequence[Example], validation: Sequence[Example]) -> str:
    import hashlib

    text = "\n".join(one.id for one in train) + "\n\n" + "\n".join(one.id for one in validation)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def train_curve(course: Course, metric: str) -> Measured:
    """Trains the sizes that are missing, the fewest first, and puts the finished turn behind them.

    Raises:
        RunFailed: a training broke. What was finished before is kept.
    """
    if is_private(course.turn.recipe):
        raise UsageError(
            "a curve of real trainings is not private: each spends of the privacy of the same rows (`privacy.dp`)",
            hint="leave `--fine-tune` out",
        )
    run, work = course.walk.run, course.walk.run.file(_WORK)
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    subsets, missing = course.subsets(), course.missing()
    try:
        for position, size in enumerate(missing, start=1):
            course.walk.tell("curve", f"training {position} of {len(missing)}, on {len(subsets[size]):,} examples")
            run.append(KEPT, _trained(course, subsets[size], size))
            shutil.rmtree(work, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _measured(course, metric)


def _trained(course: Course, examples: tuple[Example, ...], size: int) -> Trained:
    """One training with the recipe of the turn, as the product would train on so many examples."""
    began, turn, prepared = time.monotonic(), course.turn, course.prepared
    part = prepared.parts[0]
    fewer = dataclasses.replace(part, train=dataclasses.replace(part.train, count=len(examples)))
    asked = dataclasses.replace(turn.recipe, tracking=())
    filled, _ = filled_and_planned(course.walk.run, asked, course.base, dataclasses.replace(prepared, parts=(fewer,)))
    run = RunFolder.create(course.walk.run.file(f"{_WORK}/{size}"), asked)
    job = Job(
        run=run,
        recipe=filled,
        base=course.base,
        labels=prepared.labels,
        primary_metric=TASKS[prepared.task].followed_metric(prepared.primary_metric),
        train=examples,
        validation=course.validation,
        turn=1,
        part=turn.part,
    )
    _follow(course.walk, job)
    weights = run.file(job.file("model"))
    card = score_candidate(weights, course.validation, "validation", learn=filled.chat.learn)
    seconds = time.monotonic() - began
    course.walk.tell("curve", f"{len(examples):,} examples took {duration(seconds)}")
    return Trained(
        recipe_id=turn.recipe_id,
        size=size,
        train_ids=_ids(examples, course.validation),
        num_train=len(examples),
        seconds=seconds,
        card=card,
    )


def _follow(walk: Walk, job: Job) -> Event:
    run = job.run
    run.file(run.turn(1)).mkdir(parents=True, exist_ok=True)
    for event in train(job):
        if event.kind in ("started", "step", "validated"):
            walk.tell("curve", event.kind, event)
    return event


def _measured(course: Course, metric: str) -> Measured:
    """One draw: the kept trainings, and the turn itself with all examples."""
    kept, rule = course._kept(), METRICS[metric]
    whole = course.walk.run.read(f"{course.walk.run.turn(course.turn.number)}/scorecards/validation.json", Scorecard)
    if whole is None:
        raise ValueError("the turn has no scorecard of validation")
    cards = [kept[size].card for size in course.sizes()[:-1]] + [whole]
    counts = [np.asarray(rule.counts(one.targets, rule.answers(one)).toarray(), dtype=np.float64) for one in cards]
    sizes = (*(kept[size].num_train for size in course.sizes()[:-1]), len(course.train))
    groups = {one.id: one.group for one in course.validation}
    names = {group: number for number, group in enumerate(dict.fromkeys(groups.values()))}
    numbers = np.array([names[groups[one]] for one in whole.ids])
    draw = Draw(scored=np.arange(len(numbers)), sizes=sizes, counts=tuple(counts))
    return Measured(metric=metric, draws=(draw,), groups=numbers)
