"""CSV: delimiter and quotes found by looking, said in a note; every row with the line it starts on.

A row of the wrong width is an error, never padded and never cut. One row at a time is in memory.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from sintonia.errors import DataError
from sintonia.prepare.readers.dialect import DELIMITERS, Dialect, find_dialect
from sintonia.prepare.readers.encoding import MAX_LINE_BYTES, Text
from sintonia.prepare.readers.header import column_names, count_fields
from sintonia.prepare.table import Problems, Row, Source


def open_csv(text: Text) -> Source:
    """The rows of a CSV text, whose first row names the columns.

    Raises:
        DataError: no header, one column or more than 1,000, a name twice. Reading raises it for an open quote and
            for rows of another width than the header, all of them listed.
    """
    head, is_whole = text.head()
    path, dialect = text.file.path, find_dialect(head, is_whole=is_whole)
    del head

    def read() -> Iterator[Row]:
        with text.reading() as stream:
            yield from _read(path, stream, dialect)

    with text.reading() as stream:
        line, names = next(_numbered(path, stream, dialect), (1, []))
        column_names(path, line, names)
    notes = (*text.notes, f"format: {dialect.in_words}")
    return Source(path=path, container="csv", read=read, notes=notes)


def _read(path: Path, stream: Iterable[str], dialect: Dialect) -> Iterator[Row]:
    numbered = _numbered(path, stream, dialect)
    columns = column_names(path, *next(numbered, (1, [])))
    width, problems = len(columns), Problems()
    for line, fields in numbered:
        if len(fields) == width:
            yield Row(line, dict(zip(columns, fields, strict=True)))
        else:
            problems.add(line, count_fields(len(fields)))
    if problems:
        raise problems.refuse(
            path,
            what="have another number of fields than the header",
            expected=f"{count_fields(width)} separated by {DELIMITERS[dialect.delimiter]}",
            hint='put a text that holds a separator between quotes: "like, this"',
        )


def _numbered(path: Path, stream: Iterable[str], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank with the line it starts on: a quoted field may span lines."""
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = _Measured(path, stream)
    if dialect.is_said:
        next(iter(lines), "")
    reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
    while True:
        start = lines.begin_row()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                _quote_problem(str(error), dialect),
                expected="quotes that close, doubled inside a text",
                hint='write a quote inside a quoted text twice: "he said ""yes"""',
                where=f"{path}:{start}",
            ) from None
        if len(fields) > 1 or (fields and fields[0].strip()):
            yield start, fields


class _Measured:
    """Lines with their number, and a limit on what one row may hold: quotes may glue any number of lines."""

    def __init__(self, path: Path, stream: Iterable[str]) -> None:
        self._path, self._stream = path, iter(stream)
        self._num_lines = self._row_characters = 0
        self._start = 1

    def begin_row(self) -> int:
        """Says that a row ended; the line on which the next one starts."""
        self._row_characters = 0
        self._start = self._num_lines + 1
        return self._start

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._stream)
        self._num_lines += 1
        self._row_characters += len(line)
        if self._row_characters > MAX_LINE_BYTES:
            raise DataError(
                "a row is longer than 16 MiB",
                expected="quotes that close, and at most 16 MiB a row",
                where=f"{self._path}:{self._start}",
                hint="check that no quote is left open in this row",
            )
        return line


def _quote_problem(message: str, dialect: Dialect) -> str:
    if "unexpected end of data" in message:
        return "a quote opens in this row and never closes"
    if "field larger" in message:
        return "a field is longer than 16 MiB"
    if "expected after" in message:
        return f"a quoted text is followed by something else than a {DELIMITERS[dialect.delimiter]}"
    return "the row cannot be read: its quotes or line ends are wrong"
