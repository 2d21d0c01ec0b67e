"""From the files of a recipe to the rows that can be used: found, read, understood, reviewed, without repeats.

It decides nothing about the sets.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sintonia.errors import UsageError, nearest
from sintonia.prepare.audit import SETS, Dropped
from sintonia.prepare.examples import (
    Reading,
    check_classes,
    check_enough,
    check_usable,
    drop_repeats,
)
from sintonia.prepare.forms import find_form
from sintonia.prepare.forms.form import Form, Match
from sintonia.prepare.mending.decisions import read_decisions
from sintonia.prepare.readers import open_source
from sintonia.prepare.rows import Rows
from sintonia.prepare.table import Source, Table, look_at, shown
from sintonia.settings import DataSettings, Recipe

FREE = -1
"""Origin of a row whose set is not given by the file it stands in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All rows of a data set, each once, and where they came from."""

    table: Table
    form: Form
    columns: dict[str, str]
    rows: Rows
    origins: np.ndarray
    """int8, the set that the file of a row is for: its position in SETS, or FREE."""
    dropped: list[Dropped]
    rows_in: int
    notes: tuple[str, ...]
    reading: Reading


def gather(recipe: Recipe, folder: str | None) -> Gathered:
    """Reads everything the recipe names; `folder` is where texts may lie unnamed meanwhile.

    Raises:
        DataError: the data cannot be read or understood.
        UsageError: a column or a file that does not exist was asked for.
        StorageError: the operating system refuses to read a file.
    """
    asked = recipe.data
    main = open_source(Path(asked.path))
    table = look_at(main)
    _check_columns(table, asked)
    form, match = find_form(table, asked, recipe.task)
    own = list(_own_sets(asked))
    reading = Reading(form=form, columns=match.columns, asked=asked, decisions=read_decisions(Path(asked.path)))
    files = [(main, FREE), *own]
    rows = Rows.keep(
        itertools.chain.from_iterable(reading.labelled(source) for source, _ in files),
        has_classes=form.task == "classify",
        folder=folder,
    )
    origins = _origins(files, reading.counts)
    rows_in = sum(count for count, _ in reading.counts)
    check_usable(str(main.path), reading.dropped, rows_in)
    kept, repeated = drop_repeats(rows, origins)
    rows, origins = rows.only(kept), origins[kept]
    _check_rows(table, match, rows, reading.dropped + repeated, is_task_asked=recipe.task != "auto")
    return Gathered(
        table=table,
        form=form,
        columns=match.columns,
        rows=rows,
        origins=origins,
        dropped=reading.dropped + repeated,
        rows_in=rows_in,
        notes=(*_notes(files, reading.counts), *table.notes, *match.why),
        reading=reading,
    )


def _own_sets(asked: DataSettings) -> Iterator[tuple[Source, int]]:
    """The files of one's own for the validation and the test set."""
    for name, path in (("validation", asked.validation), ("test", asked.test)):
        if path is None:
            continue
        if not Path(path).exists():
            raise UsageError(f"there is no file `{path}`", hint="check the path", where=f"data.{name}")
        if Path(path).resolve() == Path(asked.path).resolve():
            raise UsageError(
                f"`{path}` is the training file itself",
                expected="another file, with rows that are not trained on",
                hint=f"leave out `--{name}`: sintonia holds rows out by itself",
                where=f"data.{name}",
            )
        yield open_source(Path(path)), SETS.index(name)


def _check_columns(table: Table, asked: DataSettings) -> None:
    """The columns for groups and times exist; those of the roles are the form's to check."""
    for setting, name in (("group", asked.group), ("time", asked.time)):
        if name is not None and name not in table.columns:
            raise UsageError(
                f"there is no column `{shown(name)}`",
                expected=f"columns of the file: {', '.join(f'`{shown(one)}`' for one in table.columns[:12])}",
                hint=f"did you mean {nearest(name, map(shown, table.columns))}?",
                where=f"data.{setting}",
            )


def _origins(files: list[tuple[Source, int]], counts: list[tuple[int, int]]) -> np.ndarray:
    """Rows come file after file."""
    kept = [number for _, number in counts]
    return np.repeat(np.array([origin for _, origin in files], dtype=np.int8), kept)


def _check_rows(table: Table, match: Match, rows: Rows, dropped: list[Dropped], *, is_task_asked: bool) -> None:
    where = f"{table.path}:1"
    if rows.classes:
        check_classes(where, match.columns.get("target", "label"), rows, is_task_asked=is_task_asked)
    check_enough(f"{table.path}:{table.rows[-1].line}", len(rows), len(dropped))


def _notes(files: list[tuple[Source, int]], counts: list[tuple[int, int]]) -> list[str]:
    return [
        f"file: {count:,} rows read from `{source.path.name}` ({source.container})"
        + ("" if origin == FREE else f", your own {SETS[origin]} set")
        for (source, origin), (count, _) in zip(files, counts, strict=True)
    ]
