"""A promise made again in the midst of training, from real steps; told where it has changed. It changes no training."""

from __future__ import annotations

import dataclasses
import statistics
from collections import deque

from sintonia.corridor.billing.costs import PROMISE, REFINED, TRIED, with_costs
from sintonia.corridor.walk import Walk
from sintonia.records import Event, Resources
from sintonia.resources.energy import Stretch
from sintonia.resources.estimate import ALL_ROWS_TURNS
from sintonia.resources.pace import duration
from sintonia.train.schedule import evaluation_steps

LEAST_STEPS = 20
"""Real steps before a promise is made again."""
_WORTH_TELLING = 0.15
"""A change of the whole time by more than this share is told."""
_RECENT = 200
_FAR_OFF = 4.0
"""A step that took so many times the usual one counts as that: a machine hiccups."""
_COUNTED_SECONDS = 15.0
"""Of real steps, from when on what they used is preferred to the steps that were tried: a tracker looks seldom."""
_RANGE = (0.92, 1.12)
"""What a training may take over what its first steps promise; set by hand."""


class Refining:
    """Hears the events of one training, and tells when the whole run will take longer or shorter than was promised.

    `num_evaluations` is how often the training is validated; `left_after` are turns that will follow, of the same kind.
    """

    def __init__(self, walk: Walk, num_evaluations: int, left_after: float = 0.0) -> None:
        self._walk, self._evaluations, self._left_after = walk, num_evaluations, left_after
        self._promised = walk.run.read(PROMISE, Resources)
        known = walk.run.read(REFINED, Resources) or self._promised
        self._told = known.seconds if known else 0.0
        self._steps: deque[float] = deque(maxlen=_RECENT)
        self._num_steps = self._num_validated = 0
        self._validation_seconds = 0.0
        self._last: float | None = None
        self._mark = walk.energy_mark()

    def hear(self, event: Event) -> float | None:
        """Takes an event in; the seconds that are left of the whole run, or None while they are not known."""
        passed = None if self._last is None else event.seconds - self._last
        self._last = event.seconds
        if passed is None or event.kind not in ("step", "validated", "checkpoint"):
            return None
        if event.kind != "step":
            self._num_validated += event.kind == "validated"
            self._validation_seconds += passed
            return None
        self._steps.append(passed)
        self._num_steps += 1
        if self._promised is None or self._num_steps < LEAST_STEPS or "total_steps" not in event.values:
            return None
        return self._refine(self._promised, event)

    def _refine(self, promised: Resources, event: Event) -> float:
        turn_left = self._turn_left(event)
        left = turn_left + self._left_after * (event.seconds + turn_left)
        done = self._walk.stages  # of several parts, those before this one were judged already
        names = ("evaluate", "report")
        after = sum(max(0.0, promised.stages.get(name, 0.0) - done.get(name, 0.0)) for name in names)
        now = self._walk.seconds + left + after
        has_changed = abs(now - self._told) > _WORTH_TELLING * self._told
        if has_changed or self._num_steps == LEAST_STEPS:
            found = self._refined(promised, left, after)
            self._walk.run.write(REFINED, with_costs(self._walk, found, self._counted()))
            if has_changed:
                self._tell(found)
        return left + after

    def _counted(self) -> Stretch | None:
        """What real steps of this training used, or where those were too short the ones that were tried before it."""
        real, tried = self._walk.stretch_since(self._mark), self._walk.run.read(TRIED, Stretch)
        return real if real and (tried is None or real.seconds >= _COUNTED_SECONDS) else tried

    def _turn_left(self, event: Event) -> float:
        """Seconds of the steps and validations still to come of this training."""
        usual = statistics.median(self._steps)
        step = statistics.mean(min(one, _FAR_OFF * usual) for one in self._steps)
        total = int(event.values["total_steps"])
        due = sum(one > event.step for one in evaluation_steps(total, self._evaluations))
        each = self._validation_seconds / max(1, self._num_validated)
        return (total - event.step) * step + due * each

    def _refined(self, promised: Resources, left: float, after: float) -> Resources:
        spent = self._walk.seconds
        low = promised.seconds - (promised.low_seconds or promised.seconds)
        high = (promised.high_seconds or promised.seconds) - promised.seconds
        # What is left of the uncertainty about the later stages: their share of what was promised to be left.
        share = after / max(after, promised.stages.get("train", 0.0) + after, 1e-9)
        return dataclasses.replace(
            promised,
            seconds=spent + left + after,
            stages=promised.stages | {"train": self._spent_training() + left},
            low_seconds=spent + left * _RANGE[0] + max(0.0, after - share * low),
            high_seconds=spent + left * _RANGE[1] + after + share * high,
        )

    def _spent_training(self) -> float:
        """Seconds of training so far: what the walk has counted, and what this stretch of it has taken since."""
        counted = self._walk.stages
        return counted.get("train", 0.0) + max(0.0, self._walk.seconds - sum(counted.values()))

    def _tell(self, found: Resources) -> None:
        low, high = found.low_seconds or found.seconds, found.high_seconds or found.seconds
        was = duration(self._told)
        self._told = found.seconds
        between = f"{duration(low)} to {duration(high)}"
        words = f"by its real steps the run takes {duration(found.seconds)} ({between}), not {was}"
        self._walk.tell("estimate", words)


def num_turns_left(num_parts: int, num_taken: int) -> float:
    """Trainings of the promise that follow this one: of other parts, and on all rows at the end.

    >>> num_turns_left(1, 0), num_turns_left(10, 2)
    (0.0, 8.6)
    """
    return 0.0 if num_parts == 1 or num_taken >= num_parts else num_parts - num_taken - 1 + ALL_ROWS_TURNS
