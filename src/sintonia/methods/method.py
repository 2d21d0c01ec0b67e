"""What a method is: which weights train, how fast, and for which tasks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["encoder", "language"]


class _Task(Protocol):
    """What a method asks of a task."""

    NAME: str
    BASE: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to change weights.

    `trains_encoder` False means that features are computed once and only the head sees gradients.
    """

    name: str
    bases: tuple[Kind, ...]
    """The kinds of base whose weights it changes."""
    trains_encoder: bool
    learning_rate: Callable[[Kind, int], tuple[float, str]]
    """From the kind and the width of the base to the default, and where that comes from (science.md 6)."""
    has_adapters: bool = False
    """Whether the weights of the base stay as they are and small matrices beside them train."""
    levels: tuple[str, ...] = ()
    """Where the head of its tasks may stand, when it needs one."""
    batch_examples: int = 0
    """Examples behind a step where nobody asks for another number; 0 where that of the training set decides."""
    num_passes: int = 0
    """Epochs where nobody asks for another number; 0 where the task decides."""
    most_steps: int = 0
    """Optimizer steps after which fewer passes are made, but at least one."""
    has_fitted_head: bool = False
    """Whether the head is fitted when the encoder is done, and so has no start."""
    only: tuple[str, ...] = ()
    """The tasks that it is for, when it is for some alone."""

    def passes(self, num_examples: int, batch_examples: int) -> int:
        """Epochs of a method that says how many it needs."""
        return min(self.num_passes, max(1, math.ceil(self.most_steps / math.ceil(num_examples / batch_examples))))

    def learns(self, task: _Task) -> bool:
        """Whether it is a way to learn a task."""
        is_meant = not self.only or task.NAME in self.only
        is_placed = not self.levels or getattr(task, "LEVEL", "") in self.levels
        return task.BASE in self.bases and is_meant and is_placed
