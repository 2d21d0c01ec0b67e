"""What a run is promised to cost before it trains, and the question that is asked where that is beyond its budget.

A promise is made once: a run that is resumed keeps it, so that promise and bill can be compared at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sintonia.corridor.billing.costs import PROMISE, TRIED, energy_in_words, with_costs
from sintonia.corridor.walk import Ask, Walk
from sintonia.errors import UsageError
from sintonia.records import Resources
from sintonia.resources.estimate import advice_on_time, in_words
from sintonia.resources.pace import duration
from sintonia.resources.whole import estimate_whole
from sintonia.settings import Recipe

if TYPE_CHECKING:
    from sintonia.corridor.examining import Examined

_ACCEPTED = "cache/budget-accepted"


def promise(walk: Walk, filled: Recipe, examined: Examined, num_parts: int, ask: Ask) -> None:
    """Says what the run will cost, and asks where that is beyond the budget; `filled` is without any `auto`.

    Raises:
        UsageError: it is beyond the budget, and the answer was no.
    """
    found = walk.run.read(PROMISE, Resources)
    if found is None:
        found = _estimate(walk, filled, examined)
        walk.run.write(PROMISE, found)
    walk.tell("estimate", in_words(found, num_parts))
    if found.energy:
        walk.tell("estimate", energy_in_words(found))
    advice = advice_on_time(filled, found, num_parts)
    if advice:
        walk.tell("estimate", advice)
    _ask_beyond(walk, filled, found, advice, ask)


def _estimate(walk: Walk, filled: Recipe, examined: Examined) -> Resources:
    if examined.paces is None or examined.work is None:  # begun before there were any
        return examined.estimate
    done = walk.spent().stages
    whole = estimate_whole(filled, examined.work, examined.paces, examined.estimate, done)
    if examined.paces.counted is not None:
        walk.run.write(TRIED, examined.paces.counted)
    return with_costs(walk, whole, examined.paces.counted)


def _ask_beyond(walk: Walk, filled: Recipe, found: Resources, advice: str, ask: Ask) -> None:
    """Asks once, before the first training: a run that trains already was let go on."""
    budget, accepted = filled.budget_seconds, walk.run.file(_ACCEPTED)
    is_begun = walk.run.file("turns").exists() or accepted.exists()
    if budget is None or found.seconds <= budget or is_begun:
        return
    what = f"it takes about {duration(found.seconds)}, the budget is {duration(budget)}"
    if not ask(what):
        raise UsageError(what, hint=f"{advice.partition('shorter: ')[2].partition(';')[0]}; or `--yes` to go on")
    accepted.touch(mode=0o600)
