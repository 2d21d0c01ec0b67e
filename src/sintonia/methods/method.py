"""What a method is: which weights train, how fast, and for which tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to change weights.

    `trains_encoder` False means that features are computed once and only the head sees gradients.
    """

    name: str
    tasks: tuple[str, ...]
    trains_encoder: bool
    learning_rate: Callable[[str, int], tuple[float, str]]
    """From the task and the width of the base to the default, and where that comes from (science.md 6)."""
    has_adapters: bool = False
    """Whether the weights of the base stay as they are and small matrices beside them train."""
