"""From the files of a recipe to the rows that can be used: found, read, understood, reviewed, without repeats.

It decides nothing about the sets.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from sintonia.errors import DataError, UsageError
from sintonia.prepare.added.reading import Addition, additions, rows_of
from sintonia.prepare.audit import SETS, Dropped
from sintonia.prepare.columns import as_text
from sintonia.prepare.examples import (
    Reading,
    Repair,
    check_classes,
    check_enough,
    check_usable,
    find_repeats,
)
from sintonia.prepare.forms import find_form
from sintonia.prepare.forms.form import Form, Match
from sintonia.prepare.readers import open_source
from sintonia.prepare.rows import Labelled, Rows
from sintonia.prepare.sets.fields import FieldColumns
from sintonia.prepare.table import Source, Table, like_it, look_at, of_file, shown
from sintonia.prepare.times import Clock, clocks_of
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks import TASKS
from sintonia.tasks.pretrain import NAME as PRETRAIN

_PLAIN_TEXTS = (
    "or is it plain text? A base learns how such texts are written with `--task pretrain`; to tell kinds of texts "
    "apart, take a folder with one sub-folder of texts a label"
)
FREE = -1
"""Origin of a row whose set is not given by the file it stands in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All rows of a data set, each once, and where they came from; those of added files are `added` alone."""

    table: Table
    form: Form
    columns: dict[str, str]
    rows: Rows
    origins: np.ndarray
    """int8, the set that the file of a row is for: its position in SETS, or FREE."""
    first: np.ndarray
    """For each row the position of the first one that says the same in its file: its own, or an earlier one's."""
    dropped: list[Dropped]
    """Rows that could not be read into examples."""
    rows_in: int
    notes: tuple[str, ...]
    reading: Reading
    whole: Rows
    """The rows, and behind them those of added files, file by file."""
    added: tuple[tuple[Addition, int, int], ...] = ()
    """Each added file, with how many rows it has and how many of them can be used."""


def gather(
    recipe: Recipe, folder: str | None, *, taught: Collection[str] = (), repair: Repair | None = None
) -> Gathered:
    """Reads everything the recipe names; `folder` is where texts may lie unnamed meanwhile.

    With `taught`, only examples of these tasks are read; `repair` mends the values first.

    Raises:
        DataError: the data cannot be read or understood.
        UsageError: a column or a file that does not exist was asked for, or examples of another task are there.
        StorageError: the operating system refuses to read a file.
    """
    asked = recipe.data
    main, table, form, match = _understood(recipe)
    if taught and form.task not in taught:
        raise _untaught(recipe, form, taught)
    _refuse_idle_passages(asked, form)
    files = [(main, FREE), *_own_sets(asked, is_prose=form.cut is not None)]
    fields = FieldColumns(() if recipe.privacy.redact else _unused(table, match.columns, asked))
    clock, columns = _clock(table, asked.time), match.columns
    reading = Reading(form=form, columns=columns, asked=asked, repair=repair, clock=clock, fields=fields)
    added = additions(asked, reading)
    every = chain(_all_rows(reading, files), *map(rows_of, added))
    whole = Rows.keep(every, has_classes=form.task in TASKS and TASKS[form.task].HAS_CLASSES, folder=folder)
    counts, of_added = reading.counts[: len(files)], reading.counts[len(files) :]
    rows = whole.only(np.arange(sum(kept for _, kept in counts))) if added else whole
    origins = np.repeat(np.array([origin for _, origin in files], dtype=np.int8), [kept for _, kept in counts])
    first = find_repeats(rows, origins)
    if rows.classes:
        check_classes(f"{main.path}:1", columns.get("target", "label"), rows, is_task_asked=recipe.task != "auto")
    num_different = len(np.unique(first))
    num_lost = sum(one for one, _ in counts) - num_different
    check_enough(f"{main.path}:{table.rows[-1].line}", num_different, num_lost, is_cut=form.cut is not None)
    return Gathered(
        table=table,
        form=form,
        columns=columns,
        rows=rows,
        origins=origins,
        first=first,
        dropped=reading.dropped,
        rows_in=sum(count for count, _ in reading.counts),
        notes=(*_notes(files, counts), *table.notes, *match.why, *_fate_of_columns_and_rows(table, reading, added)),
        reading=reading,
        whole=whole,
        added=tuple((one, *counted) for one, counted in zip(added, of_added, strict=True)),
    )


def _understood(recipe: Recipe) -> tuple[Source, Table, Form, Match]:
    """The data file, some of its rows, and in which form they are written."""
    asked, is_prose = recipe.data, recipe.task == PRETRAIN
    with _telling_of_plain_text(Path(asked.path), is_asked=is_prose):
        main = open_source(Path(asked.path), is_prose=is_prose)
        table = look_at(main)
        _check_columns(table, asked)
        return main, table, *find_form(table, asked, recipe.task)


@contextmanager
def _telling_of_plain_text(path: Path, *, is_asked: bool) -> Iterator[None]:
    """Within it an error about a `.txt` says what to do with plain text, unless that `is_asked` for."""
    try:
        yield
    except DataError as refused:
        if path.suffix.lower() != ".txt" or is_asked:
            raise
        raise DataError(
            refused.what,
            expected=refused.expected,
            where=refused.where,
            hint=f"{refused.hint}; {_PLAIN_TEXTS}" if refused.hint else _PLAIN_TEXTS,
        ) from None


def _all_rows(reading: Reading, files: list[tuple[Source, int]]) -> Iterator[Labelled]:
    """The rows of one file after the other; a file of which most cannot be used is refused."""
    names = Counter(source.path.name for source, _ in files)
    for source, _ in files:
        before = len(reading.dropped)
        if reading.counts:
            _check_same_columns(source, reading)
        yield from reading.labelled(source, source.path.name if names[source.path.name] == 1 else str(source.path))
        check_usable(str(source.path), reading.dropped[before:], reading.counts[-1][0])


def _check_same_columns(source: Source, reading: Reading) -> None:
    """A file of one's own has the columns of the data file.

    Raises:
        DataError: its first row lacks one of them.
    """
    first = next(iter(source.read()), None)
    missing = [] if first is None else [name for name in reading.columns.values() if name not in first.values]
    if first is not None and missing:
        raise DataError(
            f"there is no column {' and no '.join(f'`{shown(name)}`' for name in missing)}",
            expected="the columns of the data file",
            where=f"{source.path}:{first.line}",
            hint=f"it has {of_file(list(first.values))}: rename them",
        )


def _untaught(recipe: Recipe, form: Form, taught: Iterable[str]) -> UsageError:
    """Data of a task that can be checked but not yet learned."""
    return UsageError(
        f"these are examples of the task `{form.task}` ({form.name}), which cannot be tuned yet",
        expected=f"examples of the task {' and '.join(f'`{name}`' for name in taught)}",
        hint=f"`sintonia check {shlex.quote(recipe.data.path)}` audits them all the same",
        where=recipe.data.path,
    )


def _refuse_idle_passages(asked: DataSettings, form: Form) -> None:
    """Refuses a length of passages where there are none.

    Raises:
        UsageError: the rows are not cut.
    """
    if form.cut is None and asked.passage_bytes != DataSettings(path="").passage_bytes:
        raise UsageError(
            f"`data.passage_bytes` has no effect on rows that are {form.name}",
            expected="plain text, which is cut into passages",
            hint=f"leave it out, or take `--task {PRETRAIN}`",
        )


def _own_sets(asked: DataSettings, *, is_prose: bool) -> Iterator[tuple[Source, int]]:
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
        yield open_source(Path(path), is_prose=is_prose), SETS.index(name)


def _check_columns(table: Table, asked: DataSettings) -> None:
    """The columns for groups and times exist; those of the roles are the form's to check."""
    for setting, name in (("group", asked.group), ("time", asked.time)):
        if name is not None and name not in table.columns:
            raise UsageError(
                f"there is no column `{shown(name)}`",
                expected=f"columns of the file: {of_file(table.columns)}",
                hint=like_it(name, table.columns),
                where=f"data.{setting}",
            )


def _clock(table: Table, column: str | None) -> Clock | None:
    """How the time column is read, the same way in all rows.

    Raises:
        DataError: it holds no times, or times that can be read in two ways.
    """
    if column is None:
        return None
    clocks = clocks_of(as_text(row.values.get(column)) or "" for row in table.rows)
    if len(clocks) == 1:
        return next(iter(clocks.values()))
    what = f"could be read {' or '.join(clocks)}" if clocks else "holds neither dates nor numbers"
    raise DataError(
        f"`{shown(column)}` {what}",
        expected="numbers, or dates such as 2024-03-12",
        where=f"{table.path}:{table.rows[0].line}",
        hint="write the dates as year-month-day",
    )


def _fate_of_columns_and_rows(table: Table, reading: Reading, added: Iterable[Addition]) -> list[str]:
    """How added files are read, which columns play no part, and what decisions of reviews have changed."""
    names = [f"`{shown(name)}`" for name in _unused(table, reading.columns, reading.asked)]
    told = [why for one in added for why in one.why]
    told += [f"columns: not used: {', '.join(names[:12])}", *reading.fields.note()] if names else []
    num_dropped = sum(one.kind == "reviewed" for one in reading.dropped)
    if reading.relabelled or num_dropped:
        told.append(
            f"review: decisions beside the data were applied: {len(reading.relabelled):,} rows have another target, "
            f"{num_dropped:,} are dropped"
        )
    return told


def _unused(table: Table, columns: Mapping[str, str], asked: DataSettings) -> list[str]:
    used = {*columns.values(), asked.group, asked.time}
    return [name for name in table.columns if name not in used]


def _notes(files: list[tuple[Source, int]], counts: list[tuple[int, int]]) -> list[str]:
    return [
        f"file: {count:,} rows read from `{source.path.name}` ({source.container})"
        + ("" if origin == FREE else f", your own {SETS[origin]} set")
        for (source, origin), (count, _) in zip(files, counts, strict=True)
    ]
