"""The training loop: a generator of events. Progress bars, logs and resume read the stream; nothing calls back.

Read `train` first. `Loop` holds what a checkpoint must hold, and nothing else does.
"""

from __future__ import annotations

import math
import platform
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sintonia.errors import RunFailed
from sintonia.files import from_json, read_lines, storage_errors, sync_folder, sync_tree, write_lines
from sintonia.metrics import METRICS
from sintonia.models.forward import log_softmax
from sintonia.models.pooled import save_encoder
from sintonia.records import Evaluation, Event
from sintonia.tasks.classify import encode_targets
from sintonia.train.batches import epoch_batches, num_batches
from sintonia.train.checkpoint import Saved, load_checkpoint, save_checkpoint
from sintonia.train.job import Job
from sintonia.train.learner import Learner, make_learner
from sintonia.train.optimizer import make_optimizer, relative_update
from sintonia.train.schedule import evaluation_steps, learning_rate_factor
from sintonia.train.stopping import best_evaluation, should_stop

PROBE_EXAMPLES = 512
"""Most training examples whose loss is followed in evaluation mode."""


def train(job: Job) -> Iterator[Event]:
    """Trains until the plan or early stopping ends it, or until the turn's `stop` file says `pause`.

    The last event is `finished`, with the best weights saved in the turn's `model/`, or `paused`.

    Raises:
        RunFailed: a loss or a gradient is not a number; the update was not made.
        StorageError: something could not be written.
    """
    torch.manual_seed(job.seed("dropout"))
    loop = Loop(job, make_learner(job))
    yield from loop.resume()
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
    yield loop.finish()


class Loop:
    """What a checkpoint holds, and what is done at a step. `train` drives it."""

    def __init__(self, job: Job, learner: Learner) -> None:
        training = job.recipe.training
        self.job, self.learner, self.started = job, learner, time.monotonic()
        self.batch_examples = int(training.batch_examples)
        per_epoch = num_batches(len(job.train), self.batch_examples)
        self.total_steps = max(1, math.ceil(float(training.epochs) * per_epoch))
        self.last_step = self.total_steps if job.until is None else min(job.until, self.total_steps)
        self.is_watched = job.until is None
        self.per_epoch = per_epoch
        self.evaluation_steps = evaluation_steps(self.total_steps, training.evaluations)
        self.num_trained = sum(value.numel() for value in learner.parameters.values())
        self.optimizer = make_optimizer(learner, training.weight_decay)
        self.validation_targets = encode_targets([one.target for one in job.validation], job.labels)
        picks = np.random.default_rng(job.seed("train probe")).permutation(len(job.train))
        self.probe = sorted(int(k) for k in picks[: min(len(job.validation), PROBE_EXAMPLES)])
        self.step = 0
        self.stop_reason: str | None = None
        self.evaluations: list[Evaluation] = []
        self.best: dict[str, Tensor] = {}
        self.best_kept = 1.0
        self.norms: list[float] = []
        self.pace: list[tuple[float, int]] = []
        self._batches: tuple[int, list[list[int]]] = (-1, [])

    def event(self, kind: str, **values: Any) -> Event:
        return Event(kind=kind, step=self.step, seconds=time.monotonic() - self.started, values=values)

    def batch(self, step: int) -> list[int]:
        epoch, index = divmod(step, self.per_epoch)
        if self._batches[0] != epoch:
            made = epoch_batches(self.learner.lengths, self.batch_examples, self.job.seed("order"), epoch)
            self._batches = (epoch, made)
        return self._batches[1][index]

    def advance(self) -> Iterator[Event]:
        """One optimizer step, and what is due after it."""
        due = self.step + 1 in self.evaluation_steps
        before = [value.detach().clone() for value in self.learner.parameters.values()] if due else []
        yield self._update(self.batch(self.step))
        if due and self.is_watched:
            yield self.evaluate(relative_update(before, self.learner))
            training = self.job.recipe.training
            if training.early_stopping and should_stop(self.evaluations, training.patience):
                self.stop_reason = "early stopping: the validation loss has risen and the metric is stale"
        wants_pause, every = self._wants_pause(), self.job.recipe.training.checkpoint_steps
        if wants_pause or (due if every == "validation" else self.step % int(every) == 0):
            path = save_checkpoint(self.job.run.file(self.job.file("checkpoints")), self.step, self._saved())
            yield self.event("checkpoint", path=path.name)
        if wants_pause:
            yield self.event("paused", path=f"step-{self.step:06d}")

    def _update(self, positions: list[int]) -> Event:
        training, began = self.job.recipe.training, time.monotonic()
        factor = learning_rate_factor(training.schedule, self.step, self.total_steps, training.warmup_fraction)
        learning_rate = float(training.learning_rate) * factor
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        loss = self.learner.accumulate(positions)
        norm = float("nan")
        if math.isfinite(loss):
            limit = training.clip_norm or math.inf
            norm = float(torch.nn.utils.clip_grad_norm_(self.learner.parameters.values(), limit))
        if not math.isfinite(norm):
            self._refuse(positions)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.learner.stepped(learning_rate)
        self.step += 1
        self.norms.append(norm)
        self.pace = [*self.pace[-49:], (time.monotonic() - began, len(positions))]
        seconds, examples = (sum(column) for column in zip(*self.pace, strict=True))
        return self.event(
            "step",
            loss=loss,
            learning_rate=learning_rate,
            gradient_norm=norm,
            total_steps=self.total_steps,
            epoch=self.step / self.per_epoch,
            examples_per_second=examples / max(seconds, 1e-9),
            seconds_left=(self.total_steps - self.step) * seconds / len(self.pace),
        )

    def _refuse(self, positions: list[int]) -> None:
        """Stops before the update, naming the rows."""
        places = [self.job.train[position].place for position in positions[:5]]
        rows = ", ".join(f"{place.file}:{place.line}" for place in places)
        raise RunFailed(
            f"the loss of step {self.step + 1} is not a finite number; the update was not made (rows {rows}, ...)",
            hint=f"lower `training.learning_rate` (now {self.job.recipe.training.learning_rate})",
        )

    def evaluate(self, update: float = 0.0) -> Event:
        """Scores validation and the train probe; keeps the weights when they are the best so far."""
        job = self.job
        losses, correct, predicted = _losses(self.learner.validation_logits(), self.validation_targets)
        goal = self.learner.targets.numpy()[self.probe]
        train_losses, train_correct, _ = _losses(self.learner.train_logits(self.probe), goal)
        metric = METRICS[job.primary_metric].function(
            [one.target for one in job.validation], [job.labels[k] for k in predicted]
        )
        self.evaluations.append(
            Evaluation(
                step=self.step,
                epoch=self.step / self.per_epoch,
                learning_rate=float(self.optimizer.param_groups[0]["lr"]) if self.step else 0.0,
                train_losses=train_losses,
                train_correct=train_correct,
                validation_losses=losses,
                validation_correct=correct,
                metric=metric,
                relative_update=update,
                max_gradient_norm=max(self.norms, default=0.0),
                median_gradient_norm=float(np.median(self.norms)) if self.norms else 0.0,
            )
        )
        self.norms = []
        job.run.append(job.file("evaluations.jsonl"), self.evaluations[-1])
        best = best_evaluation(self.evaluations)
        if best.step == self.step:
            self.best = {name: value.detach().clone() for name, value in self.learner.parameters.items()}
            self.best_kept = self.learner.kept
        return self.event(
            "validated",
            metric=metric,
            validation_loss=float(np.mean(losses)),
            best_step=best.step,
            train_loss=float(np.mean(train_losses)),
            best_metric=best.metric,
        )

    def finish(self) -> Event:
        """Restores the best weights and saves the model, whole or not at all."""
        losses: tuple[float, ...] = ()
        learner, best_step = self.learner, self.step
        if self.is_watched:
            best_step = best_evaluation(self.evaluations).step
            learner.load(self.best)
            learner.kept = self.best_kept
        else:
            losses, _, _ = _losses(learner.train_logits(range(len(self.job.train))), learner.targets.numpy())
        if best_step != self.step:
            self.stop_reason = self.stop_reason or f"the plan ended; the best weights are those of step {best_step}"
        base, target = learner.base, self.job.run.file(self.job.file("model"))
        _save_whole(learner, target, self.job.labels, base.max_tokens, base.tokenizer)
        return self.event(
            "finished",
            best_step=best_step,
            last_step=self.step,
            planned_steps=self.total_steps,
            num_trained=self.num_trained,
            stop_reason=self.stop_reason or "the plan ended",
            **({} if self.is_watched else {"train_losses": losses}),
        )

    def _wants_pause(self) -> bool:
        stop = self.job.run.file(self.job.file("stop"))
        return stop.exists() and stop.read_text(encoding="utf-8").strip() == "pause"

    def _saved(self) -> Saved:
        """All that is needed to go on as if nothing had happened."""
        weights = {name: value.detach() for name, value in self.learner.parameters.items()}
        moments: dict[str, Tensor] = {}
        for name, parameter in self.learner.parameters.items():
            moments |= {f"{name}|{key}": value for key, value in self.optimizer.state.get(parameter, {}).items()}
        state = {
            "step": self.step,
            "num_evaluations": len(self.evaluations),
            "norms": self.norms,
            "stop_reason": self.stop_reason,
            "num_threads": torch.get_num_threads(),
            "kept": self.learner.kept.hex(),
            "best_kept": self.best_kept.hex(),
            "seconds": time.monotonic() - self.started,
            "torch": torch.__version__,
            "machine": platform.machine(),
        }
        return Saved(
            {"weights": weights, "best": self.best, "optimizer": moments, "random": {"torch": torch.get_rng_state()}},
            state,
        )

    def resume(self) -> Iterator[Event]:
        """Goes back to the newest whole checkpoint of this turn, if there is one."""
        folder, path = (self.job.run.file(self.job.file(name)) for name in ("checkpoints", "evaluations.jsonl"))
        saved, problems = load_checkpoint(folder)
        for problem in problems:
            yield self.event("message", text=problem)
        kept = read_lines(path)[: saved.state["num_evaluations"]] if saved else []
        if path.exists():
            write_lines(path, kept)
        if saved is None:
            return
        state = saved.state
        torch.set_num_threads(int(state["num_threads"]))
        self.step, self.norms, self.stop_reason = state["step"], state["norms"], state["stop_reason"]
        self.evaluations = [from_json(Evaluation, line) for line in kept]
        self.best = saved.tensors["best"]
        self.learner.load(saved.tensors["weights"])
        for name, parameter in self.learner.parameters.items():
            found = {
                key.partition("|")[2]: value
                for key, value in saved.tensors["optimizer"].items()
                if key.partition("|")[0] == name
            }
            if found:
                self.optimizer.state[parameter] = found
        self.learner.kept, self.best_kept = float.fromhex(state["kept"]), float.fromhex(state["best_kept"])
        self.started -= float(state["seconds"])
        torch.set_rng_state(saved.tensors["random"]["torch"])
        if (state["torch"], state["machine"]) != (torch.__version__, platform.machine()):
            yield self.event(
                "message", text="another torch or processor than before: the end will not be bit-identical"
            )
        yield self.event("resumed", total_steps=self.total_steps)


def _losses(logits: np.ndarray, targets: np.ndarray) -> tuple[tuple[float, ...], tuple[bool, ...], list[int]]:
    """Per example: negative log-likelihood, correctness, predicted label (all in the order given)."""
    likelihoods = log_softmax(logits)
    predicted = likelihoods.argmax(axis=1)
    losses = -likelihoods[np.arange(len(targets)), targets]
    return tuple(losses.tolist()), tuple((predicted == targets).tolist()), predicted.tolist()


def _save_whole(learner: Learner, target: Path, labels: tuple[str, ...], max_tokens: int, tokenizer: Any) -> None:
    work = target.with_name(".model-unfinished")
    with storage_errors(work):
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        save_encoder(learner.whole_model(), tokenizer, work, labels=labels, max_tokens=max_tokens)
        sync_tree(work)
        work.rename(target)
        sync_folder(target.parent)
