"""A new run that learns from a finished one: its data, its validation, its test, another base, and a pool of texts.

What cannot work is found before there is a new run folder. Nothing is answered and nothing trained here.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sintonia.choose import foresee
from sintonia.corridor.beginning import metrics_of_recipe, metrics_of_run, refuse_early, with_whole_paths
from sintonia.corridor.doors.pairing import FinishedRun, read_finished
from sintonia.corridor.growing.adding import begin_in, new_folder, refuse_gone, refuse_other_sets
from sintonia.corridor.turns import candidate_id, read_sets
from sintonia.errors import UsageError
from sintonia.evaluate.scoring.teaching import can_teach
from sintonia.files import sha256_file, to_json
from sintonia.models.catalog import default_base, find_entry
from sintonia.models.sources import locate
from sintonia.prepare import Unlabelled, answer_writer, prepare, read_unlabelled, text_key
from sintonia.recipe import check_values, make_recipe, override, put
from sintonia.records import Teaching
from sintonia.runs import TEACHING, RunFolder
from sintonia.settings import AdjustingSettings, LoraSettings, Recipe, TrainingSettings

ANSWERS = "data/taught.jsonl"
"""The rows with the teacher's answers, in the run that is trained on them."""
_TEACHERS_OWN = (
    "task",
    "chat.learn",
    "evaluation.primary_metric",
    "evaluation.metrics_file",
    "evaluation.format",
    "evaluation.new_tokens",
)
"""Settings that are the teacher's, besides those of its data: with others nothing could be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a person asks for who lets a finished run teach another model."""

    pool: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column of the pool by its role; empty where it is to be found."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the new run by their dotted names."""
    words: Sequence[str] = ()
    """More of them, as `setting=value`."""


def begin_with_teacher(teacher: RunFolder, lesson: Lesson, out: Path) -> RunFolder:
    """A new run folder for a model that learns from what the teacher was tuned on and from its answers to a pool.

    Raises:
        UsageError: the teacher has no verdict or cannot teach, settings or a base that do not go with it, or the folder
            exists.
        DataError: the teacher's data are gone or were changed, or no text of the pool can be used.
        StorageError: a part of the teacher is missing.
        RunFailed: the teacher's model is not the one that was tested.
    """
    _refuse_settings(lesson)
    if teacher.file("verdict.json").exists() and not lesson.pool.expanduser().exists():
        raise UsageError(f"there is no file `{lesson.pool}`", hint="check the path", where="POOL")
    with metrics_of_run(teacher):
        known = read_finished(teacher)
    _refuse_teacher(known)
    refuse_gone(Path(known.turn.recipe.data.path))
    _refuse_own_files(known, lesson.pool)
    folder = new_folder(teacher, out)
    recipe = _recipe(known, lesson, folder)
    with metrics_of_recipe(recipe):
        refuse_early(recipe)
        notes = _notes_on_base(known, recipe)
        _refuse_changed(known, recipe)
        read_pool(known, lesson.pool, lesson.columns)
    return begin_in(folder, recipe, {TEACHING: _teaching(known, lesson, folder, notes)})


def read_pool(known: FinishedRun, pool: Path, columns: Mapping[str, str]) -> Unlabelled:
    """The texts of a pool that the teacher was not trained on.

    Raises:
        UsageError: there is no such file, or no such column.
        DataError: it cannot be read, or has no text that is new.
    """
    learned = (one for part in known.prepared.parts for one in read_sets(known.run, part)[0])
    keys = frozenset(text_key(one.input) for one in learned)
    return read_unlabelled(pool, columns, known.prepared, known.turn.recipe.data, keys)


def _refuse_settings(lesson: Lesson) -> None:
    given = [*lesson.settings, *(word.partition("=")[0] for word in lesson.words)]
    found = [name for name in given if name in _TEACHERS_OWN or name.startswith("data.")]
    if found:
        raise UsageError(
            f"{', '.join(f'`{one}`' for one in found)} {'is' if len(found) == 1 else 'are'} what the teacher has, so "
            "that both are tested on the same examples",
            hint="leave it out beside `--teacher`; `--columns input=NAME` names the texts of the pool",
        )


def _refuse_teacher(known: FinishedRun) -> None:
    """Refuses one whose answers are no targets, or whose kept model has learned what would be tested."""
    task, name = known.prepared.task, known.tested.name
    if not can_teach(task):
        raise UsageError(
            f"`{name}` learned the task `{task}`, and what such a model answers is no target of a row",
            expected="a teacher that classifies, tags, answers with numbers, or chats",
            where="--teacher",
        )
    if known.prepared.form == "plain text":
        raise UsageError(
            f"`{name}` learned to go on writing plain text, so it has no answer to a text of a pool",
            expected="a teacher that learned conversations",
            where="--teacher",
        )
    if len(known.prepared.parts) > 1:
        raise UsageError(
            f"the model that `{name}` keeps has learned all of its few rows, those of the tests among them: through "
            "its answers they would be trained on",
            expected="a teacher of 300 rows or more, or one with a test file of its own",
            where="--teacher",
            hint="tune the teacher with `--test FILE` and `--validation FILE`, or label more rows",
        )
    answer_writer(known.prepared, known.turn.recipe.data)


def _refuse_own_files(known: FinishedRun, pool: Path) -> None:
    data = known.turn.recipe.data
    own = {"the training file": data.path, "the test file": data.test, "the validation file": data.validation}
    roles = {Path(path).resolve(): role for role, path in own.items() if path}
    roles |= {Path(path).resolve(): "a file of added rows" for path in data.added}
    role = roles.get(pool.expanduser().resolve())
    if role:
        raise UsageError(
            f"`{pool}` is {role} of the teacher",
            expected="texts that nobody has given targets",
            hint="name another file",
            where="POOL",
        )


def _recipe(known: FinishedRun, lesson: Lesson, folder: Path) -> Recipe:
    """The teacher's, with what is about its base left open, and what was asked for; the answers are added rows."""
    before, prepared = known.turn.recipe, known.prepared
    left = dataclasses.replace(
        before,
        task=prepared.task,
        base=default_base(prepared.task),
        method="auto",
        training=TrainingSettings(max_tokens=before.training.max_tokens),
        lora=LoraSettings(),
        adjusting=AdjustingSettings(),
        budget_seconds=None,
        data=dataclasses.replace(before.data, added=(*before.data.added, str(folder / ANSWERS))),
        evaluation=dataclasses.replace(before.evaluation, primary_metric=prepared.primary_metric),
    )
    body: dict[str, Any] = to_json(left)
    for name, value in lesson.settings.items():
        put(body, name, value)
    for word in lesson.words:
        override(body, word)
    return check_values(with_whole_paths(make_recipe(body)))


def _notes_on_base(known: FinishedRun, recipe: Recipe) -> tuple[str, ...]:
    """What is to be said of the base beside that of the teacher.

    Raises:
        UsageError: it is the same one.
    """
    entry, teachers = find_entry(recipe.base), known.base
    is_same = entry.reference == find_entry(teachers.reference).reference
    if not is_same and entry.reference.startswith("file:"):
        is_same = locate(entry).revision == teachers.revision
    if is_same:
        raise UsageError(
            f"the teacher was tuned from `{recipe.base}` too: nothing would become smaller or faster",
            expected="another base, smaller than that of the teacher",
            hint="name one with `--base`; `sintonia models` lists them with their sizes",
            where="--base",
        )
    base = foresee(recipe, known.prepared.task)
    if base is None or base.num_parameters < teachers.num_parameters:
        return ()
    sizes = [f"{one.num_parameters / 1e6:,.1f} million" for one in (base, teachers)]
    return (f"base: `{recipe.base}` is not smaller than that of the teacher ({sizes[0]} weights, {sizes[1]})",)


def _refuse_changed(known: FinishedRun, recipe: Recipe) -> None:
    """Prepares the teacher's data in a folder that is gone afterwards, and looks whether they are held out as before.

    Raises:
        DataError: they are not.
    """
    asked = dataclasses.replace(recipe, data=known.turn.recipe.data)
    with tempfile.TemporaryDirectory(prefix="sintonia-teach-") as folder:
        tried = prepare(asked, RunFolder.create(Path(folder) / "run", asked), is_check=True)
    refuse_other_sets(asked, known.prepared, tried)


def _teaching(known: FinishedRun, lesson: Lesson, folder: Path, notes: tuple[str, ...]) -> Teaching:
    pool = lesson.pool.expanduser().absolute()
    return Teaching(
        run=Path(os.path.relpath(known.run.place, folder)).as_posix(),
        candidate=candidate_id(known.run, (known.turn,)),
        pool=str(pool),
        pool_sha256=sha256_file(pool) if pool.is_file() else "",
        columns=dict(lesson.columns),
        answers=ANSWERS,
        notes=notes,
    )
