"""Which rows of a data file are meant: those of a person by a column, those on some lines, or those with known texts.

Every row is also known by the key of its text, in each way in which runs have read the file. It changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sintonia.errors import DataError, UsageError, nearest
from sintonia.prepare.columns import as_text
from sintonia.prepare.erasing.spellings import Spelling
from sintonia.prepare.erasing.ways import Way, refuse_unfit, ways_of
from sintonia.prepare.readers import open_source
from sintonia.prepare.readers.jsonl import open_jsonl
from sintonia.prepare.readers.text import open_text
from sintonia.prepare.table import Row, Source, look_at, shown
from sintonia.settings import Recipe

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
    may_be_none: bool = False
    """Whether a file without a row of the subject is as good as one with some."""


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
    near: dict[str, int] = field(default_factory=dict)
    """Other spellings of the subject in its column, and how many rows have each: they are not meant."""
    num_ways: int = 1
    """In how many ways the rows can be read as runs read them; with none of them no run can be asked for them."""
    num_unread: int = 0
    """Rows that are meant and make no example in any of these ways."""


def find_rows(file: Path, meant: Meant, recipes: Sequence[Recipe] = ()) -> FoundRows:
    """The rows of a file that are meant, read in the ways of these recipes, or else as it is found.

    Raises:
        UsageError: there is no such column.
        DataError: the file cannot be read, no row is meant, or a line is no row's beginning.
        StorageError: the operating system refuses to read it.
    """
    is_prose = any(one.task == "pretrain" and Path(one.data.path) == file for one in recipes)
    source = open_jsonl(open_text(file)) if file.suffix == _UPLOAD else open_source(file, is_prose=is_prose)
    table = look_at(source)
    if meant.column and meant.column not in table.columns:
        raise UsageError(
            f"there is no column `{shown(meant.column)}`",
            expected=f"columns of the file: {', '.join(f'`{shown(one)}`' for one in table.columns[:12])}",
            hint=f"did you mean {nearest(meant.column, map(shown, table.columns))}?",
            where="--by",
        )
    ways = list(ways_of(table, source, recipes))
    taken = _taken(source, meant, ways)
    _check(file, source, meant, taken)
    return FoundRows(
        path=file,
        container=source.container,
        num_rows=table.num_rows,
        lines=tuple(taken.lines),
        ordinals=tuple(taken.ordinals),
        keys=frozenset(taken.keys),
        ids=frozenset(taken.ids - {""}),
        near=dict(taken.near),
        num_ways=len(ways),
        num_unread=taken.num_unread,
    )


@dataclass(slots=True)
class _Taken:
    """The rows that are meant, as they are come upon."""

    lines: list[int] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    keys: set[int] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    near: Counter[str] = field(default_factory=Counter)
    num_unread: int = 0


def _taken(source: Source, meant: Meant, ways: Sequence[Way]) -> _Taken:
    taken = _Taken()
    spelling = Spelling.of(meant.subject) if meant.subject is not None else None
    for ordinal, row in enumerate(source.read()):
        is_meant = _is_meant(row, meant)
        own = {key: name for way in ways for key, name in way(row)} if meant.keys or is_meant else {}
        if is_meant or meant.keys.intersection(own):
            taken.lines.append(row.line)
            taken.ordinals.append(ordinal)
            taken.keys.update(own)
            taken.ids.update(own.values())
            taken.num_unread += not own
        elif spelling and (value := as_text(row.values.get(meant.column))) and spelling.is_like(value):
            taken.near[value] += 1
    return taken


def refuse_columns(file: Path, columns: dict[str, str]) -> None:
    """Refuses columns, if any are named, by which a file cannot be read.

    Raises:
        SintoniaError: what does not fit.
    """
    if columns:
        source = open_source(file)
        refuse_unfit(look_at(source), source, columns)


def _is_meant(row: Row, meant: Meant) -> bool:
    if meant.subject is not None:
        return as_text(row.values.get(meant.column)) == meant.subject
    return row.line in meant.lines


def _check(file: Path, source: Source, meant: Meant, taken: _Taken) -> None:
    """Refuses what nobody can have meant.

    Raises:
        DataError: no row is there, or a line is none where a row begins, or where several do.
    """
    lines = taken.lines
    if meant.subject is not None and not lines and not meant.may_be_none:
        others = ", ".join(f"`{shown(one)}`" for one in list(taken.near)[:12])
        raise DataError(
            f"no row has that value in `{shown(meant.column)}`",
            expected="the subject exactly as the column has it",
            where=str(file),
            hint=f"it is spelled otherwise: {others}"
            if others
            else "was it erased before? the certificates beside the data say what was; `--by` names another column",
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
