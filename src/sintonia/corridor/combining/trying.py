"""Tries what can be combined of a finished run, on validation, and keeps the best as a turn only when it wins.

Where nothing wins, the run stays as it was to the last byte. It trains nothing and opens no test.
"""

from __future__ import annotations

import shutil
import time

from sintonia.adjust.combine import Pick, combinable, combinations, grow_mean, pick
from sintonia.corridor.beginning import metrics_of_run
from sintonia.corridor.combining.keeping import combination_in_words, keep
from sintonia.corridor.combining.measuring import FOLDER, Maker
from sintonia.corridor.doors.evaluating import finished
from sintonia.corridor.turns import refuse_broken, unfinished_change
from sintonia.corridor.walk import Listener, Walk, finished_turns, walking
from sintonia.errors import UsageError
from sintonia.evaluate.units import Unit, unit_of
from sintonia.records import Combination, Combining, Prepared, TriedCombination, Turn
from sintonia.runs import RunFolder


def try_combinations(run: RunFolder, listener: Listener) -> Combining:
    """Averages and scales models of a run that has its verdict; what wins on validation is its next turn, not judged.

    Raises:
        UsageError: the run is not finished, a turn of it was interrupted, it has several parts, or there is nothing to
            combine.
        RunFailed: the model of a turn was changed since it was trained.
        StorageError: a part of the run is missing, or the disk refuses.
    """
    _, prepared, base = finished(run)
    turns = finished_turns(run)
    refuse_uncombinable(run, prepared, turns)
    with run.writing(), metrics_of_run(run), walking(run, listener) as walk:
        members = combinable(turns)
        refuse_broken(run, members)
        shutil.rmtree(run.file(FOLDER), ignore_errors=True)
        try:
            maker = Maker(run, base, prepared, turns)
            planned = _untried(combinations(members, may_have_thresholds=maker.may_have_thresholds), turns)
            return _try(walk, maker, members, planned)
        finally:
            shutil.rmtree(run.file(FOLDER), ignore_errors=True)


def refuse_uncombinable(run: RunFolder, prepared: Prepared, turns: tuple[Turn, ...]) -> None:
    """Refuses a run of several parts, a private one, and one that was interrupted in a turn.

    Raises:
        UsageError: which of these.
    """
    if len(prepared.parts) > 1:
        raise UsageError(
            f"this run is tested in {len(prepared.parts)} parts, and its model learned from all {prepared.rows_used} "
            "rows: none is left to choose a combination by",
            hint="from 300 rows on there is one validation set",
        )
    if run.recipe().privacy.dp.epsilon is not None:
        raise UsageError(
            "the turns of this run were trained with differential privacy: no promise is computed for a combination",
            hint="leave out --combine: the model of the run has its promise in the report",
        )
    if unfinished_change(run, len(turns) + 1) is not None:
        raise UsageError("a turn of this run was interrupted", hint=f"`sintonia resume {run.place}` finishes it first")


def _try(walk: Walk, maker: Maker, members: tuple[Turn, ...], planned: tuple[Combination, ...]) -> Combining:
    if not planned:
        raise UsageError(
            "there is nothing to combine that was not tried already",
            hint="take another turn first, or `--combine --seeds 2` to train two more seeds",
        )
    began, unit = time.monotonic(), unit_of(maker.metric)
    to_beat = maker.to_beat.number
    told = [f"to beat on validation: turn {to_beat}, {maker.metric.title} {unit.score(maker.value)}{unit.whole}"]
    walk.tell("adjust", told[0])

    def measure(one: Combination) -> TriedCombination:
        found = maker.measure(one)
        told.append(f"{combination_in_words(one)}: {_gain(found, unit)}")
        walk.tell("adjust", told[-1])
        return found

    tried = [measure(one) for one in planned]
    mean = next((one for one in tried if one.combination.kind == "mean"), None)
    tried += grow_mean(members, measure, mean) if len(members) > 2 else []
    found = pick(tried)
    kept = None
    if found.wins:
        seconds = time.monotonic() - began
        kept = keep(walk, maker, finished_turns(walk.run), seconds, _gain(found.best, unit)).number
    told.append(_ending(found, len(tried), unit, kept))
    walk.tell("adjust", told[-1])
    return Combining(
        metric=maker.metric.name,
        to_beat=to_beat,
        value=maker.value,
        tried=tuple(tried),
        optimism=found.optimism,
        needed=found.needed,
        kept=kept,
        told=tuple(told),
    )


def _untried(planned: tuple[Combination, ...], turns: tuple[Turn, ...]) -> tuple[Combination, ...]:
    had = [one.combined for one in turns]
    return tuple(one for one in planned if one not in had)


def _gain(one: TriedCombination, unit: Unit) -> str:
    (gain,) = unit.differences(one.gain)
    (error,) = unit.differences(one.standard_error)
    return f"{gain} {unit.noun} (standard error {error.removeprefix('+')})"


def _ending(found: Pick, num_tried: int, unit: Unit, kept: int | None) -> str:
    best, (needed,) = combination_in_words(found.best.combination), unit.differences(found.needed)
    bar = f"the {needed.removeprefix('+')} {unit.noun} that the best of {num_tried} may gain by luck"
    if kept is None:
        return f"nothing is kept: {best} did best, and not by more than {bar}. The run stays as it was"
    return f"turn {kept} is {best}: by more than {bar}"
