"""Which short trainings come next: every base gets a little, the better half gets twice as much, and so on.

Successive halving (Jamieson and Talwalkar 2016; science.md 5). Pure: what was measured in, what is asked out. The
corridor trains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

FIRST_FRACTION = 0.1
"""Share of the budget that each base gets in the first round; twice as much in the next one, for half as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A short training that is asked for."""

    base: str
    round: int
    """From 1 on."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A short training as it went."""

    base: str
    round: int
    seconds: float
    num_steps: int
    metric: float
    """On the training rows that it was not trained on; more is better, minus infinity where it broke."""
    outcomes: tuple[float, ...] = ()
    """Of each of these rows, more is better; the same rows for every base."""
    why_broken: str = ""


def next_trials(
    bases: Sequence[str], history: Sequence[Trial], budget_seconds: float, spent_seconds: float
) -> tuple[Asked, ...]:
    """The short trainings that come next, in the order of the ranking; none when one base is left or time is short.

    A round is begun only while the budget has room for all of it, and a round that was begun is finished: bases are
    compared after equal time. Time is what the trainings took, `spent_seconds` what was spent before them.

    >>> [one.base for one in next_trials(["a", "b", "c"], [], 100.0, 5.0)]
    ['a', 'b', 'c']
    """
    alive, number = list(bases), 1
    while len(alive) > 1:
        taken = {one.base: one for one in history if one.round == number}
        due = [base for base in alive if base not in taken]
        if due:
            seconds = FIRST_FRACTION * budget_seconds * 2 ** (number - 1)
            spent = spent_seconds + sum(one.seconds for one in history)
            has_room = len(due) < len(alive) or spent + seconds * len(due) <= budget_seconds
            return tuple(Asked(base=base, round=number, seconds=seconds) for base in due) if has_room else ()
        alive.sort(key=lambda base: -taken[base].metric)
        whole = [base for base in alive if taken[base].metric > -math.inf]
        alive, number = whole[: math.ceil(len(alive) / 2)], number + 1
    return ()


def standing(bases: Sequence[str], history: Sequence[Trial]) -> list[str]:
    """The bases, best first: by the last round that they took and by how they did in it; the others in their order."""
    last = {one.base: one for one in sorted(history, key=lambda one: one.round)}
    tried = [base for base in bases if base in last and last[base].metric > -math.inf]
    tried.sort(key=lambda base: (-last[base].round, -last[base].metric))
    broken = [base for base in bases if base in last and last[base].metric == -math.inf]
    return [*tried, *(base for base in bases if base not in last), *broken]
