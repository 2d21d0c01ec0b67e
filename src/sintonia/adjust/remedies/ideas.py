"""What an idea is: one setting and its new value; and what was used in a turn. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sintonia.methods import METHODS
from sintonia.records import Turn
from sintonia.resolve import LANGUAGE_BASE
from sintonia.tasks import TASKS, Task


@dataclass(frozen=True, slots=True)
class Idea:
    """One setting and its new value, before it is checked against what was tried."""

    setting: str
    after: Any
    reason: str
    expected: str
    time_factor: float | None = 1.0
    """Expected training time over that of the turn it starts from; None when it cannot be told."""
    aim: Literal["quality", "speed"] = "quality"
    disk_bytes: int = 0
    """What it keeps on disk besides, at most."""


Remedy = Callable[[Turn], Iterator[Idea]]


def effective(turn: Turn, setting: str) -> Any:
    """The value that was used: the resolved one, else the recipe's; None when it is `auto` and unknown."""
    for one in turn.resolved:
        if one.setting == setting:
            return one.value
    value: Any = turn.recipe
    for name in setting.split("."):
        value = getattr(value, name)
    return None if value == "auto" else value


def task_of(turn: Turn) -> Task:
    """What was learned."""
    return TASKS[str(effective(turn, "task"))]


def is_of_language(turn: Turn) -> bool:
    """Whether a language model was tuned."""
    return task_of(turn).BASE == "language"


def has_language_base(turn: Turn) -> bool:
    """Whether its base is a language model, also where a head was put on it: what was filled says so."""
    return is_of_language(turn) or any(one.origin == LANGUAGE_BASE for one in turn.resolved)


def method_of(turn: Turn) -> str:
    """The method that was used; where `auto` was recorded, the default of the task."""
    return str(effective(turn, "method") or task_of(turn).METHOD)


def usual_rate(turn: Turn) -> float | None:
    """The usual learning rate; None where it depends on the width of the base, which a turn does not hold."""
    return None if has_language_base(turn) else METHODS[method_of(turn)].learning_rate("encoder", 0)[0]


def rounded(value: float) -> float:
    """Two digits: 1.67e-05 is 1.7e-05."""
    return float(f"{value:.2g}")
