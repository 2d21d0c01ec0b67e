"""The model of a finished run with its training scaled: it goes only so far from its base as is asked.

Nothing is trained and no test is opened; the run folder stays as it is.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path

from sintonia.corridor.doors.evaluating import finished
from sintonia.corridor.doors.refusing import refuse_scale
from sintonia.corridor.turns import refuse_broken
from sintonia.corridor.walk import finished_turns
from sintonia.evaluate import LADDERS
from sintonia.models.scaling import write_scaled
from sintonia.records import Details, Turn
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """A model that was written, and what a person has to know of it."""

    folder: str
    scale: float
    """0 would be the base, 1 is the model of the run."""
    is_chosen_on_validation: bool
    """Whether it is the scale that the run itself found on validation."""
    told: tuple[str, ...]


def scale_model(run: RunFolder, scale: float, folder: Path) -> Scaled:
    """Writes the model that the verdict of a run is about into a new folder, with its training scaled.

    Raises:
        UsageError: the scale lies not between 0 and 1, the folder is there, or no weight of the base was trained.
        StorageError: the disk refuses, or the base is not the one that the run was begun with.
        RunFailed: the model of the run was changed since it was judged.
    """
    refuse_scale(run, scale, folder)
    verdict, prepared, base = finished(run)
    turn = finished_turns(run)[verdict.turn - 1]
    refuse_broken(run, (turn,))
    opened = LADDERS[prepared.task].open_base(base, turn.recipe, base.max_tokens)
    write_scaled(run.file(turn.candidate.weights), folder.absolute(), scale, opened)
    chosen = _chosen(run, turn)
    is_chosen = chosen is not None and math.isclose(chosen, scale, abs_tol=1e-6)
    return Scaled(
        folder=str(folder),
        scale=scale,
        is_chosen_on_validation=is_chosen,
        told=(
            f"written: the model of turn {turn.number}, {scale:.0%} of the way from its base; the run stays as it is",
            f"{'chosen on validation' if is_chosen else 'chosen by you, not on validation'}, and itself not tested: "
            "the verdict of the run is about the whole way",
            *_about_certainty(prepared.task),
            *_how_to_use(prepared.task, folder),
        ),
    )


def _chosen(run: RunFolder, turn: Turn) -> float | None:
    """The scale that was found on validation, where one was looked for."""
    details = run.read(f"{run.turn(turn.number)}/details.json", Details)
    remedy = details.forgetting.remedy if details and details.forgetting else None
    return remedy.scale if remedy else None


def _how_to_use(task: str, folder: Path) -> tuple[str, ...]:
    lines = "in Python it loads as the model of the run does, with this folder for that one: its report has the lines"
    if task == "classify":
        return (f'`sintonia predict {shlex.quote(str(folder))} "a text"` answers with it; {lines}',)
    if TASKS[task].BASE == "encoder":
        return (f"`sintonia predict {shlex.quote(str(folder))} ...` answers with it; {lines}",)
    return (f"`sintonia predict` writes no text; {lines}",)


def _about_certainty(task: str) -> tuple[str, ...]:
    if task == "multilabel":
        return ("its thresholds are left out: they were fitted to the whole way; it answers at even odds",)
    if task != "classify":
        return ()
    return ("its certainty is not corrected: the temperature of the run was fitted to the whole way, and is left out",)
