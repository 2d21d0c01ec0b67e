"""One short training of a search, scored on validation; nothing is saved but its losses.

The base is opened once: its weights are put back before each training, its tokens, adapters and frozen features stay.
Only another rank of adapters needs other weights.
"""

from __future__ import annotations

import dataclasses
import gc
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia.adjust.searching import Rung, adapted, shortened
from sintonia.corridor.planning import filled_and_planned
from sintonia.corridor.turns import read_sets
from sintonia.corridor.walk import Walk
from sintonia.errors import Interrupted, SintoniaError
from sintonia.records import Base, Configuration, Part, Prepared, SearchTrial
from sintonia.resources.outofmemory import OutOfMemoryWatch
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS
from sintonia.train import Job

if TYPE_CHECKING:
    from sintonia.train.loop import Loop

_NEVER = 10**9


def first_job(run: RunFolder, part: Part) -> Job:
    """The training of the first turn, which all others are changes of."""
    base, prepared = run.read("base.json", Base), run.read("prepared.json", Prepared)
    if base is None or prepared is None:
        raise AssertionError("a turn was taken without a base or without data")
    filled, _ = filled_and_planned(run, run.recipe(), base, prepared, 1)
    train_set, validation = read_sets(run, part)
    return Job(
        run=run,
        recipe=filled,
        base=base,
        labels=prepared.labels,
        turn=1,
        part=part.name,
        primary_metric=TASKS[prepared.task].followed_metric(prepared.primary_metric),
        train=train_set,
        validation=validation,
    )


class Bench:
    """What all trainings of a search have in common: the sets of the first turn, and the base, opened once.

    `watched` is where is noted what the kernel has killed, where that is not the folder of the turn: of several
    processes, each has its own.
    """

    def __init__(self, walk: Walk, first: Job, watched: Path | None = None) -> None:
        self.walk, self._first, self._watched = walk, first, watched
        self._opened: tuple[int, Any, dict[str, Any]] | None = None

    def take(self, rung: Rung, configuration: Configuration) -> SearchTrial:
        """Trains one configuration for the share of a rung, and scores it; one that breaks is told, not raised.

        Raises:
            Interrupted: somebody asked to stop.
        """
        began = time.monotonic()
        broken = SearchTrial(
            configuration=configuration, rung=rung.number, num_steps=0, seconds=0.0, losses=(), metric=None
        )
        try:
            trial = self._trained(rung, broken)
        except Interrupted:
            raise
        except SintoniaError as refused:
            self._opened = None  # what broke may have left anything behind
            trial = dataclasses.replace(broken, why_broken=refused.what)
        return dataclasses.replace(trial, seconds=time.monotonic() - began)

    def _trained(self, rung: Rung, trial: SearchTrial) -> SearchTrial:
        import torch

        from sintonia.train.fitting import heed_memory
        from sintonia.train.loop import Loop

        job = self._job(rung, trial.configuration)
        learner = self._learner(job)
        loop = Loop(job, learner)
        if self._watched is not None:
            loop.memory_watch = OutOfMemoryWatch(self._watched)
        torch.manual_seed(job.seed("dropout"))
        for event in heed_memory(loop):
            self.walk.tell("search", event.values["text"])
        try:
            self._train(loop)
        finally:
            loop.memory_watch.remove()
        answers = learner.score_validation()
        if not all(math.isfinite(loss) for loss in answers.losses):
            return dataclasses.replace(trial, why_broken="the losses on validation are not finite numbers")
        losses = tuple(round(loss, 7) for loss in answers.losses)
        return dataclasses.replace(trial, num_steps=loop.step, losses=losses, metric=answers.metric)

    def _train(self, loop: Loop) -> None:
        while loop.step < loop.last_step:
            for event in loop.advance():
                self.walk.tell("search", event.values.get("text", "") if event.kind == "spike" else event.kind, event)

    def _job(self, rung: Rung, configuration: Configuration) -> Job:
        """All seeds are those of the first turn: what all have in common cannot make one look better."""
        usual = self._first.recipe
        recipe = shortened(adapted(usual, configuration.values), usual, rung.share, is_last=rung.is_last)
        training = dataclasses.replace(recipe.training, checkpoint_steps=_NEVER, averaging=False, evaluations=1)
        job = dataclasses.replace(self._first, recipe=dataclasses.replace(recipe, training=training))
        return dataclasses.replace(job, until=_NEVER)  # to the end, without the validations of a turn

    def _learner(self, job: Job) -> Any:
        """The base as it was opened, or opened anew; the weights are those that every training begins with."""
        from sintonia.train.learners import make_learner

        rank = job.recipe.lora.rank
        if self._opened is not None and self._opened[0] == rank:
            _, learner, start = self._opened
            learner.load(start)
            for parameter in learner.parameters.values():
                parameter.grad = None
            return learner
        self._opened = None
        gc.collect()
        learner = make_learner(job)
        for note in learner.prepare():
            self.walk.tell("search", note)
        self._opened = (rank, learner, {name: value.clone() for name, value in learner.weights().items()})
        return learner
