"""Watches the training loss of each step for a jump that stays: the mark of a learning rate that is too high.

The rule is that of llm-foundry's KillLossSpike: over a window of the last steps (100, or 5 % of the plan), a loss of
twice the mean is an outlier, and the fifth outlier in a row is a spike; and after two windows, when half of a window
lies above a cap (10, or the highest loss of the first window), the training is lost. Two things are added, for losses
near zero, where twice the mean is only noise: an outlier is also above a tenth of the first losses, and the outliers in
a row lie together above the window by six standard errors of as many of its steps (a few wrong labels make batches
of that kind without end).

A loss that is not a number is the loop's own concern. This file stops nothing and reads no clock: the same losses give
the same answers, before and after a checkpoint.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sintonia.errors import RunFailed

_SMALLEST_WINDOW, _WINDOW_SHARE = 100, 0.05
_OUTLIER = 2.0
_PATIENCE = 4
_HIGHEST_CAP = 10.0
_NUM_FIRST = 10
_LEAST_SHARE = 0.1
"""Of the mean of the first losses: what is below is no outlier."""
_Z = 6.0
"""Standard errors; at 4 one training in ten on targets of which 3 % are wrong raised an alarm, at 6 none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """A loss that jumped, or one that stays high, as it was seen."""

    first_step: int
    """The step at which it began, counted from 1."""
    last_step: int
    loss: float
    """The mean loss since it began."""
    usual: float
    """The mean loss of the window before it, or the cap."""

    def in_words(self) -> str:
        """One sentence with its numbers, without a capital."""
        return (
            f"the training loss was {self.loss:.3g} over steps {self.first_step} to {self.last_step}, "
            f"and {self.usual:.3g} is usual before them"
        )


@dataclass(slots=True)
class SpikeWatch:
    """Sees the losses one after the other. `state` and `from_state` take it through a checkpoint unchanged."""

    window: int
    first_losses: list[float] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    outliers: list[float] = field(default_factory=list)
    """The losses of the last steps, as far as they are outliers in a row."""
    num_seen: int = 0
    cap: float = _HIGHEST_CAP
    is_told: bool = False
    """Whether the outliers in a row were told of."""
    is_lost: bool = False
    """Whether it was told that the losses stay above the cap."""

    @classmethod
    def for_plan(cls, total_steps: int) -> SpikeWatch:
        """A watch for a training of so many steps; one of 100 or fewer is never judged."""
        return cls(window=max(_SMALLEST_WINDOW, math.ceil(_WINDOW_SHARE * total_steps)))

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SpikeWatch:
        """The watch that `state` describes."""
        return cls(**state)

    def state(self) -> dict[str, Any]:
        """All it has to remember, as plain values; through JSON and back it is the same."""
        return dataclasses.asdict(self)

    def saw(self, loss: float) -> Spike | None:
        """Takes the mean loss of one more step; a spike when this step completes one. It is told once.

        Raises:
            ValueError: the loss is not a finite number.
        """
        if not math.isfinite(loss):
            raise ValueError("a loss that is not a number has to stop the training before it is watched")
        spike = self._judge(loss) if len(self.recent) == self.window else None
        if len(self.first_losses) < _NUM_FIRST:
            self.first_losses.append(loss)
        self.recent = [*self.recent[-self.window + 1 :], loss]
        self.num_seen += 1
        if self.num_seen == self.window:
            self.cap = min(_HIGHEST_CAP, max(self.recent))
        return spike

    def _judge(self, loss: float) -> Spike | None:
        """Of a loss that comes after a full window."""
        usual, step = math.fsum(self.recent) / self.window, self.num_seen + 1
        is_outlier = loss >= max(_OUTLIER * usual, _LEAST_SHARE * math.fsum(self.first_losses) / _NUM_FIRST)
        self.outliers = [*self.outliers, loss] if is_outlier else []
        self.is_told = self.is_told and is_outlier
        if not self.is_told and self._is_spike():
            self.is_told = True
            return Spike(
                first_step=step - len(self.outliers) + 1,
                last_step=step,
                loss=statistics.fmean(self.outliers),
                usual=statistics.fmean(self._before()),
            )
        high = [one for one in self.recent if one > self.cap]
        if self.is_lost or self.num_seen < 2 * self.window or 2 * len(high) < self.window:
            return None
        self.is_lost = True
        return Spike(first_step=step - self.window, last_step=step - 1, loss=statistics.fmean(high), usual=self.cap)

    def _before(self) -> list[float]:
        """The window without the outliers in a row; of these the last is not in it yet."""
        return self.recent[: self.window - len(self.outliers) + 1]

    def _is_spike(self) -> bool:
        count = len(self.outliers)
        if not _PATIENCE < count < self.window - 1:
            return False
        before = self._before()
        bar = statistics.fmean(before) + _Z * statistics.stdev(before) / math.sqrt(count)
        return statistics.fmean(self.outliers) > bar


def spike_failure(spike: Spike, *, learning_rate: float, run: str) -> RunFailed:
    """The error that ends a run at a spike before which nothing was learned that could be gone back to.

    `run` is its folder. Resuming would meet the same spike, for it repeats each step; so the hint is a new run.
    """
    return RunFailed(
        f"{spike.in_words()}: the steps are too large",
        hint=f"`sintonia tune --recipe {run}/recipe.yaml --out NEW-FOLDER "
        f"training.learning_rate={learning_rate / 10:.2g}` trains with a tenth of the learning rate "
        "(`training.loss_spikes=note` would go on in spite of it)",
    )


def roll_back_reason(spike: Spike, best_step: int) -> str:
    """Why training stopped at a spike, when there are weights from before it."""
    return f"{spike.in_words()}; the weights of step {best_step}, from before, are kept"
