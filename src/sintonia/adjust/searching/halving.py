"""Who goes on to the next rung of a search, who is dropped and why, and who won.

Successive halving (Jamieson and Talwalkar 2016) with a paired test: every configuration is trained a little, the better
ones again for three times as long, and so on. All are compared on the losses of the same validation examples. Pure: it
draws nothing and trains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from sintonia.adjust.searching.space import cost_of
from sintonia.records import SearchPlan, SearchTrial
from sintonia.statistics import selection_optimism

LEVEL = 0.05
"""How often the configuration that is truly the best of a rung is dropped by the test, at most."""
_SHARES = (1 / 3, 1 / 9, 1 / 27)
"""Of the steps of a whole training: each rung trains three times as long as the one before."""
FULL_TURNS = 2
"""What is trained in full afterwards: the winner, and the winner with a second seed."""
_FIRST_COST, _LATER_COST = 1.2, 2 / 3
"""In whole trainings, what the first rung and each later one may take: winner and second seed included, a search of up
to 27 configurations takes five of them (science.md 6.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One round of trainings of the same length."""

    number: int
    """From 1 on."""
    share: float
    """Of the steps of a whole training."""
    most: int
    """As many configurations are in it, at most."""
    is_last: bool = False
    """Only here each trains for a share of its own epochs, and not of the usual ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a rung has shown."""

    alive: tuple[int, ...]
    """The numbers of those that go on, best first."""
    dropped: dict[int, str]
    """Why, of the others."""


def rungs_of(num_configurations: int) -> tuple[Rung, ...]:
    """The rungs for so many configurations.

    >>> [(round(1 / one.share), one.most) for one in rungs_of(27)]
    [(27, 27), (9, 6), (3, 2)]
    >>> [(round(1 / one.share), one.most) for one in rungs_of(9)], [round(1 / one.share) for one in rungs_of(3)]
    ([(9, 9), (3, 2)], [3])
    """
    start = max((one for one in _SHARES if num_configurations * one <= _FIRST_COST), default=min(_SHARES))
    found: list[Rung] = []
    most = num_configurations
    for share in sorted(one for one in _SHARES if one >= start):
        if found:
            most = min(most // 2, int(_LATER_COST / share + 1e-9))
        found.append(Rung(number=len(found) + 1, share=share, most=most, is_last=share == _SHARES[0]))
    return tuple(found)


def search_trainings(num_configurations: int) -> float:
    """What a search takes, at most, in trainings of the usual length: its rungs, and the winner with two seeds.

    A winner with more epochs than usual takes more.
    """
    return sum(one.most * one.share for one in rungs_of(num_configurations)) + FULL_TURNS


def next_configurations(
    plan: SearchPlan, history: Sequence[SearchTrial], groups: Sequence[str]
) -> tuple[Rung, tuple[int, ...]] | None:
    """The rung that goes on now, and the numbers that are still due in it; None when the search is over.

    `groups` says which validation examples belong together, one for each of them.
    """
    alive = tuple(range(plan.num_configurations))
    for rung in rungs_of(plan.num_configurations):
        taken = _of_rung(history, rung.number)
        due = tuple(number for number in alive if number not in taken)
        if due:
            return rung, due
        alive = stand(plan, rung, [taken[number] for number in alive], groups).alive
        if len(alive) < 2:
            return None
    return None


def stand(plan: SearchPlan, rung: Rung, trials: Sequence[SearchTrial], groups: Sequence[str]) -> Standing:
    """Who goes on after a rung in which all of these were trained.

    The test drops what is worse than the best beyond chance; of the others as many go on as the next rung has room for,
    in trainings of the usual length. Of those that are truly best in a rung the test drops at most `LEVEL`: each is
    compared with all others at a level shared among the comparisons (multiple comparisons with the best, Hsu 1981).
    """
    whole = sorted((one for one in trials if one.loss is not None), key=_order)
    dropped = {one.configuration.number: f"its training broke: {one.why_broken}" for one in trials if one.loss is None}
    bound = float(norm.ppf(1 - LEVEL / max(len(trials) - 1, 1)))
    later = [one for one in rungs_of(plan.num_configurations) if one.number == rung.number + 1]
    most, is_own_epochs = (later[0].most, later[0].is_last) if later else (1, True)
    alive: list[int] = []
    spent = 0.0
    for one in whole:
        number = one.configuration.number
        cost = cost_of(plan.axes, one.configuration.values) if is_own_epochs else 1.0
        distance = standard_errors(one.losses, whole[0].losses, groups)
        if distance > bound:
            best = whole[0].configuration.number
            dropped[number] = f"in rung {rung.number} worse than number {best} by {distance:.1f} standard errors"
        elif alive and (len(alive) >= most or spent + cost > most):
            dropped[number] = f"in rung {rung.number} not among the best, and there was time for {len(alive)}"
        else:
            alive.append(number)
            spent += cost
    return Standing(alive=tuple(alive), dropped=dropped)


def dropped_by(plan: SearchPlan, history: Sequence[SearchTrial], groups: Sequence[str]) -> dict[int, str]:
    """Why each configuration that did not go on was dropped, in the rungs that are complete."""
    alive, found = tuple(range(plan.num_configurations)), dict[int, str]()
    for rung in rungs_of(plan.num_configurations):
        taken = _of_rung(history, rung.number)
        if any(number not in taken for number in alive):
            break
        standing = stand(plan, rung, [taken[number] for number in alive], groups)
        found |= standing.dropped
        alive = standing.alive
    return found


def best_of(plan: SearchPlan, history: Sequence[SearchTrial], groups: Sequence[str]) -> SearchTrial | None:
    """The winner: the lowest loss of the last rung that at least two were trained in, or all that were left.

    Of those within one standard error of it the one that trains for the fewest epochs. None where every training broke.
    """
    last = max((one.rung for one in history if one.losses), default=0)
    for rung in range(last, 0, -1):
        found = sorted((one for one in _of_rung(history, rung).values() if one.losses), key=_order)
        is_whole = next_configurations(plan, history, groups) is None
        if found and (len(found) > 1 or is_whole or rung == 1):
            near = [one for one in found if standard_errors(one.losses, found[0].losses, groups) <= 1]
            return min(near, key=lambda one: (cost_of(plan.axes, one.configuration.values), *_order(one)))
    return None


def optimism_of(winner: SearchTrial, history: Sequence[SearchTrial], groups: Sequence[str]) -> float:
    """By how much the mean loss of the winner is too low, if all that were tried are equally good.

    The noise is that between the winner and those of its rung, or of the one before where it was alone.
    """
    for rung in range(winner.rung, 0, -1):
        others = _of_rung(history, rung)
        own = others.pop(winner.configuration.number, None)
        errors = [paired_error(one.losses, own.losses, groups) for one in others.values() if one.losses and own]
        if errors:
            num_tried = len({one.configuration.number for one in history if one.losses})
            return selection_optimism(sum(errors) / len(errors), num_tried)
    return 0.0


def standard_errors(losses: Sequence[float], best: Sequence[float], groups: Sequence[str]) -> float:
    """By how many standard errors the first is worse on average, over the same examples; 0 where both are the same."""
    difference = float(np.mean(np.asarray(losses) - np.asarray(best)))
    error = paired_error(losses, best, groups)
    if error == 0:
        return 0.0 if difference <= 0 else math.inf
    return difference / error


def paired_error(losses: Sequence[float], other: Sequence[float], groups: Sequence[str]) -> float:
    """The standard error of the mean difference of losses of the same examples; whole groups vary."""
    differences = np.asarray(losses, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    _, of_group = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(of_group, weights=differences - differences.mean())
    count = len(sums)
    return math.sqrt(count / (count - 1) * float(np.square(sums).sum())) / len(differences) if count > 1 else math.inf


def _of_rung(history: Sequence[SearchTrial], rung: int) -> dict[int, SearchTrial]:
    return {one.configuration.number: one for one in history if one.rung == rung}


def _order(one: SearchTrial) -> tuple[float, int]:
    """By loss; what is not a number is worse than every number."""
    loss = one.loss
    return (loss if loss is not None and math.isfinite(loss) else math.inf, one.configuration.number)
