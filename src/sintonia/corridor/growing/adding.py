"""A finished run begun again with more rows to train on: the same recipe, the same validation, the same test.

What cannot work is found before there is a new run folder. It trains nothing, opens no test, and changes nothing of the
run that is continued.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sintonia.corridor.beginning import metrics_of_recipe, refuse_early, with_whole_paths
from sintonia.corridor.doors.evaluating import finished
from sintonia.corridor.walk import finished_turns
from sintonia.errors import DataError, UsageError
from sintonia.files import storage_errors
from sintonia.prepare import names_of_added, prepare
from sintonia.recipe import check_values
from sintonia.records import Base, Continues, Prepared, Verdict
from sintonia.runs import CONTINUES, RunFolder
from sintonia.settings import Recipe


def begin_with_added(run: RunFolder, files: Sequence[Path], out: Path | None, accept: Sequence[str]) -> RunFolder:
    """A new run folder that goes on from a finished run, with these files added to what is trained on.

    Raises:
        UsageError: the run has no verdict, there is no such file, or the new folder exists.
        DataError: no row of the files can be used, or validation and test would not be what they were.
    """
    known = finished(run)
    recipe = _recipe(run, known, files, accept)
    folder = new_folder(run, out)
    with metrics_of_recipe(recipe):
        refuse_early(recipe)
        _refuse_what_stops(recipe, known[1], [str(_whole(file)) for file in files])
    continued = Path(os.path.relpath(run.place, folder)).as_posix()
    continues = Continues(run=continued, files=tuple(str(_whole(file)) for file in files))
    return begin_in(folder, recipe, {CONTINUES: continues})


def _recipe(
    run: RunFolder, known: tuple[Verdict, Prepared, Base], files: Sequence[Path], accept: Sequence[str]
) -> Recipe:
    """That of the turn whose model is kept, with its base and its metric named, and the files.

    What a search found is in it already: it is not made again.
    """
    verdict, prepared, base = known
    before = finished_turns(run)[verdict.turn - 1].recipe
    refuse_gone(Path(before.data.path))
    for file in files:
        if not file.expanduser().exists():
            raise UsageError(f"there is no file `{file}`", hint="check the path", where="--add")
    added = (*before.data.added, *(str(_whole(file)) for file in files))
    asked = dataclasses.replace(
        before,
        base=base.reference if before.base == "auto" else before.base,
        data=dataclasses.replace(before.data, added=tuple(dict.fromkeys(added))),
        evaluation=dataclasses.replace(before.evaluation, primary_metric=prepared.primary_metric),
        adjusting=dataclasses.replace(before.adjusting, search=0, processes=1),
        accept=tuple(dict.fromkeys((*before.accept, *accept))),
        budget_seconds=run.recipe().budget_seconds,
    )
    return check_values(with_whole_paths(asked))


def refuse_gone(data: Path) -> None:
    """Refuses to go on from a run whose data file is not there any more.

    Raises:
        DataError: so it is.
    """
    if not data.exists():
        raise DataError(
            "the data file of the run is gone",
            expected="the file that it was read from, and its recorded split beside it",
            where=str(data),
            hint="put it back: which of its rows are tested stands in the record beside it",
        )


def _whole(file: Path) -> Path:
    return file.expanduser().absolute()


def new_folder(run: RunFolder, out: Path | None) -> Path:
    """The folder that was asked for, or the next free one beside the run.

    Raises:
        UsageError: it holds something.
    """
    stem = re.sub(r"-added(-\d+)?$", "", run.path.name)
    numbered = (run.place.with_name(f"{stem}-added{f'-{number}' if number > 1 else ''}") for number in range(1, 10_000))
    folder = _whole(out) if out else next(path for path in numbered if not path.exists())
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"`{out}` exists already", hint="take another `--out`")
    if folder.resolve().is_relative_to(run.place.resolve()):
        raise UsageError(f"`{out}` lies in the run itself", hint="take a folder beside it")
    return folder


def _refuse_what_stops(recipe: Recipe, before: Prepared, files: Sequence[str]) -> None:
    """Prepares all of it in a folder that is gone afterwards, and looks whether it does what was asked.

    Raises:
        DataError: another validation or test than before, no new row, or a finding that stops.
    """
    with tempfile.TemporaryDirectory(prefix="sintonia-add-") as folder:
        tried = prepare(recipe, RunFolder.create(Path(folder) / "run", recipe), is_check=True)
    _refuse_other_sets(recipe, before, tried, files)
    _refuse_nothing_new(recipe, before, tried, files)
    stops = [one for one in tried.findings if one.severity == "stop" and one.code not in recipe.accept]
    if stops:
        codes = " ".join(f"--accept {one.code}" for one in stops)
        raise DataError(
            "; ".join(f"{one.code} {one.message}" for one in stops),
            where=", ".join(files),
            hint=f"{'; '.join(one.hint for one in stops)}; `{codes}` goes on in spite of it, and the verdict says so",
        )


def _refuse_other_sets(recipe: Recipe, before: Prepared, tried: Prepared, files: Sequence[str]) -> None:
    alone = f"sintonia tune {shlex.quote(recipe.data.path)} 'data.added=[{', '.join(files)}]'"
    otherwise = f"; or `{alone}` begins a run that stands alone and is compared with none"
    refuse_other_sets(recipe, before, tried, otherwise)


def refuse_other_sets(recipe: Recipe, before: Prepared, tried: Prepared, otherwise: str = "") -> None:
    """Refuses data that would be held out otherwise than in the run that is gone on from.

    Raises:
        DataError: so it is; `otherwise` is what else could be done.
    """
    held = [[(part.name, part.test, part.validation.sha256) for part in one.parts] for one in (before, tried)]
    if held[0] == held[1]:
        return
    data = recipe.data
    named = ", ".join(f"`{Path(path).name}`" for path in (data.path, data.validation, data.test) if path)
    raise DataError(
        f"validation and test would not be what they were in the run: {named}, a review of it, or the record of its "
        "split was changed since",
        expected="the rows as the run has read them",
        where=data.path,
        hint=f"undo that change{otherwise}",
    )


def _refuse_nothing_new(recipe: Recipe, before: Prepared, tried: Prepared, files: Sequence[str]) -> None:
    """Nothing is gained by training the same rows again."""
    used = [sum(one.rows_used for one in prepared.added) for prepared in (before, tried)]
    if used[1] > used[0]:
        return
    names = names_of_added(recipe.data)
    told = [one for one in tried.added if one.file in [names[path] for path in files]]
    rows_in = sum(one.rows_in for one in told)
    reasons = "; ".join(f"{count:,} {what}" for one in told for what, count in one.set_aside.items())
    late = any("late" in what for one in told for what in one.set_aside)
    raise DataError(
        f"none of {rows_in:,} added rows is new to the training{f': {reasons}' if reasons else ''}",
        expected="rows with texts that are not there yet",
        where=", ".join(files),
        hint="with `data.time`, rows as late as the test belong to a new test: put them into the data file and tune it"
        if late
        else "take rows that are not made from those that there are",
    )


def begin_in(folder: Path, recipe: Recipe, records: Mapping[str, Any]) -> RunFolder:
    """A new run folder with these records, whole or not at all: a kill leaves a hidden one, which the next attempt
    removes."""
    work = folder.with_name(f".{folder.name}-unfinished")
    with storage_errors(folder):
        shutil.rmtree(work, ignore_errors=True)
        begun = RunFolder.create(work, recipe)
        for name, record in records.items():
            begun.write(name, record)
        begun.close()
        folder.parent.mkdir(parents=True, exist_ok=True)
        work.rename(folder)
    return RunFolder.open(folder)
