"""Which turns there are: the first one of each part, one that was asked for, and rounds of adjusting in the budget.

With several parts each adjusts alone, on its own validation set, but the budget is shared: a round gives one turn
to every part that has a change worth trying, and begins only while time is left for all of it. So every part gets
the same effort, and what is judged is one recipe: this one, adjusted for so many rounds. What is offered for speed
alone, at a price in quality, no round takes by itself: a person asks for it. It trains nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sintonia.adjust import next_changes
from sintonia.corridor.hindsight import flattery_in_words
from sintonia.corridor.turns import turns_of, unfinished_change
from sintonia.corridor.walk import Walk, finished_turns
from sintonia.files import write_atomic
from sintonia.recipe import recipe_id
from sintonia.records import Advice, Change, Part, Turn

_ASKED = "cache/asked-change.json"
_ENDED = "cache/adjusting-ended"
_TURNS_FOR_ALL_ROWS = 2
"""Training on all rows takes as long as this many turns of a part, at most: it has half as many rows again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A change that somebody asked for, and how many turns there were then: each part takes it once."""

    change: Change
    num_turns: int


def turns_to_take(walk: Walk, parts: tuple[Part, ...], change: Change | None) -> Iterator[tuple[Part, Change | None]]:
    """The turns still to be taken, one after the other; each must be taken before the next is asked for."""
    run, names, num_before = walk.run, [part.name for part in parts], len(finished_turns(walk.run))
    was_begun = set(names) <= {turn.part for turn in finished_turns(run)}
    for part in parts:
        if not turns_of(finished_turns(run), part.name):
            yield part, None
    asked = _asked(walk, names, change if was_begun else None)
    for part in parts if asked else ():
        if asked and not _was_served(finished_turns(run), part, asked, is_alone=len(parts) == 1):
            yield part, asked.change
    run.file(_ASKED).unlink(missing_ok=True)
    yield from _adjusting(walk, parts)
    write_atomic(run.file(_ENDED), b"")  # the clock decided; a resumed run must not decide again
    turns = finished_turns(run)
    flattery = flattery_in_words(run, turns, parts) if len(turns) > num_before else ""
    if flattery:
        walk.tell("adjust", flattery)


def changes_worth_trying(turns: tuple[Turn, ...], parts: tuple[Part, ...]) -> tuple[Change, ...]:
    """The changes that a next turn could try, best first and for speed last; of parts, what most of them ask for."""
    proposed = [next_changes(turns_of(turns, part.name)) for part in parts]
    votes = Counter((one.setting, one.after) for changes in proposed for one in changes)
    first: dict[tuple[str, str], Change] = {}
    for changes in proposed:
        for one in changes:
            first.setdefault((one.setting, one.after), one)
    return tuple(sorted(first.values(), key=lambda one: (one.aim == "speed", -votes[one.setting, one.after])))


def advice_of(turns: tuple[Turn, ...], parts: tuple[Part, ...]) -> tuple[Advice, ...]:
    """The same, as a verdict tells them."""
    return tuple(
        Advice(
            action=f"{one.setting}: {one.before} -> {one.after}",
            reason=one.reason,
            expected=one.expected,
            cost=one.cost,
        )
        for one in changes_worth_trying(turns, parts)
    )


def _asked(walk: Walk, names: list[str], change: Change | None) -> _Asked | None:
    """The change that every part has to take now: one that was begun comes before a new one."""
    turns = finished_turns(walk.run)
    begun = walk.run.read(_ASKED, _Asked)
    pending = unfinished_change(walk.run, len(turns) + 1)
    if begun is None and pending and len(names) == 1:
        begun = _Asked(change=pending, num_turns=len(turns))
    if begun and change and begun.change != change:
        one = begun.change
        walk.tell("adjust", f"first the turn that was interrupted: {one.setting} {one.before} -> {one.after}")
    if begun or change is None:
        return begun
    asked = _Asked(change=change, num_turns=len(turns))
    walk.run.write(_ASKED, asked)
    return asked


def _was_served(turns: tuple[Turn, ...], part: Part, asked: _Asked, *, is_alone: bool) -> bool:
    """Whether a part has taken the change, or had tried the same recipe before it was asked for."""
    own = turns_of(turns, part.name)
    is_tried = not is_alone and recipe_id(asked.change.recipe) in {turn.recipe_id for turn in own}
    return is_tried or any(turn.number > asked.num_turns for turn in own)


def _adjusting(walk: Walk, parts: tuple[Part, ...]) -> Iterator[tuple[Part, Change | None]]:
    """Rounds, until no part has a change worth trying, or time or turns are used up."""
    run, recipe = walk.run, walk.run.recipe()
    while recipe.budget_seconds is not None and not run.file(_ENDED).exists():
        turns = finished_turns(run)
        counts = {part.name: len(turns_of(turns, part.name)) for part in parts}
        num_rounds = max(counts.values())
        worth = {part.name: _for_quality(turns_of(turns, part.name)) for part in parts}
        late = [part for part in parts if counts[part.name] < num_rounds and worth[part.name]]
        due = late or [part for part in parts if counts[part.name] == num_rounds and worth[part.name]]
        is_begun = bool(late) or unfinished_change(run, len(turns) + 1) is not None
        if not due or (not is_begun and not _is_time_left(walk, turns, num_rounds, len(due))):
            return
        yield due[0], worth[due[0].name][0]


def _for_quality(turns: tuple[Turn, ...]) -> tuple[Change, ...]:
    return tuple(one for one in next_changes(turns) if one.aim == "quality")


def _is_time_left(walk: Walk, turns: tuple[Turn, ...], num_rounds: int, num_due: int) -> bool:
    """Whether a round of `num_due` turns still fits in the budget, and in the number of turns of a part.

    With several parts, the training on all rows that comes last has its time too.
    """
    recipe = walk.run.recipe()
    is_alone = len({turn.part for turn in turns}) == 1
    needed = (num_due if is_alone else num_due + _TURNS_FOR_ALL_ROWS) * turns[-1].resources.seconds
    return num_rounds < recipe.adjusting.turns and walk.seconds + needed <= float(recipe.budget_seconds or 0.0)
