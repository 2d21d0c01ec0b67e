"""The nouns of combining: models of turns that were trained already, averaged or scaled, and what trying that gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """A model made of trained ones, without training."""

    kind: Literal["mean", "chosen mean", "scaled", "thresholds"]
    """The mean of all, the mean of those that were added because validation did not fall, one of them that goes only
    a part of the way from its base, or one that answers by other thresholds than the largest probability."""
    turns: tuple[int, ...]
    """The numbers of the turns it is made of, the best on validation first."""
    scale: float = 1.0
    """How much of the way from the base; 1 is all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedCombination:
    """What a combination did on validation."""

    combination: Combination
    value: float
    """The metric of `Combining`."""
    gain: float
    """Over the turn to beat; more is better."""
    standard_error: float
    """Of the gain: paired by example, whole groups drawn again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Combining:
    """What trying combinations came to, and whether one of them became a turn."""

    metric: str
    to_beat: int
    """The number of the turn with the best validation so far."""
    value: float
    """Its metric on validation."""
    tried: tuple[TriedCombination, ...]
    optimism: float
    """By how much the best of so many looks too good, if none is truly better."""
    needed: float
    """The gain that the best of them needs to be kept: that, and one standard error more."""
    kept: int | None
    """The number of the new turn; None where nothing won, and nothing was written."""
    told: tuple[str, ...]
    """All of it in plain words."""
