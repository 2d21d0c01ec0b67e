"""Which rows of a data file are meant: those of a person by a column, those on some lines, or those with known texts.

Every row is also known by the key of its text, in each way in which runs have read the file. It changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sintonia.errors import DataError, SintoniaError, UsageError, nearest
from sintonia.prepare.columns import as_text
from sintonia.prepare.examples import Reading
from sintonia.prepare.forms import find_form
from sintonia.prepare.readers import open_source
from sintonia.prepare.readers.jsonl import open_jsonl
from sintonia.prepare.readers.text import open_text
from sintonia.prepare.table import Row, Source, Table, look_at, shown
from sintonia.settings import DataSettings, Recipe

_UPLOAD = ".bin"
"""What a server calls the files that are sent to it, which are JSONL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """How a person names the rows; one of the three."""

    subject: str | None = None
    column: str = ""
    """The column that holds the subject."""
    lines: frozenset[int] = frozenset()
    keys: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """The rows of a file that are meant: where they stand, and what they are known by."""

    path: Path
    container: str
    num_rows: int
    """All rows of the file."""
    lines: tuple[int, ...]
    ordinals: tuple[int, ...]
    """Which rows of the file they are, counted from 0."""
    keys: frozenset[int]
    """Of their texts."""
    ids: frozenset[str]
    """As decisions of reviews know them."""


def find_rows(file: Path, meant: Meant, recipes: Sequence[Recipe] = ()) -> FoundRows:
    """The rows of a file that are meant, read in the ways of these recipes, or else as it is found.

    Raises:
        UsageError: there is no such column.
        DataError: the file cannot be read, no row is meant, or a line is no row's beginning.
        StorageError: the operating system refuses to read it.
    """
    is_prose = any(one.task == "pretrain" for one in recipes)
    source = open_jsonl(open_text(file)) if file.suffix == _UPLOAD else open_source(file, is_prose=is_prose)
    table = look_at(source)
    if meant.column and meant.column not in table.columns:
        raise UsageError(
            f"there is no column `{shown(meant.column)}`",
            expected=f"columns of the file: {', '.join(f'`{shown(one)}`' for one in table.columns[:12])}",
            hint=f"did you mean {nearest(meant.column, map(shown, table.columns))}?",
            where="--by",
        )
    readings = list(_readings(table, file, recipes))
    lines, ordinals, keys, ids = list[int](), list[int](), set[int](), set[str]()
    for ordinal, row in enumerate(source.read()):
        own = dict(_keys_of(row, readings)) if meant.keys or _is_meant(row, meant) else {}
        if not (_is_meant(row, meant) or meant.keys.intersection(own)):
            continue
        lines.append(row.line)
        ordinals.append(ordinal)
        keys.update(own)
        ids.update(own.values())
    _check(file, source, meant, lines)
    return FoundRows(
        path=file,
        container=source.container,
        num_rows=table.num_rows,
        lines=tuple(lines),
        ordinals=tuple(ordinals),
        keys=frozenset(keys),
        ids=frozenset(ids),
    )


def _is_meant(row: Row, meant: Meant) -> bool:
    if meant.subject is not None:
        return as_text(row.values.get(meant.column)) == meant.subject
    return row.line in meant.lines


def _keys_of(row: Row, readings: Sequence[Reading]) -> Iterator[tuple[int, str]]:
    """The key of its text and the id, in each reading that can make an example of it."""
    for reading in readings:
        before, _ = reading.before_and_after(row)
        if before is not None:
            yield int(before.text_key, 16), before.id


def _readings(table: Table, file: Path, recipes: Sequence[Recipe]) -> Iterator[Reading]:
    """One for each way in which the file was read; a way that does not fit it any more is none."""
    usual = Recipe(data=DataSettings(path=str(file)))
    asked = {
        (one.task, tuple(sorted(one.data.columns.items())), one.data.group): replace(
            one, data=replace(one.data, path=str(file), time=None)
        )
        for one in (*recipes, usual)
    }
    for recipe in asked.values():
        try:
            form, match = find_form(table, recipe.data, recipe.task)
        except SintoniaError:
            continue
        yield Reading(form=form, columns=match.columns, asked=recipe.data)


def _check(file: Path, source: Source, meant: Meant, lines: Sequence[int]) -> None:
    """Refuses what nobody can have meant.

    Raises:
        DataError: no row is there, or a line is none where a row begins, or where several do.
    """
    if meant.subject is not None and not lines:
        raise DataError(
            f"no row has that value in `{shown(meant.column)}`",
            expected="the subject exactly as the column has it",
            where=str(file),
            hint="was it erased before? the certificates beside the data say what was; `--by` names another column",
        )
    missing = sorted(meant.lines - set(lines))
    if missing:
        raise DataError(
            f"no row begins on line {', '.join(map(str, missing[:10]))}",
            expected="lines as `sintonia check` and the reports give them: where a row begins, the header is line 1"
            if source.container == "csv"
            else "lines as `sintonia check` and the reports give them",
            where=str(file),
            hint="rows are named by the line on which they begin, for example `--rows 12,40-45`",
        )
    shared = [line for line, count in Counter(lines).items() if count > 1] if meant.lines else []
    if shared:
        raise DataError(
            f"{Counter(lines)[shared[0]]:,} rows begin on line {shared[0]}",
            expected="one row a line, where rows are named by their lines",
            where=str(file),
            hint="name them by `--subject`, or write one row a line",
        )
