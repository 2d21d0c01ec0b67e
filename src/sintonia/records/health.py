"""The nouns of a machine that is looked over: what was read of it, how fast it is, whether it can train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sintonia.records.choosing import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One thing that was looked at."""

    topic: str
    state: Literal["good", "note", "problem"]
    message: str
    cure: str = ""
    """The command that mends it, or what to do where there is no command; every problem has one."""
    is_fatal: bool = False
    """Whether nothing can be trained while it lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPace:
    """How fast this machine reads and learns with one base, in tokens a second."""

    base: str
    method: str
    forward_tokens_per_second: float
    training_tokens_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """What was measured, within seconds: short texts, and whatever else the machine was doing."""

    num_threads: int
    fp32_operations_per_second: float
    bf16_operations_per_second: float | None
    """None where the processor has no hardware for it."""
    bases: tuple[TokenPace, ...]
    seconds: float
    """What the measuring took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A machine as training will find it."""

    machine: Machine
    readings: tuple[Reading, ...]
    speeds: Speeds | None = None
    """None where nobody asked, or nothing could be measured."""

    @property
    def can_train(self) -> bool:
        """False where training cannot work at all."""
        return not any(one.is_fatal for one in self.readings)
