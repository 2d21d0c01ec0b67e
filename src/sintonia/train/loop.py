"""The training loop: a generator of events. Progress bars, logs and resume read the stream; nothing calls back.

Read `train` first. `Loop` holds what a checkpoint must hold (`snapshot.py` writes and reads it).
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from sintonia.errors import RunFailed, StorageError
from sintonia.files import follow_umask, storage_errors, sync_folder, sync_tree
from sintonia.records import Evaluation, Event
from sintonia.resources.memory import held_bytes
from sintonia.resources.outofmemory import OutOfMemoryWatch
from sintonia.resources.pace import Pace
from sintonia.tasks import TASKS
from sintonia.train.averaging import NUM_AVERAGED, try_average
from sintonia.train.batches import epoch_batches, num_batches, planned_steps
from sintonia.train.fitting import fit, heed_memory
from sintonia.train.job import Job
from sintonia.train.learners import Answers, Learner, make_learner
from sintonia.train.optimizer import make_optimizer, relative_update, set_learning_rate
from sintonia.train.schedule import evaluation_steps, learning_rate_factor
from sintonia.train.selection import best_evaluation, weights_to_keep
from sintonia.train.snapshot import refuse_small_disk, restore, save_snapshot
from sintonia.train.spikes import SpikeWatch, roll_back_reason, spike_failure
from sintonia.train.stopping import patience_of, should_stop


def train(job: Job) -> Iterator[Event]:
    """Trains until the plan or early stopping ends it, or until the turn's `stop` file says `pause`.

    The last event is `finished`, with the best weights saved in the turn's `model/`, or `paused`.

    Raises:
        RunFailed: a loss or a gradient is not a number; the update was not made.
        StorageError: something could not be written.
    """
    torch.manual_seed(job.seed("dropout"))
    loop = Loop(job, make_learner(job))
    refuse_small_disk(loop)
    for note in loop.learner.prepare():
        yield loop.event("message", text=note)
    yield from restore(loop)
    yield from heed_memory(loop)
    try:
        yield from _run(loop)
    finally:
        loop.memory_watch.remove()


def _run(loop: Loop) -> Iterator[Event]:
    job = loop.job
    if loop.step == 0:
        yield loop.event(
            "started", total_steps=loop.total_steps, train_examples=len(job.train), num_trained=loop.num_trained
        )
        if loop.is_watched:
            yield loop.evaluate()
    while loop.step < loop.last_step and loop.stop_reason is None:
        for event in loop.advance():
            yield event
            if event.kind == "paused":
                return
    yield from loop.finish()


class Loop:
    """What a checkpoint holds, and what is done at a step. `train` drives it."""

    def __init__(self, job: Job, learner: Learner) -> None:
        training = job.recipe.training
        self.job, self.learner, self.started = job, learner, time.monotonic()
        self.batch_examples = int(training.batch_examples)
        self.per_epoch = num_batches(len(learner.lengths), self.batch_examples)
        self.total_steps = planned_steps(float(training.epochs), len(learner.lengths), self.batch_examples)
        self.last_step = self.total_steps if job.until is None else min(job.until, self.total_steps)
        self.is_watched = job.until is None
        self.evaluation_steps = evaluation_steps(self.total_steps, training.evaluations)
        self.num_trained = sum(value.numel() for value in learner.parameters.values())
        self.optimizer = make_optimizer(learner, training.weight_decay)
        picks = np.random.default_rng(job.seed("train probe")).permutation(len(learner.lengths))
        most = TASKS[job.recipe.task].PROBE_EXAMPLES
        self.probe = sorted(int(k) for k in picks[: min(len(job.validation), most)])
        self.step = 0
        self.stop_reason: str | None = None
        self.evaluations: list[Evaluation] = []
        self.kept: dict[int, dict[str, Tensor]] = {}
        """Weights by the step they are of: the best so far, and what may yet become the best."""
        self.norms: list[float] = []
        self.memory_watch = OutOfMemoryWatch(job.run.file(job.run.turn(job.turn)))
        self.spikes = SpikeWatch.for_plan(self.total_steps)
        self.rolled_back_to: int | None = None
        """The step at which a spike began that ended the training: what came after it is no candidate."""
        self.pace = Pace()
        self._batches: tuple[int, list[list[int]]] = (-1, [])

    def event(self, kind: str, **values: Any) -> Event:
        values |= self.learner.told() if kind in ("started", "resumed", "finished") else {}
        return Event(kind=kind, step=self.step, seconds=time.monotonic() - self.started, values=values)

    def batch(self, step: int) -> list[int]:
        epoch, index = divmod(step, self.per_epoch)
        if self._batches[0] != epoch:
            order = (self.batch_examples, self.job.seed("order"), epoch)
            made = self.learner.batches(*order) or epoch_batches(self.learner.lengths, *order)
            self._batches = (epoch, made)
        return self._batches[1][index]

    def advance(self) -> Iterator[Event]:
        """One optimizer step, and what is due after it."""
        due = self.step + 1 in self.evaluation_steps
        before = [value.detach().clone() for value in self.learner.parameters.values()] if due else []
        yield from self._update(self.batch(self.step))
        if due and self.is_watched:
            yield self.evaluate(relative_update(before, self.learner))
            training = self.job.recipe.training
            patience = patience_of(training.patience, len(self.evaluation_steps))
            if training.early_stopping and should_stop(self.evaluations, patience, self.job.primary_metric):
                self.stop_reason = "early stopping: the validation loss has risen and the metric is stale"
        self.stop_reason = self.stop_reason or self.learner.end_reason() or None
        wants_pause, every = self._wants_pause(), self.job.recipe.training.checkpoint_steps
        if wants_pause or (due if every == "validation" else self.step % int(every) == 0):
            yield self.event("checkpoint", path=save_snapshot(self))
            self.memory_watch.write(self.learner.micro_tokens)
        if wants_pause:
            yield self.event("paused", path=f"step-{self.step:06d}")

    def _update(self, positions: list[int]) -> Iterator[Event]:
        training, began = self.job.recipe.training, time.monotonic()
        factor = learning_rate_factor(training.schedule, self.step, self.total_steps, training.warmup_fraction)
        learning_rate = factor * float(training.learning_rate)
        set_learning_rate(self.optimizer, learning_rate)
        loss = yield from fit(self, positions, lambda: self.learner.accumulate(positions))
        norm = float("nan")
        if math.isfinite(loss):
            weights, limit = self.learner.parameters.values(), training.clip_norm or math.inf
            norm = float(torch.nn.utils.clip_grad_norm_(weights, limit))
        if not math.isfinite(norm):
            found = {"loss": loss, "gradient_norm": norm}
            found = {name: value if math.isfinite(value) else None for name, value in found.items()}
            yield self.event("diverged", **found)
            self._refuse(positions)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.learner.stepped(learning_rate)
        self.step += 1
        self.norms.append(norm)
        yield self._measured(positions, began, loss=loss, learning_rate=learning_rate, gradient_norm=norm)
        yield from self._watch(loss)

    def _watch(self, loss: float) -> Iterator[Event]:
        """Looks for a loss that jumps and stays: the best weights from before it are kept, where there are any."""
        spike = self.spikes.saw(loss)
        if spike is None:
            return
        training = self.job.recipe.training
        before = [one for one in self.evaluations if 0 < one.step < spike.first_step]
        if training.loss_spikes == "note":
            yield self.event("spike", text=spike.in_words())
        elif before and self.is_watched:
            yield self.event("spike", text=spike.in_words())
            self.stop_reason = roll_back_reason(spike, best_evaluation(before, self.job.primary_metric).step)
            self.rolled_back_to = spike.first_step
        else:
            raise spike_failure(spike, learning_rate=float(training.learning_rate), run=str(self.job.run.place))

    def _measured(self, positions: list[int], began: float, **values: float) -> Event:
        """What the step said, and how fast it was; the time left is not told before the pace is known."""
        self.pace.stepped(time.monotonic() - began, len(positions))
        due = sum(step > self.step for step in self.evaluation_steps) if self.is_watched else 0
        return self.event(
            "step",
            total_steps=self.total_steps,
            epoch=self.step / self.per_epoch,
            examples_per_second=self.pace.examples_per_second,
            seconds_left=self.pace.seconds_left(self.last_step - self.step, due),
            memory_bytes=held_bytes(),
            **values,
            **self.learner.step_scores(values["loss"], positions),
        )

    def _refuse(self, positions: list[int]) -> None:
        """Stops before the update, naming the rows."""
        places = self.learner.places(positions[:5])
        rows = ", ".join(f"{place.file}:{place.line}" for place in places)
        raise RunFailed(
            f"the loss of step {self.step + 1} is not a finite number; the update was not made (rows {rows}, ...)",
            hint=f"lower `training.learning_rate` (now {self.job.recipe.training.learning_rate})",
        )

    def evaluate(self, update: float = 0.0) -> Event:
        """Scores validation and the train probe; keeps the weights when they are the best so far."""
        began = time.monotonic()
        validation, probed = self.learner.score_validation(), self.learner.score_train(self.probe)
        self.evaluations.append(self.evaluation(validation, probed, update))
        self._refuse_broken_validation(validation)
        self.norms = []
        self.job.run.append(self.job.file("evaluations.jsonl"), self.evaluations[-1])
        best = best_evaluation(self.evaluations, self.job.primary_metric)
        num_best = NUM_AVERAGED if self.job.recipe.training.averaging else 1
        kept = weights_to_keep(self.evaluations, self.job.primary_metric, num_best)
        self.kept = {step: weights for step, weights in self.kept.items() if step in kept}
        self.kept[self.step] = {name: value.clone() for name, value in self.learner.weights().items()}
        self.pace.validated(time.monotonic() - began)
        return self.event(
            "validated",
            metric_name=self.job.primary_metric,
            metric=validation.metric,
            validation_loss=float(np.mean(validation.losses)),
            best_step=best.step,
            train_loss=float(np.mean(probed.losses)),
            best_metric=best.metric,
            **({"loss_unit": self.learner.loss_unit} if self.learner.loss_unit else {}),
        )

    def evaluation(self, validation: Answers, probed: Answers, update: float = 0.0) -> Evaluation:
        return Evaluation(
            step=self.step,
            epoch=self.step / self.per_epoch,
            learning_rate=float(self.optimizer.param_groups[0]["lr"]) if self.step else 0.0,
            train_losses=probed.losses,
            train_correct=probed.correct,
            validation_losses=validation.losses,
            validation_correct=validation.correct,
            metric=validation.metric,
            relative_update=update,
            max_gradient_norm=max(self.norms, default=0.0),
            median_gradient_norm=float(np.median(self.norms)) if self.norms else 0.0,
        )

    def _refuse_broken_validation(self, validation: Answers) -> None:
        losses = zip(self.job.validation, validation.losses, strict=True)
        broken = [one.place for one, loss in losses if not math.isfinite(loss)]
        if broken:
            raise RunFailed(
                f"after step {self.step} the losses of {len(broken)} validation examples are not finite numbers "
                f"({broken[0].file}:{broken[0].line} first)",
                hint="lower `training.learning_rate`" if self.step else "the base itself gives no numbers for them",
            )

    def finish(self) -> Iterator[Event]:
        """Restores the best weights and saves the model, whole or not at all."""
        losses, best_step = tuple[float, ...](), self.step
        if self.is_watched:
            best_step = self._best_step()
            self.learner.load(self.kept[best_step])
            yield from try_average(self, best_step)
        else:
            losses = self.learner.train_losses()
            if self.job.recipe.training.averaging:
                yield self.event("message", text="averaging: all rows are trained on, and nothing is left to choose by")
        if best_step != self.step:
            self.stop_reason = self.stop_reason or f"the plan ended; the best weights are those of step {best_step}"
        _save_whole(self.learner, self.job.run.file(self.job.file("model")))
        yield self.event(
            "finished",
            best_step=best_step,
            last_step=self.step,
            planned_steps=self.total_steps,
            num_trained=self.num_trained,
            stop_reason=self.stop_reason or "the plan ended",
            **({} if self.is_watched else {"train_losses": losses}),
        )

    def _best_step(self) -> int:
        """The step of the best evaluation: of those before a spike that ended the training, where there was one."""
        end = self.rolled_back_to
        before = [one for one in self.evaluations if end is None or one.step < end]
        best = best_evaluation(before or self.evaluations, self.job.primary_metric).step
        return best if best in self.kept else best_evaluation(self.evaluations, self.job.primary_metric).step

    def _wants_pause(self) -> bool:
        stop = self.job.run.file(self.job.file("stop"))
        return stop.exists() and stop.read_text(encoding="utf-8").strip() == "pause"


def _save_whole(learner: Learner, target: Path) -> None:
    work = target.with_name(".model-unfinished")
    with storage_errors(work):
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        try:
            learner.save(work)
        except SafetensorError as error:  # what the disk says reaches us as this, not as an OSError
            raise StorageError(f"cannot write the model into `{work}`: {error}", hint="check free space") from error
        follow_umask(work)
        sync_tree(work)
        work.rename(target)
        sync_folder(target.parent)
