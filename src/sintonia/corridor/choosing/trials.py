"""A short training of one base on a part of the training rows, scored on the others; nothing of it is kept."""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from sintonia.choose import Asked, Entrant, Trial, choose
from sintonia.corridor.walk import Walk
from sintonia.errors import Interrupted, SintoniaError
from sintonia.metrics import METRICS
from sintonia.records import Base, Evaluation, Example, Prepared
from sintonia.resolve import resolve
from sintonia.resources.estimate import FORWARD_AND_BACKWARD
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS
from sintonia.train import Job, train

_LEAST_STEPS = 10
_EVALUATIONS = 2
_PATIENCE = 1.5
"""A training that takes so many times the time it was given is stopped; what was measured last counts."""
_NEVER = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all short trainings have in common."""

    walk: Walk
    prepared: Prepared
    metric: str
    inner: tuple[Example, ...]
    """What is trained on."""
    held: tuple[Example, ...]
    """What is scored: training rows too, of other groups."""


def take_trial(bench: Bench, asked: Asked, entrant: Entrant, work: Path) -> Trial:
    """Trains one base for about the time that is asked, and scores it; its folder below `work` is removed.

    Raises:
        Interrupted: somebody asked to stop.
    """
    began = time.monotonic()
    bench.walk.tell("choose", f"training `{asked.base}` a little, for about {asked.seconds:.0f} s")
    folder = work / f"{asked.round}-{len(list(work.glob('*')))}"
    broken = Trial(base=asked.base, round=asked.round, seconds=0.0, num_steps=0, metric=-math.inf)
    try:
        trial = _trained(bench, asked, entrant, folder)
    except Interrupted:
        raise
    except SintoniaError as refused:
        trial = dataclasses.replace(broken, why_broken=refused.what)
        bench.walk.tell("choose", f"`{asked.base}` could not be trained: {refused.what}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return dataclasses.replace(trial, seconds=time.monotonic() - began)


def _trained(bench: Bench, asked: Asked, entrant: Entrant, folder: Path) -> Trial:
    recipe = dataclasses.replace(bench.walk.run.recipe(), base=asked.base)
    base = choose(recipe, bench.prepared.task)
    pace = entrant.shown.forward_seconds if entrant.shown else 0.0
    run = RunFolder.create(folder, recipe)
    run.file("cache").mkdir(mode=0o700, exist_ok=True)
    job = _job(bench, run, base, _planned(bench, recipe, base, (asked.seconds, pace)))
    step = _followed(bench, job, asked.seconds)
    last = run.lines(job.file("evaluations.jsonl"), Evaluation)[-1]
    outcomes = tuple(float(one) for one in last.validation_correct)
    if TASKS[bench.prepared.task].BASE == "language":
        outcomes = tuple(-loss / math.log(2) for loss in last.validation_losses)
    metric = METRICS[bench.metric].goodness(last.metric)
    return Trial(base=asked.base, round=asked.round, seconds=0.0, num_steps=step, metric=metric, outcomes=outcomes)


def _planned(bench: Bench, recipe: Recipe, base: Base, seconds: tuple[float, float]) -> Recipe:
    """The recipe without any `auto`, with as many steps as the time is thought to allow, at most those of a turn.

    `seconds` are those that were asked for, and those of a forward pass of one example, as it was measured.
    """
    part = bench.prepared.parts[0]
    fewer = dataclasses.replace(part, train=dataclasses.replace(part.train, count=len(bench.inner)))
    training = dataclasses.replace(
        recipe.training, evaluations=_EVALUATIONS, early_stopping=False, checkpoint_steps=_NEVER, averaging=False
    )
    asked = dataclasses.replace(recipe, training=training)
    filled, _ = resolve(asked, base, dataclasses.replace(bench.prepared, parts=(fewer,)))
    batch, epochs = int(filled.training.batch_examples), float(filled.training.epochs)
    per_epoch = max(1, math.ceil(len(bench.inner) / batch))
    forward = seconds[1]
    validating = (_EVALUATIONS + 1) * 2 * len(bench.held) * forward
    possible = (seconds[0] - validating) / max(FORWARD_AND_BACKWARD * forward * batch, 1e-9)
    steps = min(_round_down(possible), math.ceil(epochs * per_epoch))
    return dataclasses.replace(filled, training=dataclasses.replace(filled.training, epochs=steps / per_epoch))


def _round_down(steps: float) -> int:
    """The next lower of 10, 15, 20, 30, 40, 60, ...: what a clock measures a little differently comes to the same.

    >>> _round_down(3.0), _round_down(38.0), _round_down(100.0)
    (10, 30, 80)
    """
    number = _LEAST_STEPS
    while 2 * number <= steps:
        number *= 2
    return number * 3 // 2 if number * 3 // 2 <= steps else number


def _job(bench: Bench, run: RunFolder, base: Base, filled: Recipe) -> Job:
    labels = tuple(sorted({one.target for one in bench.inner})) if bench.prepared.labels else ()
    return Job(
        run=run,
        recipe=filled,
        base=base,
        labels=labels,
        primary_metric=bench.metric,
        train=bench.inner,
        validation=bench.held,
        turn=1,
        part="choosing",
    )


def _followed(bench: Bench, job: Job, seconds: float) -> int:
    """Trains until the plan or the time ends, before anything would be saved; the last step that was taken."""
    began, step, total = time.monotonic(), 0, 0
    events = train(job)
    try:
        for event in events:
            step = event.step
            total = int(event.values.get("total_steps", total))
            is_measured = event.kind == "validated"
            if event.kind in ("step", "validated"):
                bench.walk.tell("choose", event.kind, event)
            is_late = is_measured and step > 0 and time.monotonic() - began > _PATIENCE * seconds
            if (is_measured and step >= total > 0) or is_late or event.kind == "finished":
                break
    finally:
        events.close()  # type: ignore[attr-defined]
    return step
