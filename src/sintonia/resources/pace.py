"""How fast a training goes and how long it will take, from what recent steps took. It reads no clock."""

from __future__ import annotations

import statistics
from collections import deque

LEAST_STEPS = 5
"""Steps before a time is promised: the first ones warm up."""
_RECENT = 50


class Pace:
    """Told what each step and validation of this process took, in seconds."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._validations: deque[float] = deque(maxlen=5)

    def stepped(self, seconds: float, num_examples: int) -> None:
        """One optimizer step is done."""
        self._steps.append((seconds, num_examples))

    def validated(self, seconds: float) -> None:
        """One validation is done, with the checkpoint that follows it."""
        self._validations.append(seconds)

    @property
    def validation_seconds(self) -> float:
        """What a validation takes; 0 before the first. A checkpoint keeps it, so that a resume knows it at once."""
        return statistics.median(self._validations) if self._validations else 0.0

    @property
    def examples_per_second(self) -> float:
        """Over the recent steps; 0 before the first."""
        seconds = sum(one for one, _ in self._steps)
        return sum(examples for _, examples in self._steps) / seconds if seconds > 0 else 0.0

    def seconds_left(self, steps_left: int, validations_left: int) -> float | None:
        """The time to the end of the plan, or None while there are too few steps to tell."""
        if len(self._steps) < LEAST_STEPS:
            return None
        step = statistics.median(seconds for seconds, _ in self._steps)
        return steps_left * step + validations_left * self.validation_seconds


def duration(seconds: float) -> str:
    """A length of time as a person says it: `45 s`, `3 min`, `1 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
