"""What work costs: time, memory, disk, energy, money; promise and bill have one shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Electrical energy with the way it was found; a figure never stands without its range."""

    kwh: float
    low: float
    high: float
    method: str
    """How it was found and of what: a counter of the processor (RAPL), of the GPU (NVML), or power times time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What it costs by prices that a person gave; there are no others."""

    amount: float
    low: float
    high: float
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a stage costs; the estimate and the bill have one shape, so they can be compared."""

    basis: Literal["estimated", "measured"]
    seconds: float
    peak_memory_bytes: int
    disk_bytes: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds of each stage."""
    low_seconds: float | None = None
    high_seconds: float | None = None
    """Of an estimate: between these it should lie. How far they are apart was set by hand."""
    energy: Energy | None = None
    why_no_energy: str = ""
    """Why the energy is unknown, where it is."""
    money: Money | None = None
    gpu_seconds: float = 0.0
    """Seconds of each GPU while the run computed on it, added up."""
