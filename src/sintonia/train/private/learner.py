"""A learner made private: who is in a step is drawn, each unit's gradient is cut, noise is added.

It stands between the loop and any other learner. The loop gets batches and gradients from it as from every learner, so
there is one loop; what it spends is fixed by its plan before the first step.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sintonia.errors import StorageError
from sintonia.privacy.dp import PrivatePlan, SecretStream, make_plan
from sintonia.tasks import TASKS
from sintonia.train.batches import num_batches, planned_steps
from sintonia.train.job import Job
from sintonia.train.private.choosing import fastest_way
from sintonia.train.private.gradients import Units, zero_sums


class PrivateLearner:
    """What the loop asks of a learner, with differential privacy; all that is not said here the learner inside says."""

    def __init__(self, job: Job, learner: Any) -> None:
        _refuse_leaks(job)
        self.inner, self.job = learner, job
        names = [one.group or one.id for one in self._examples()]
        by_unit: dict[str, list[int]] = defaultdict(list)
        is_row = job.recipe.privacy.dp.unit == "row"
        for position, name in enumerate(names):
            by_unit[str(position) if is_row else name].append(position)
        self._units = list(by_unit.values())
        batch = int(job.recipe.training.batch_examples)
        self.plan: PrivatePlan = make_plan(
            job.recipe.privacy.dp,
            num_rows=len(names),
            num_units=len(self._units),
            batch_examples=batch,
            steps=planned_steps(float(job.recipe.training.epochs), len(names), batch),
        )
        self.stream = SecretStream.fresh()
        self.step = 0
        self._unit_of = {position: k for k, unit in enumerate(self._units) for position in unit}
        self._loss = 0.0
        self._way, self._note = fastest_way(learner, self._units)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def micro_tokens(self) -> int:
        """Most tokens that are computed at once."""
        found: int = self.inner.micro_tokens
        return found

    @micro_tokens.setter
    def micro_tokens(self, most: int) -> None:
        self.inner.micro_tokens = most

    def prepare(self) -> Iterator[str]:
        """What the learner inside has to prepare, and what is promised."""
        yield from self.inner.prepare()
        plan = self.plan
        what = "row" if plan.unit == "row" else f"value of `{self.job.recipe.data.group}`"
        yield (
            f"differential privacy: epsilon {plan.spent(plan.most_steps):.3g} at delta {plan.delta:.3g} for each "
            f"{what} ({plan.num_units:,} of them), by {plan.most_steps} steps of about {plan.expected_units:.0f}, "
            f"drawn with probability {plan.rate:.4g}, noise {plan.noise:.3g} times "
            f"{plan.clip_norm:g} ({plan.accountant}). "
            "Validation and test rows are not protected: they choose and judge"
        )
        if self._note:
            yield self._note
        if plan.most_steps < plan.planned_steps:
            yield f"the budget ends training after {plan.most_steps} of {plan.planned_steps} steps"

    def batches(self, batch_examples: int, seed: int, epoch: int) -> list[list[int]]:
        """Of each step of an epoch the rows of the units that are drawn, each by itself; a step may have none."""
        per_epoch = num_batches(len(self.inner.lengths), batch_examples)
        return [self._drawn(epoch * per_epoch + k) for k in range(per_epoch)]

    def _drawn(self, step: int) -> list[int]:
        is_in = self.stream.uniforms(step, "who", len(self._units)) < self.plan.rate
        return [position for k in np.flatnonzero(is_in) for position in self._units[int(k)]]

    def accumulate(self, positions: Sequence[int]) -> float:
        """Puts the noisy mean of the cut gradients of these rows where the optimizer reads it.

        Raises:
            RuntimeError: the step would exceed the budget; the loop ends before it, so this is a mistake of ours.
        """
        if self.step >= self.plan.most_steps:
            raise RuntimeError("this step would exceed the privacy budget")
        units, sums = self._units_of(positions), zero_sums(self.inner.parameters)
        total = self._way.clipped(units, self.plan.clip_norm, sums)
        if not np.isfinite(total):
            return float("nan")
        self._add_noise(sums)
        for name, value in self.inner.parameters.items():
            value.grad = sums[name].div_(self.plan.expected_units)
        self._loss = total / len(units) if units else self._loss
        return self._loss

    def _add_noise(self, sums: dict[str, Tensor]) -> None:
        scale = self.plan.noise * self.plan.clip_norm
        for name, value in sums.items():
            noise = self.stream.normals(self.step, f"noise {name}", value.numel())
            value.add_(torch.from_numpy(noise).to(value.dtype).view_as(value), alpha=scale)

    def _units_of(self, positions: Sequence[int]) -> Units:
        found: dict[int, list[int]] = defaultdict(list)
        for position in positions:
            found[self._unit_of[position]].append(position)
        return list(found.values())

    def stepped(self, learning_rate: float) -> None:
        """Told after each optimizer step."""
        self.step += 1
        self.inner.stepped(learning_rate)

    def end_reason(self) -> str:
        """Why no further step may be taken; empty while one may."""
        if self.step < self.plan.most_steps or self.plan.most_steps == self.plan.planned_steps:
            return ""
        return f"the privacy budget is used up: one more step would cost more than epsilon {self.plan.epsilon:g}"

    def told(self) -> dict[str, Any]:
        """What the record of a training says of its privacy, besides its steps and losses."""
        plan = self.plan
        return {
            "private": {
                "training": hashlib.sha256(b"a training " + self.stream.key).hexdigest()[:16],
                "epsilon": plan.spent(self.step),
                "planned_epsilon": plan.spent(plan.most_steps),
                "budget": plan.epsilon,
                "delta": plan.delta,
                "unit": plan.unit,
                "num_units": plan.num_units,
                "num_rows": plan.num_rows,
                "rate": plan.rate,
                "noise": plan.noise,
                "clip_norm": plan.clip_norm,
                "steps": self.step,
                "planned_steps": plan.most_steps,
                "accountant": plan.accountant,
            }
        }

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs to go on exactly: the secret key, and what was spent."""
        return {"key": self.stream.key.hex(), "history": [list(one) for one in self.plan.history(self.step)]}

    def take_state(self, state: dict[str, Any] | None) -> None:
        """Goes on from there.

        Raises:
            StorageError: the checkpoint does not say what was spent, or it was spent otherwise than this plan spends.
        """
        if not state or "history" not in state or "key" not in state:
            raise StorageError(
                "the checkpoint does not say how much of the privacy budget was spent",
                expected="the history of its accountant",
                hint="begin a new run: what this one spent cannot be known",
            )
        history = tuple((float(sigma), float(rate), int(steps)) for sigma, rate, steps in state["history"])
        steps = sum(one[2] for one in history)
        if history != self.plan.history(steps):
            raise StorageError(
                "the checkpoint spent its privacy budget with other noise or another sampling rate than this training",
                hint="undo the change, or begin a new run",
            )
        self.stream, self.step = SecretStream(bytes.fromhex(state["key"])), steps

    def _examples(self) -> list[Any]:
        """The examples behind the rows of the learner, in its order."""
        learnable = getattr(self.inner, "learned_positions", None)
        train = self.job.train
        return list(train) if learnable is None else [train[k] for k in learnable]


def _refuse_leaks(job: Job) -> None:
    """A recipe that was filled as any other would decide by training rows without noise.

    Raises:
        ValueError: it was not filled by `resolve`: a mistake of the caller.
    """
    training, is_head = job.recipe.training, TASKS[job.recipe.task].BASE != "language"
    leaks = {
        "head_start": is_head and training.head_start != "random",
        "early_stopping": training.early_stopping,
        "loss_spikes": training.loss_spikes != "note",
        "class_weights": training.class_weights != "none",
        "clip_norm": training.clip_norm != 0.0,
    }
    if any(leaks.values()):
        raise ValueError(f"not private: {', '.join(name for name, is_so in leaks.items() if is_so)}")
