"""An erasure is planned: the rows are found, the runs that saw them, copies, what lies outside. Changes nothing.

What would not work is refused here, before anything is removed.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sintonia.corridor.erasing.outside import of_labelling, other_data, outside_of, rows_that_stay
from sintonia.corridor.erasing.plan import FileChange, Plan, Touched, Wanted
from sintonia.corridor.erasing.reading import as_recipes, readings_of
from sintonia.corridor.erasing.retraining import folder_for, refuse_retraining, refuse_seeing_again
from sintonia.corridor.erasing.tainting import known_runs, touched_runs
from sintonia.corridor.erasing.uploads import homes_of_servers, uploads_of
from sintonia.errors import DataError, SintoniaError, UsageError
from sintonia.files import sha256_file, utc_now
from sintonia.prepare.erasing.beside import files_beside
from sintonia.prepare.erasing.finding import FoundRows, Meant, find_rows, refuse_columns
from sintonia.prepare.erasing.rewriting import refuse_unwritable, without_rows
from sintonia.privacy.lineage import Entry, Register
from sintonia.runs import RunFolder
from sintonia.sealed import folders_of_data
from sintonia.settings import Recipe


def asked_of(wanted: Wanted) -> str:
    """Stands for what is asked, so that the same command goes on with what it began."""
    named = [wanted.column, wanted.subject or "", repr(sorted(wanted.lines)), str(wanted.retrain or "")]
    named += [repr(sorted(wanted.columns.items()))] if wanted.columns else []
    return Register().keyed("asked", *named, repr((wanted.keeps_models, wanted.keeps_data)))


def signed(plan: Plan, wanted: Wanted) -> Plan:
    """The plan with what stands for the subject and for what was asked: it is about to be carried out."""
    subject = Register().keyed("subject", wanted.column, wanted.subject) if wanted.subject is not None else ""
    return replace(plan, asked=asked_of(wanted), subject=subject)


def make_plan(wanted: Wanted) -> Plan:
    """All that is to be done.

    Raises:
        UsageError: no such file, column, or run; a run that another process works on; what cannot be retrained.
        DataError: a file cannot be read or written without loss, or no row is meant.
        StorageError: something cannot be read.
    """
    files = tuple(one.expanduser().absolute() for one in wanted.files)
    runs = known_runs(wanted.folders)
    refuse_columns(files[0], wanted.columns)
    readings = readings_of([entry for entry, _ in runs], files, wanted.columns)
    recipes = as_recipes(readings)
    looked = _look(wanted, files, recipes)
    found = tuple(one for one in looked if one.lines)
    keys = frozenset[int]().union(*(one.keys for one in found))
    ids = frozenset[str]().union(*(one.ids for one in found))
    touched = touched_runs(runs, keys)
    _refuse_busy(touched)
    changes = tuple(_change(one, keeps=wanted.keeps_data) for one in found)
    uploads = tuple(_uploads(homes_of_servers(touched), keys, recipes))
    data = _data_of(touched, runs, files)
    retrain = wanted.retrain.expanduser().absolute() if wanted.retrain else None
    if retrain is not None:
        refuse_retraining(retrain, touched)
        refuse_seeing_again(retrain, _still_there(retrain, found, keys, recipes, wanted))
    return Plan(
        asked="",
        time=utc_now(),
        subject="",
        files=changes,
        keys=tuple(f"{key:016x}" for key in sorted(keys)),
        ids=tuple(sorted(ids)),
        runs=touched,
        beside=tuple(dict.fromkeys(path for one in data for path in files_beside(one, keys, ids))),
        data=tuple(map(str, data)),
        uploads=uploads,
        outside=_outside(wanted, looked, touched, runs, lambda file: _like(file, wanted, keys, recipes)),
        keeps_models=wanted.keeps_models,
        keeps_data=wanted.keeps_data,
        retrain=str(retrain or ""),
        out=str(folder_for(retrain, wanted.out)) if retrain else "",
        certificate=str(_certificate(files[0])),
        readings=tuple(readings),
        near=dict(sum((Counter(one.near) for one in looked), Counter[str]())),
        near_rows=sum(sum(one.near.values()) for one in looked),
    )


def _outside(
    wanted: Wanted,
    looked: Sequence[FoundRows],
    touched: Sequence[Touched],
    runs: Sequence[tuple[Entry, object]],
    look: Callable[[Path], FoundRows],
) -> tuple[str, ...]:
    """What stays: rows in other spellings, rows in other files that are known, and what lies outside."""
    own = {one.path for one in touched if one.sets}
    holding = [entry for entry, _ in runs if entry.path in own]
    data = [Path(path) for one in holding for path in (*one.files, *one.judged)]
    files = [one.path for one in looked]
    return (
        *rows_that_stay(looked, wanted.column),
        *dict.fromkeys(other_data(holding, files, look)),
        *of_labelling([*files, *data], files, frozenset[int]().union(*(one.keys for one in looked))),
        *outside_of(touched, files, keeps_models=wanted.keeps_models, keeps_data=wanted.keeps_data),
    )


def _like(file: Path, wanted: Wanted, keys: frozenset[int], recipes: Sequence[Recipe]) -> FoundRows:
    """The rows of a file that is not named: those of the subject, or else of the same texts."""
    found = _of_other(file, wanted, keys, recipes)
    return found if found.lines else find_rows(file, Meant(keys=keys), recipes)


def _refuse_busy(touched: Sequence[Touched]) -> None:
    for one in touched:
        if one.exists and RunFolder(Path(one.path)).is_being_written():
            raise UsageError(f"another process is working on `{one.path}`", hint="wait for it, or stop it")


def group_column(wanted: Wanted) -> str:
    """The column that says whose a row is: the one asked for, else the group column of the runs on the data.

    Raises:
        UsageError: there is none, or there are several.
    """
    if wanted.column:
        return wanted.column
    files = tuple(one.expanduser().absolute() for one in wanted.files)
    readings = readings_of([entry for entry, _ in known_runs(wanted.folders)], files)
    columns = sorted({one.group for one, file in readings.items() if one.group and file})
    if len(columns) != 1:
        raise UsageError(
            f"which column says whose a row is? {f'Runs name {columns}' if columns else 'No run names a group column'}",
            expected="`--by COLUMN`",
            hint="or name the rows by their lines: `--rows 12,40-45`",
        )
    return str(columns[0])


def _look(wanted: Wanted, files: Sequence[Path], recipes: Sequence[Recipe]) -> tuple[FoundRows, ...]:
    """The rows of every file: of the first as they are named, of others those of the subject, or of the same texts."""
    first = find_rows(files[0], Meant(subject=wanted.subject, column=wanted.column, lines=wanted.lines), recipes)
    _refuse_unread(first)
    looked = (first, *(_of_other(one, wanted, first.keys, recipes) for one in files[1:]))
    for one in (one for one in looked if one.lines):
        _refuse_unread(one)
        if not wanted.keeps_data:
            refuse_unwritable(one)
        if len(one.lines) == one.num_rows:
            raise DataError(
                "that is every row of the file", where=str(one.path), hint="remove the file and the runs themselves"
            )
    return looked


def _refuse_unread(found: FoundRows) -> None:
    """Refuses rows of which nothing is known that a run could be asked for.

    Raises:
        UsageError: no way fits in which a run may have read them.
    """
    if found.num_ways == 0 and not found.keys:
        raise UsageError(
            "the rows cannot be recognised in runs: no way is known in which these columns were read",
            expected="the columns that the runs were told, as `--columns` names them",
            where=str(found.path),
            hint="name them: `--columns input=TEXT,target=LABEL`; `--columns input=TEXT` for texts alone",
        )


def _of_other(file: Path, wanted: Wanted, keys: frozenset[int], recipes: Sequence[Recipe]) -> FoundRows:
    if wanted.subject is not None:
        try:
            return find_rows(file, Meant(subject=wanted.subject, column=wanted.column, may_be_none=True), recipes)
        except UsageError:
            pass  # it has no such column: rows are known by their texts alone
    return find_rows(file, Meant(keys=keys), recipes)


def _change(found: FoundRows, *, keeps: bool) -> FileChange:
    before = sha256_file(found.path)
    digest = hashlib.sha256()
    for piece in () if keeps else without_rows(found):
        digest.update(piece)
    return FileChange(
        path=str(found.path),
        container=found.container,
        num_rows=found.num_rows,
        lines=found.lines,
        ordinals=found.ordinals,
        before=before,
        after=before if keeps else digest.hexdigest(),
    )


def _uploads(homes: Sequence[Path], keys: frozenset[int], recipes: Sequence[Recipe]) -> Iterator[FileChange]:
    for path in [path for home in homes for path in uploads_of(home)] if keys else []:
        try:
            found = find_rows(path, Meant(keys=keys), recipes)
        except SintoniaError:
            continue  # a file of results, or one that no run can have read
        if found.lines:
            yield _change(found, keeps=False)


def _data_of(touched: Sequence[Touched], runs: Sequence[tuple[Entry, object]], files: Sequence[Path]) -> list[Path]:
    """The data files beside which something is recorded: those named, and the first file of each touched run."""
    own = {one.path for one in touched if one.is_emptied}
    firsts = [Path(entry.files[0]) for entry, _ in runs if entry.path in own and entry.files]
    tests = [Path(one) for entry, _ in runs if entry.path in own for one in entry.files[1:]]
    recorded = [one for one in tests if any(folder.exists() for folder in folders_of_data(one))]
    return list(dict.fromkeys([*files, *firsts, *recorded]))


def _still_there(
    retrain: Path, found: Sequence[FoundRows], keys: frozenset[int], recipes: Sequence[Recipe], wanted: Wanted
) -> tuple[str, ...]:
    """Other data files of the run to retrain that hold the same rows: it would see them again."""
    asked = RunFolder(retrain).recipe().data
    named = {one.path.resolve() for one in found}
    others = [Path(one) for one in (asked.path, asked.validation, asked.test, *asked.added) if one]
    left = []
    for path in others:
        if path.resolve() in named or not path.exists():
            continue
        rows = _of_other(path, wanted, keys, recipes)
        left += [str(path)] if rows.lines else []
    return tuple(left) if not wanted.keeps_data else (*left, *(str(one.path) for one in found))


def _certificate(data: Path) -> Path:
    """The next free number beside the data, or at home where nothing can be written there."""
    folders = folders_of_data(data)
    taken = [path.stem for folder in folders for path in folder.glob("erased/*.json")]
    number = max((int(one) for one in taken if one.isdecimal()), default=0) + 1
    place = folders[0] if os.access(data.parent, os.W_OK) else folders[1]
    return place / "erased" / f"{number:03d}.json"
