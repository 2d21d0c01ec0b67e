"""The nouns of differential privacy: what a training promises and spent, and what all of them on the same rows did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a private training spent: that what it learned depends on no single row, or group, by more."""

    training: str
    """Stands for this training, however often it is resumed."""
    epsilon: float
    """Of the steps that were taken."""
    planned_epsilon: float
    """Of all steps that may be taken."""
    budget: float
    delta: float
    unit: Literal["row", "group"]
    num_units: int
    num_rows: int
    rate: float
    """The probability with which each row, or group, was drawn for a step."""
    noise: float
    """Standard deviation of the noise over `clip_norm`."""
    clip_norm: float
    steps: int
    planned_steps: int
    accountant: Literal["prv", "rdp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What is known of all trainings on the same rows."""

    epsilon: float
    """Of all private ones together, at the delta of this one."""
    num_private: int
    """Private trainings that saw some of these rows, this one among them."""
    num_other_unit: int
    """Private ones that promised to rows only, where this one promises to groups: they are not in the sum."""
    num_plain: int
    """Trainings without privacy on these rows or this file: nothing is promised of what they gave."""
    date: str = ""
    """The day, in UTC, on which the ledger said so; empty in records from before it was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """The promise of a turn, as it is told and kept in `turns/NNN/privacy.json` when it ended."""

    spent: Spent
    composed: Composed
    sentence: str
    """The promise in words."""
    assumptions: tuple[str, ...]
    """What it rests on, and what it does not cover."""
