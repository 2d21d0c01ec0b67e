"""Which turns there are: the first one of each part, one that was asked for, and rounds of adjusting in the budget.

With several parts each adjusts alone, on its own validation set, but the budget is shared: a round gives one turn
to every part that has a change worth trying, and begins only while time is left for all of it. So every part gets
the same effort, and what is judged is one recipe: this one, adjusted for so many rounds. What is offered for speed
alone, at a price in quality, no round takes by itself: a person asks for it. When the rounds end, it is said why in
one line, which is kept: that was decided by the clock too. It trains nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sintonia.adjust import data_steps, next_changes
from sintonia.corridor.hindsight import flattery_in_words, is_worth_a_turn, why_nothing_is_left
from sintonia.corridor.searching import search_changes
from sintonia.corridor.turns import best_turns, findings_of, turns_of, unfinished_change
from sintonia.corridor.walk import Walk, finished_turns
from sintonia.files import write_atomic
from sintonia.recipe import recipe_id
from sintonia.records import Advice, Change, DataStep, Finding, Part, Turn
from sintonia.resolve.private import is_private
from sintonia.runs import RunFolder

_ASKED = "cache/asked-change.json"
_ENDED = "cache/adjusting-ended"
_TURNS_FOR_ALL_ROWS = 2
"""Training on all rows takes as long as this many turns of a part, at most: it has half as many rows again."""
_SPENDS = "each training spends of the privacy of the rows (`privacy.dp`); `sintonia adjust` takes one, counted"


Steps = tuple[DataStep, ...]


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
    yield from ((parts[0], one) for one in search_changes(walk, parts[0]))
    yield from _adjusting(walk, parts)
    if not run.file(_ENDED).exists():
        write_atomic(run.file(_ENDED), b"")  # without a budget nothing was decided
    turns = finished_turns(run)
    flattery = flattery_in_words(run, turns, parts) if len(turns) > num_before else ""
    if flattery:
        walk.tell("adjust", flattery)


def changes_worth_trying(
    turns: tuple[Turn, ...], parts: tuple[Part, ...], about_data: Iterable[Finding] = ()
) -> tuple[Change, ...]:
    """The changes that a next turn could try, best first and for speed last; of parts, what most of them ask for."""
    codes = {one.code for one in about_data}
    proposed = [next_changes(turns_of(turns, part.name), codes) for part in parts]
    votes = Counter((one.setting, one.after) for changes in proposed for one in changes)
    first: dict[tuple[str, str], Change] = {}
    for changes in proposed:
        for one in changes:
            first.setdefault((one.setting, one.after), one)
    return tuple(sorted(first.values(), key=lambda one: (one.aim == "speed", -votes[one.setting, one.after])))


def steps_with_data(turns: tuple[Turn, ...], parts: tuple[Part, ...], about_data: Iterable[Finding]) -> Steps:
    """What the data need before any setting, by the audit and by what the best turn of each part shows."""
    if not turns or not parts:
        return ()
    num_rows = parts[0].train.count + parts[0].validation.count
    return data_steps(tuple(about_data), findings_of(best_turns(turns, parts)), num_rows)


def advice_of(
    turns: tuple[Turn, ...], parts: tuple[Part, ...], about_data: Iterable[Finding] = ()
) -> tuple[Advice, ...]:
    """What to do next, as a verdict tells it: what the data need first, then the changes of a setting."""
    about_data = tuple(about_data)
    steps = steps_with_data(turns, parts, about_data)
    first = [Advice(action=one.action, reason=one.reason, expected=one.expected, cost=one.cost) for one in steps]
    changes = [
        Advice(
            action=f"{one.setting}: {one.before} -> {one.after}",
            reason=one.reason,
            expected=one.expected,
            cost=one.cost,
        )
        for one in changes_worth_trying(turns, parts, about_data)
    ]
    return (*first, *changes)


def why_ended(run: RunFolder) -> str:
    """Why the rounds of adjusting of a run ended, in words; empty where it had none, or has not ended."""
    path = run.file(_ENDED)
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


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
    """Rounds, until no part has a change worth its cost, or time or turns are used up."""
    run, recipe = walk.run, walk.run.recipe()
    while recipe.budget_seconds is not None and not run.file(_ENDED).exists():
        turns = finished_turns(run)
        counts = {part.name: len(turns_of(turns, part.name)) for part in parts}
        num_rounds = max(counts.values())
        worth = {part.name: _for_quality(run, turns_of(turns, part.name), part) for part in parts}
        late = [part for part in parts if counts[part.name] < num_rounds and worth[part.name]]
        due = late or [part for part in parts if counts[part.name] == num_rounds and worth[part.name]]
        is_begun = bool(late) or unfinished_change(run, len(turns) + 1) is not None
        why = why_nothing_is_left(run, turns, parts) if not due else ""
        if is_private(recipe):
            why = _SPENDS
        elif due and not is_begun:
            why = _why_no_time(walk, turns, num_rounds, tuple(worth[part.name][0] for part in due))
        if why:
            walk.tell("adjust", f"no further turn: {why}")
            write_atomic(run.file(_ENDED), why.encode())  # the clock decided; a resumed run must not decide again
            return
        yield due[0], worth[due[0].name][0]


def _for_quality(run: RunFolder, turns: tuple[Turn, ...], part: Part) -> tuple[Change, ...]:
    """The changes that a round may take: for quality, and worth a turn."""
    codes = {one.code for one in run.lines("findings.jsonl", Finding)}
    changes = tuple(one for one in next_changes(turns, codes) if one.aim == "quality")
    return tuple(one for one in changes if is_worth_a_turn(run, one, turns, part))


def _why_no_time(walk: Walk, turns: tuple[Turn, ...], num_rounds: int, changes: tuple[Change, ...]) -> str:
    """Why a round of these changes does not fit in the budget, or in the number of turns of a part; empty if it does.

    With several parts, the training on all rows that comes last has its time too.
    """
    recipe = walk.run.recipe()
    last = next(turn for turn in reversed(turns) if turn.combined is None).resources.seconds
    if num_rounds >= recipe.adjusting.turns:
        return f"a part takes at most {recipe.adjusting.turns} turns (`adjusting.turns`), and these were taken"
    is_alone = len({turn.part for turn in turns}) == 1
    needed = sum(last if one.seconds is None else one.seconds for one in changes)
    needed += 0.0 if is_alone else _TURNS_FOR_ALL_ROWS * last
    left = float(recipe.budget_seconds or 0.0) - walk.seconds
    if needed <= left:
        return ""
    what = f"{changes[0].setting}: {changes[0].before} -> {changes[0].after}"
    takes, has = f"{needed / 60:.1f} minutes", f"{max(left, 0.0) / 60:.1f} minutes"
    return f"the next one ({what}) takes about {takes}, and {has} of the budget are left"


def stays_in_words(newest: Turn, judged: Turn) -> str:
    """Why nothing is opened after one more turn."""
    if newest.part != judged.part:
        return "no part does better on validation with the change: the verdict stays, no new opening"
    return (
        f"turn {newest.number} gave {newest.validation_metric:.3f} on validation, turn {judged.number} "
        f"{judged.validation_metric:.3f}: turn {judged.number} stays, no new opening"
    )
