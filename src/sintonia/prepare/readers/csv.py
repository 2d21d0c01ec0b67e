"""CSV: delimiter and quotes found by looking, said in a note; every row with the line it starts on.

A row of the wrong width is an error, never padded and never cut.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sintonia.errors import DataError
from sintonia.prepare.readers.text import MAX_LINE_BYTES
from sintonia.prepare.table import Problem, Row, Table, refuse, shown

MAX_COLUMNS = 1000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_QUOTES = {'"': "double quotes", "'": "single quotes"}
_ROWS_TO_LOOK_AT = 500


@dataclass(frozen=True, slots=True)
class _Dialect:
    delimiter: str
    quote: str


def read(path: Path, text: str) -> Table:
    """The rows of a CSV text, whose first row names the columns.

    Raises:
        DataError: no header, one column, an open quote, or rows of another width than the header, all listed.
    """
    dialect = _find_dialect(text)
    lines = _rows(path, text, dialect)
    header_line, names = next(lines, (1, []))
    columns = _columns(path, header_line, names)
    rows: list[Row] = []
    problems: list[Problem] = []
    for line, fields in lines:
        if len(fields) == len(columns):
            rows.append(Row(line, dict(zip(columns, fields, strict=True))))
        else:
            problems.append(Problem(line, _fields(len(fields))))
    if problems:
        raise refuse(
            path,
            problems,
            what="have another number of fields than the header",
            expected=f"{_fields(len(columns))} separated by {DELIMITERS[dialect.delimiter]}",
            hint='put a text that holds a separator between quotes: "like, this"',
        )
    note = f"format: separated by {DELIMITERS[dialect.delimiter]}, {_QUOTES[dialect.quote]} around texts"
    return Table(path=path, columns=columns, rows=tuple(rows), notes=(note,))


def _fields(count: int) -> str:
    return f"{count} field{'s' if count != 1 else ''}"


def _rows(path: Path, text: str, dialect: _Dialect) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank with the line it starts on: a quoted field may span lines."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True
    )
    start = 1
    while True:
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
        if fields and any(field.strip() for field in fields):
            yield start, fields
        start = reader.line_num + 1


def _quote_problem(message: str, dialect: _Dialect) -> str:
    if "unexpected end of data" in message:
        return "a quote opens in this row and never closes"
    if "field larger" in message:
        return "a field is longer than 16 MiB"
    if "expected after" in message:
        return f"a quoted text is followed by something else than a {DELIMITERS[dialect.delimiter]}"
    return f"the row cannot be read ({message})"


def _find_dialect(text: str) -> _Dialect:
    """The delimiter and quote under which the first rows have the steadiest width of two or more.

    Single quotes are taken for quotes only where texts begin with them and none begins with a double one: an
    apostrophe must not hide a double quote that was left open. Between equals the earlier delimiter wins.
    """
    best, best_rank = _Dialect(",", '"'), (0.0, False)
    for delimiter, quote in itertools.product(DELIMITERS, _QUOTES):
        is_quoted = _begins_fields(text, delimiter, quote) > 2
        if quote == "'" and not (is_quoted and _is_quoted_by_apostrophes(text, delimiter)):
            continue
        widths = _widths(text, delimiter, quote)
        if not widths or widths[0] < 2:
            continue
        rank = (sum(width == widths[0] for width in widths) / len(widths), is_quoted)
        if rank > best_rank:
            best, best_rank = _Dialect(delimiter, quote), rank
    return best


def _is_quoted_by_apostrophes(text: str, delimiter: str) -> bool:
    """Whether nearly every row has such a quote, or the rows make no sense without; 'tis not enough for a few."""
    if _begins_fields(text, delimiter, '"'):
        return False
    plain = _widths(text, delimiter, '"')
    is_steady = bool(plain) and plain[0] > 1 and all(width == plain[0] for width in plain)
    return not is_steady or _begins_fields(text, delimiter, "'") >= 0.9 * (text.count("\n") - 1)


def _begins_fields(text: str, delimiter: str, quote: str) -> int:
    """How many fields begin with the quote, the first of the file not counted."""
    return text.count(delimiter + quote) + text.count("\n" + quote)


def _widths(text: str, delimiter: str, quote: str) -> list[int]:
    """Number of fields of the first rows."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        return [len(fields) for fields in itertools.islice(reader, _ROWS_TO_LOOK_AT) if fields]
    except csv.Error:
        return []


def _columns(path: Path, line: int, names: list[str]) -> tuple[str, ...]:
    """The names of the header; a name left empty (the index that pandas writes) becomes `column N`."""
    where = f"{path}:{line}"
    columns = [name.strip() or f"column {number}" for number, name in enumerate(names, start=1)]
    if len(columns) > MAX_COLUMNS:
        raise DataError(
            f"{len(columns):,} columns",
            expected=f"at most {MAX_COLUMNS:,}",
            where=where,
            hint="keep the text and the label",
        )
    if len(columns) < 2:
        raise DataError(
            "only one column",
            expected="at least two: a text and its label",
            where=where,
            hint="separate the columns by comma, semicolon or tab, and name them in the first line",
        )
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        listed = ", ".join(f"`{shown(name)}`" for name in repeated[:5])
        raise DataError(
            f"the header names {listed} twice",
            expected="different names",
            where=where,
            hint="rename one of them in the first line",
        )
    return tuple(columns)
