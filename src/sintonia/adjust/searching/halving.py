"""Who goes on to the next rung of a search, who is dropped and why, and who won.

First a bracket of learning rates, trained for a third of the steps: in shorter trainings a high rate looks worse than
it is (Wu et al. 2018), and it is the setting that matters most. Around the best of it the others are trained a little,
and the better ones as long as the bracket (successive halving, Jamieson and Talwalkar 2016). All are compared on the
losses of the same validation examples. Pure: it draws nothing and trains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from sintonia.adjust.searching.space import RATE, cost_of, is_alike
from sintonia.records import SearchPlan, SearchTrial
from sintonia.statistics import selection_optimism

LEVEL = 0.05
"""How often the configuration that is truly the best of a rung is dropped by the test, at most."""
FULL_TURNS = 2
"""What is trained in full afterwards: the winner, and the winner with a second seed."""
BRACKET = 3
"""Configurations 0 to 2: the recipe as it is, and with a lower and a higher learning rate."""
BRACKET_RUNG, SHORT_RUNG = 1, 2
_LONG, _SHORT = 1 / 3, (1 / 9, 1 / 27)
"""Of the steps of a whole training, its own: what decides, and what only chooses who is trained longer."""
_MOST_LONG, _SHORT_COST = 2, 0.9
"""How many configurations of the usual length are trained as long as the bracket afterwards, and what the short ones
may take, in whole trainings: winner and second seed included, up to 27 take less than five (science.md 6.5)."""


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
    """The rungs for so many configurations: the bracket, the others for a short time, the best of these for longer.

    >>> [(round(1 / one.share), one.most) for one in rungs_of(27)]
    [(3, 3), (27, 24), (3, 2)]
    >>> [(round(1 / one.share), one.most) for one in rungs_of(9)], [round(1 / one.share) for one in rungs_of(3)]
    ([(3, 3), (9, 6), (3, 2)], [3])
    """
    found = [Rung(number=BRACKET_RUNG, share=_LONG, most=min(num_configurations, BRACKET))]
    others = num_configurations - BRACKET
    if others > _MOST_LONG:
        share = max((one for one in _SHORT if others * one <= _SHORT_COST), default=min(_SHORT))
        found.append(Rung(number=SHORT_RUNG, share=share, most=others))
    if others > 0:
        found.append(Rung(number=len(found) + 1, share=_LONG, most=min(others, _MOST_LONG), is_last=True))
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
    bracket, *later = rungs_of(plan.num_configurations)
    members = tuple(range(bracket.most))
    for rung in (bracket, *later):
        taken = _of_rung(history, rung.number)
        due = tuple(number for number in members if number not in taken)
        if due:
            return rung, due
        is_short = rung is not bracket and not rung.is_last
        others = tuple(range(bracket.most, plan.num_configurations))
        members = stand(plan, history, groups).alive if is_short else others
    return None


def centre_of(plan: SearchPlan, history: Sequence[SearchTrial]) -> float | None:
    """The learning rate of the bracket that did best, around which the others are drawn; None where all broke."""
    whole = [one for one in history if one.rung == BRACKET_RUNG and one.losses]
    return min(whole, key=_order).configuration.values.get(RATE) if whole else None


def stand(plan: SearchPlan, history: Sequence[SearchTrial], groups: Sequence[str]) -> Standing:
    """Who goes on after the short rung, once all of it were trained.

    The test drops what is worse than the best beyond chance; of the others as many go on as the last rung has room for,
    in trainings of the usual length, none of them hardly different from a better one or from one of the bracket. Of
    those that are truly best in a rung the test drops at most `LEVEL`: each is compared with all others at a level
    shared among the comparisons (multiple comparisons with the best, Hsu 1981).
    """
    trials = list(_of_rung(history, SHORT_RUNG).values())
    whole, dropped = sorted((one for one in trials if one.losses), key=_order), _broken(trials)
    most = rungs_of(plan.num_configurations)[-1].most
    known = [one.configuration for one in _of_rung(history, BRACKET_RUNG).values() if one.losses]
    alive: list[int] = []
    spent = 0.0
    for one in whole:
        number, values = one.configuration.number, one.configuration.values
        cost = cost_of(plan.axes, values)
        double = next((other.number for other in known if is_alike(values, other.values)), None)
        if _is_worse(one, whole[0], groups, len(trials)):
            dropped[number] = _worse(one, whole[0], groups)
        elif double is not None:
            dropped[number] = f"hardly different from number {double}, which was trained longer"
        elif alive and (len(alive) >= most or spent + cost > most):
            dropped[number] = f"in rung {SHORT_RUNG} not among the best, and there was time for {len(alive)}"
        else:
            alive.append(number)
            known.append(one.configuration)
            spent += cost
    return Standing(alive=tuple(alive), dropped=dropped)


def dropped_by(plan: SearchPlan, history: Sequence[SearchTrial], groups: Sequence[str]) -> dict[int, str]:
    """Why each configuration was dropped that broke, did not go on, or is worse than the best beyond chance."""
    found = _broken(history)
    for rung in rungs_of(plan.num_configurations)[1:]:
        taken = list(_of_rung(history, rung.number).values())
        if not rung.is_last and len(taken) == rung.most:
            found |= stand(plan, history, groups).dropped
    long = _long(plan, history)
    for one in long[1:]:
        if _is_worse(one, long[0], groups, len(long)):
            found[one.configuration.number] = _worse(one, long[0], groups)
    return found


def best_of(plan: SearchPlan, history: Sequence[SearchTrial], groups: Sequence[str]) -> SearchTrial | None:
    """The winner: the lowest loss of those that were trained for a third of their own steps, whenever that was.

    Who trains for more epochs than usual has to win by more than one standard error: what sees more examples is ahead
    early on. Where none was trained so long, as time was short, the lowest loss of all; None where all broke.
    """
    long = _long(plan, history)
    if not long:
        return min((one for one in history if one.losses), key=_order, default=None)
    near = [one for one in long if standard_errors(one.losses, long[0].losses, groups) <= 1]
    return next((one for one in near if cost_of(plan.axes, one.configuration.values) <= 1), long[0])


def optimism_of(plan: SearchPlan, winner: SearchTrial, history: Sequence[SearchTrial], groups: Sequence[str]) -> float:
    """By how much the mean loss of the winner is too low, if all that were tried are equally good.

    The noise is that between the winner and the others that were trained as long.
    """
    others = [one for one in _long(plan, history) if one.configuration.number != winner.configuration.number]
    errors = [paired_error(one.losses, winner.losses, groups) for one in others]
    num_tried = len({one.configuration.number for one in history if one.losses})
    return selection_optimism(sum(errors) / len(errors), num_tried) if errors else 0.0


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


def _long(plan: SearchPlan, history: Sequence[SearchTrial]) -> list[SearchTrial]:
    """What was trained for a third of its steps and did not break, best first."""
    numbers = {rung.number for rung in rungs_of(plan.num_configurations) if rung.share == _LONG}
    return sorted((one for one in history if one.rung in numbers and one.losses), key=_order)


def _broken(trials: Sequence[SearchTrial]) -> dict[int, str]:
    return {one.configuration.number: f"its training broke: {one.why_broken}" for one in trials if not one.losses}


def _is_worse(one: SearchTrial, best: SearchTrial, groups: Sequence[str], num_compared: int) -> bool:
    """Beyond chance, where so many are compared."""
    bound = float(norm.ppf(1 - LEVEL / max(num_compared - 1, 1)))
    return standard_errors(one.losses, best.losses, groups) > bound


def _worse(one: SearchTrial, best: SearchTrial, groups: Sequence[str]) -> str:
    distance = standard_errors(one.losses, best.losses, groups)
    return f"in rung {one.rung} worse than number {best.configuration.number} by {distance:.1f} standard errors"


def _order(one: SearchTrial) -> tuple[float, int]:
    """By loss; what is not a number is worse than every number."""
    loss = one.loss
    return (loss if loss is not None and math.isfinite(loss) else math.inf, one.configuration.number)
