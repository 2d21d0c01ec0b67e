"""The rows of a data file as they are read, before anything is known of their meaning.

A raw row never leaves `prepare`: what leaves is an Example or a SetAside. A file is read row by row and never
held: what looks at its columns looks at a Table, some rows drawn evenly from all of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.errors import DataError, hides, nearest

MAX_LISTED = 20
MAX_COLUMNS = 1000
_TABLE_ROWS = 20_000
_TABLE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it starts on (counted from 1), its values by column, and its file when there are several.

    `group` is what it stays together with, where the reading knows that: equal ones are in one set.
    """

    line: int
    values: dict[str, Any]
    file: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data file, or a folder of them, that can be read from its beginning as often as needed."""

    path: Path
    container: str
    """The kind of file: csv, jsonl, json, parquet, excel, folder, conll, plain text."""
    read: Callable[[], Iterator[Row]]
    """Gives all rows; raises one DataError, after the last row, that lists the rows which cannot be read."""
    notes: tuple[str, ...] = ()
    """What the reader took the file for: encoding, delimiter, quotes."""
    num_documents: int = 0
    """Of plain text, how many files it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file as its columns show it: their names in their order, how many rows there are, and some of the rows."""

    path: Path
    container: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    """All rows of a small file; of a large one 20,000, drawn evenly and in their order."""
    num_rows: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong on one line."""

    line: int
    reason: str


class Problems:
    """The lines of one file that cannot be read: the first of them, and how many there are."""

    def __init__(self) -> None:
        self.first: list[Problem] = []
        self.count = 0

    def add(self, line: int, reason: str) -> None:
        self.count += 1
        if len(self.first) < MAX_LISTED:
            self.first.append(Problem(line, reason))

    def __bool__(self) -> bool:
        return self.count > 0

    def refuse(self, path: Path | str, *, what: str, expected: str, hint: str) -> DataError:
        """One error for all of them: the first one's line in `where`, the first 20 in the text."""
        listed = "; ".join(f"line {one.line}: {one.reason}" for one in self.first)
        more = f"; and {self.count - len(self.first):,} more" if self.count > len(self.first) else ""
        count = f"{self.count:,} lines" if self.count > 1 else "1 line"
        return DataError(
            f"{count} {what}: {listed}{more}", expected=expected, hint=hint, where=f"{path}:{self.first[0].line}"
        )


class _Drawn:
    """An even draw of the rows that go by, of bounded number and size (reservoir sampling, Vitter 1985)."""

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._most = _TABLE_ROWS
        self._kept: list[tuple[int, int, Row]] = []
        self._num_bytes = 0

    def see(self, number: int, row: Row) -> None:
        place = len(self._kept) if number < self._most else self._random.randrange(number + 1)
        if place >= self._most:
            return
        size = _size_of(row)
        if place < len(self._kept):
            self._num_bytes -= self._kept[place][1]
            self._kept[place] = (number, size, row)
        else:
            self._kept.append((number, size, row))
        self._num_bytes += size
        while self._num_bytes > _TABLE_BYTES and len(self._kept) > 1:
            self._most = len(self._kept) // 2
            self._kept = self._random.sample(self._kept, self._most)
            self._num_bytes = sum(size for _, size, _ in self._kept)

    def rows(self) -> tuple[Row, ...]:
        return tuple(row for _, _, row in sorted(self._kept, key=lambda one: one[0]))


def _size_of(row: Row) -> int:
    """About the characters of a row."""
    return sum(
        len(value) if isinstance(value, str) else len(str(value)) if isinstance(value, list | dict) else 8
        for value in row.values.values()
    )


def look_at(source: Source) -> Table:
    """Reads a whole file once: its columns, the number of its rows, and an even draw of them, 64 MiB at most.

    Raises:
        DataError: a row that cannot be read, no row, or more than 1,000 columns.
    """
    columns: dict[str, None] = {}
    drawn = _Drawn()
    num_rows = 0
    for row in source.read():
        if columns.keys() != row.values.keys():
            columns.update(dict.fromkeys(row.values))
            _check_width(source.path, columns)
        drawn.see(num_rows, row)
        num_rows += 1
    if not num_rows:
        raise DataError(
            "there are no rows",
            expected="a header and rows, or one JSON object a line",
            hint="give a file with at least 50 labelled rows",
            where=f"{source.path}:1",
        )
    return Table(
        path=source.path,
        container=source.container,
        columns=tuple(columns),
        rows=drawn.rows(),
        num_rows=num_rows,
        notes=source.notes,
    )


def _check_width(path: Path, columns: Sequence[str] | dict[str, None]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise DataError(
            f"more than {MAX_COLUMNS:,} columns",
            expected=f"at most {MAX_COLUMNS:,}",
            where=f"{path}:1",
            hint="keep the text and the label",
        )


def shown(name: str, limit: int = 40) -> str:
    """A name from a person's file, fit for one line of a message."""
    text = " ".join("".join(c if c.isprintable() else "?" for c in name).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def listed(names: Sequence[str]) -> str:
    """At most twelve names, quoted, and how many more there are."""
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(f"`{shown(name)}`" for name in names[:12]) + more


def of_file(names: Sequence[str]) -> str:
    """The same of names that a file itself gives: its first line may be data, so with `privacy.redact` a count."""
    return f"({len(names)} names hidden, `privacy.redact`)" if hides() else listed(names)


def like_it(name: str, columns: Sequence[str]) -> str:
    """A hint at the columns of a file that are called nearly so; with `privacy.redact` none."""
    return "look into its first line" if hides() else f"did you mean {nearest(name, map(shown, columns))}?"
