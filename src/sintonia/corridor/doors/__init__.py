"""What doors ask of runs, or of a base alone: no step of the story, and nothing is trained here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia.corridor.beginning import metrics_of_recipe, told_metrics_of_run, with_whole_paths
from sintonia.corridor.doors.erasing import plan_erasure
from sintonia.corridor.doors.refusing import refuse_file, refuse_scale
from sintonia.corridor.walk import Ask, Listener
from sintonia.records import BaseAlone, Change, Combining, Labelling, LearningCurve, Proposals
from sintonia.records.health import Health
from sintonia.records.privacy.memorisation import Canaries, Memorisation
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

if TYPE_CHECKING:
    from sintonia.corridor.doors.scaling import Scaled
    from sintonia.corridor.growing.labelling import LabellingSession


__all__ = [
    "add_rows",
    "audit_memory",
    "combine_turns",
    "evaluate_base",
    "label",
    "look_over_machine",
    "measure_canaries",
    "measure_curve",
    "plan_erasure",
    "propose",
    "refuse_file",
    "request_pause",
    "seeds_to_train",
    "teach",
    "train_seeds",
    "write_scaled_model",
]


def add_rows(
    run: RunFolder, files: Sequence[Path], out: Path | None = None, *, accept: Sequence[str] = ()
) -> RunFolder:
    """A new run folder that goes on from a finished run with more rows to train on; `improve` then does the work.

    Validation and test stay as they are. Without `out` it lies beside the run, as `RUN-added`.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. Then there is no new folder.
    """
    from sintonia.corridor.growing.adding import begin_with_added

    return begin_with_added(run, files, out, accept)


def teach(teacher: RunFolder, pool: Path, out: Path, asked: Mapping[str, Any], words: Sequence[str] = ()) -> RunFolder:
    """A new run folder for a model that learns from a finished run's data and from its answers to a pool of texts.

    `asked` holds settings of the new run by their dotted names, `data.columns` as those of the pool; `words` more of
    them as `setting=value`. `improve` then does the work.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. Then there is no new folder.
    """
    from sintonia.corridor.growing.teaching.beginning import Lesson, begin_with_teacher

    settings = dict(asked)
    columns = settings.pop("data.columns", None) or {}
    return begin_with_teacher(teacher, Lesson(pool=pool, columns=columns, settings=settings, words=words), out)


def request_pause(run: RunFolder) -> None:
    """Asks the training of a run, in whatever process, to save a checkpoint and stop after the current step."""
    for folder in sorted(run.path.glob("turns/*")):
        if not (folder / "turn.json").exists():
            (folder / "stop").write_text("pause\n", encoding="utf-8")


def propose(run: RunFolder) -> Proposals:
    """What is worth doing next with a run: what its data need first, then the changes; nothing is trained."""
    from sintonia.corridor.doors.proposing import proposals_of

    with told_metrics_of_run(run):
        return proposals_of(run)


def evaluate_base(recipe: Recipe, listener: Listener = lambda _: None) -> BaseAlone:
    """A base alone, before any tuning: what its rungs do on validation. No run folder is left, no test is opened.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    with metrics_of_recipe(recipe):
        with_whole_paths(recipe)  # what cannot work is refused before torch is imported
    from sintonia.corridor.doors.base_alone import weigh_base

    return weigh_base(recipe, listener)


def look_over_machine(*, is_quick: bool = False, listener: Listener = lambda _: None) -> Health:
    """This machine as training will find it, each problem with its cure; without `is_quick` also how fast it is."""
    from sintonia.corridor.doors.health import look_over

    return look_over(is_quick, listener)


def write_scaled_model(run: RunFolder, scale: float, folder: Path) -> Scaled:
    """Writes the model of a finished run into a new folder, going only so far from its base; nothing is trained.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. No half of a folder stays.
    """
    refuse_scale(run, scale, folder)
    from sintonia.corridor.doors.scaling import scale_model

    return scale_model(run, scale, folder)


def measure_curve(
    run: RunFolder,
    *,
    fine_tunes: bool = False,
    goal: float | None = None,
    listener: Listener = lambda _: None,
    ask: Ask = lambda _: True,
) -> LearningCurve:
    """Whether more data would help a finished run, and where examples are missing; no test is opened.

    A probe of frozen features tells in seconds; with `fine_tunes` three smaller trainings do, after `ask` was told how
    long they take.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. Sizes that were trained are kept.
    """
    from sintonia.corridor.growing.curve import Wanted
    from sintonia.corridor.growing.curve import measure_curve as measure

    return measure(run, Wanted(fine_tunes=fine_tunes, goal=goal), listener, ask)


def audit_memory(run: RunFolder, listener: Listener = lambda _: None) -> Memorisation:
    """What the model of a finished run remembers of its training rows; measured now only where the run did not.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    from sintonia.corridor.doors.remembering import audit_memory as audit

    return audit(run, listener)


def measure_canaries(run: RunFolder, listener: Listener = lambda _: None, ask: Ask = lambda _: True) -> Canaries:
    """What a copy of the training of a finished run remembers of planted secrets, and which rows its model writes out.

    It trains once more, after `ask` was told how long that takes; the run keeps its model, and the record.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    from sintonia.corridor.canaries import measure

    return measure(run, listener, ask)


def combine_turns(run: RunFolder, listener: Listener = lambda _: None) -> Combining:
    """Averages and scales the models of a finished run; one that wins on validation becomes a turn, not yet judged.

    Nothing is trained and no test is opened: `improve` judges the new turn. Where nothing wins, no file is changed.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. No half of a turn stays.
    """
    from sintonia.corridor.combining.trying import try_combinations

    return try_combinations(run, listener)


def seeds_to_train(run: RunFolder, count: int) -> tuple[Change, ...]:
    """The trainings that the best turn of a finished run lacks to have `count` further seeds, each with its cost.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    from sintonia.corridor.combining.seeding import seeds_to_train as missing

    return missing(run, count)


def train_seeds(run: RunFolder, changes: tuple[Change, ...], listener: Listener = lambda _: None) -> None:
    """Trains these changes of a finished run, one turn each; no test is opened, `improve` judges the best turn.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. A pause leaves a turn that `improve` goes on with.
    """
    from sintonia.corridor.combining.seeding import train_seeds as train

    train(run, changes, listener)


def label(
    asked: Labelling, listener: Listener = lambda _: None, *, is_picking: bool = True
) -> AbstractContextManager[LabellingSession]:
    """A sitting of labelling texts of a pool, picked by the model of a run or by where they lie; nothing is trained.

    Without `is_picking` no new batch is picked when none is left.

    Raises:
        SintoniaError: on entering, one of its kinds, each with place and hint.
    """
    from sintonia.corridor.growing.labelling import labelling

    return labelling(asked, listener, is_picking=is_picking)
