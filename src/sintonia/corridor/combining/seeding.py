"""Further seeds of the best turn, trained as ordinary turns: models to average. It opens no test and judges nothing."""

from __future__ import annotations

from sintonia.adjust.combine import further_seeds
from sintonia.corridor.beginning import metrics_of_run
from sintonia.corridor.combining.trying import refuse_uncombinable
from sintonia.corridor.doors.evaluating import finished
from sintonia.corridor.turns import take_turn
from sintonia.corridor.walk import Listener, finished_turns, walking
from sintonia.records import Change
from sintonia.runs import RunFolder


def seeds_to_train(run: RunFolder, count: int) -> tuple[Change, ...]:
    """The trainings that are missing until the best turn has so many further seeds; each says what it costs.

    Raises:
        UsageError: the run is not finished, was interrupted in a turn, or has several parts.
        StorageError: a part of the run is missing.
    """
    _, prepared, _ = finished(run)
    turns = finished_turns(run)
    refuse_uncombinable(run, prepared, turns)
    return further_seeds(turns, count)


def train_seeds(run: RunFolder, changes: tuple[Change, ...], listener: Listener) -> None:
    """Trains them, one turn each.

    Raises:
        Interrupted: somebody asked for a pause; `sintonia resume` goes on with the turn.
        RunFailed: a training broke.
    """
    _, prepared, base = finished(run)
    with run.writing(), metrics_of_run(run), walking(run, listener) as walk:
        for change in changes:
            take_turn(walk, base, prepared, prepared.parts[0], change)
