"""Redacts a file into a new one, line by line, in its own format: CSV, TSV, JSONL or plain text.

The input is only read, an existing output is never touched, and the output is whole or absent. Memory does not grow
with the file, only with the number of distinct values and keys.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import BinaryIO

from sintonia.errors import DataError, UsageError, nearest
from sintonia.files import storage_errors, sync_folder
from sintonia.privacy.cells import (
    LONGEST_CELL,
    Fate,
    Fates,
    Rewrite,
    edited,
    note,
    rewrite_cell,
    rewrite_json,
    rows,
    text_of,
)
from sintonia.privacy.detect import find_personal_data
from sintonia.privacy.redact import Redactor, restoring
from sintonia.privacy.sealed_mapping import read_mapping, write_mapping

FORMATS = (".csv", ".tsv", ".jsonl", ".txt")
_MARK = "\ufeff"
_DELIMITERS = ",;\t|"
_LONGEST_NAME = 40
Places = Iterator[tuple[str, str]]
"""Pairs of a place (`file:line`) and a line with its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What was replaced in a file."""

    num_lines: int
    replaced: dict[str, int]
    """Kind -> how many places."""
    distinct: dict[str, int]
    """Kind -> how many different values."""
    fates: Fates = field(default_factory=dict)
    """Column or outermost key -> the most that was done in it, in their order; empty of plain text.

    One whose name may be data goes by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Where the mapping goes, and the passphrase that its key is made from."""

    path: Path
    passphrase: str


@dataclass(slots=True, kw_only=True)
class _Asked:
    """How texts are rewritten and in which columns, all where none are named; and what became of each."""

    rewrite: Rewrite
    columns: Sequence[str] = ()
    fates: Fates = field(default_factory=dict)

    def is_for(self, title: str) -> bool:
        """Whether a column is looked at."""
        return not self.columns or title in self.columns


def redact_file(source: Path, target: Path, *, columns: Sequence[str] = (), seal: Seal | None = None) -> Redaction:
    """Writes `target`: `source` with personal data replaced, the same value by the same placeholder throughout.

    Everything else stays byte for byte: delimiter, quotes, line ends, byte order mark, order and form of JSON.
    With `columns`, only these columns (CSV, TSV) or keys of the outermost object (JSONL) are looked at. The names
    of columns and keys count as words before a value; numbers in JSON, which are no strings, stay. In plain text a
    line is looked at by itself. Both files written have mode 0600.

    Raises:
        UsageError: a file exists already, the format or a column is unknown.
        DataError: the input is missing, is not UTF-8, or is malformed at a line.
        StorageError: the output cannot be written.
    """
    redactor = Redactor()
    refuse_existing(target, *([seal.path] if seal else []))
    for _, line in _lines(source):
        redactor.reserve(line)
    done = _Asked(rewrite=redactor.edits, columns=columns)
    num_lines = _rewrite_file(source, target, done, before_end=lambda: _write(seal, redactor))
    replaced, distinct = dict(redactor.num_replaced), dict(redactor.num_distinct)
    fates = _of_keys(done.fates) if source.suffix.lower() == ".jsonl" else done.fates
    return Redaction(num_lines=num_lines, replaced=replaced, distinct=distinct, fates=fates)


def restore_file(source: Path, target: Path, seal: Seal) -> int:
    """Writes `target`: a redacted `source` with the values of the mapping in their places; returns its lines.

    A value that was spelled in several ways comes back as it was first spelled.

    Raises:
        UsageError, DataError, StorageError: as `redact_file`; or the mapping cannot be opened.
    """
    refuse_existing(target)
    mapping = read_mapping(seal.path, seal.passphrase)
    return _rewrite_file(source, target, _Asked(rewrite=lambda text, _: restoring(text, mapping)))


def refuse_existing(*paths: Path) -> None:
    """Refuses to write over a file.

    Raises:
        UsageError: one of the paths exists, or they are the same.
    """
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(f"`{path}` exists already", hint="name a new file, or remove that one")
    if len({path.absolute() for path in paths}) < len(paths):
        raise UsageError(f"`{paths[0]}` is named twice", hint="the mapping needs a file of its own")


def _write(seal: Seal | None, redactor: Redactor) -> None:
    if seal:
        write_mapping(seal.path, redactor.mapping, seal.passphrase)


def _nothing() -> None:
    """When there is nothing left to write."""


def _rewrite_file(source: Path, target: Path, asked: _Asked, before_end: Callable[[], None] = _nothing) -> int:
    """Rewrites each text of the source into the target; how many lines it had."""
    if source.suffix.lower() == ".txt" and asked.columns:
        raise UsageError("a text file has no columns", hint="leave `--columns` out")
    num_lines = 0

    def counted() -> Places:
        nonlocal num_lines
        for num_lines, place in enumerate(_lines(source), start=1):  # noqa: B007
            yield place

    by_format = {".jsonl": _json_lines, ".txt": _text_lines}
    rewritten = by_format.get(source.suffix.lower(), _table_lines)(counted(), asked)
    with _new_file(target) as stream:
        for line in rewritten:
            stream.write(line.encode())
        stream.flush()
        os.fsync(stream.fileno())
        before_end()
    return num_lines


def _text_lines(places: Places, asked: _Asked) -> Iterator[str]:
    return (edited(line, asked.rewrite(line, "")) for _, line in places)


def _table_lines(places: Places, asked: _Asked) -> Iterator[str]:
    """Rows with the cells of these columns rewritten, of all columns when none are named."""
    first = next(places, None)
    if first is None:
        return
    where, heading = first
    delimiter = max(_DELIMITERS, key=heading.count) if not where.rpartition(":")[0].endswith(".tsv") else "\t"
    mark = heading[: heading.startswith(_MARK)]
    table = rows(_chain((where, heading.removeprefix(_MARK)), places), delimiter)
    first_row = next(table)
    titles = [text_of(cell) for cell in first_row]
    _check_columns(asked.columns, titles)
    # A file without a header has data where the names should be: they are no words before a value.
    written = [_cell(cell, title, "", asked) for cell, title in zip(first_row, titles, strict=True)]
    told = [_told(title, number, was == now) for number, title, was, now in zip(count(1), titles, first_row, written)]
    yield mark + delimiter.join(written)
    for cells in table:
        known = [*titles[: len(cells)], *[""] * (len(cells) - len(titles))]
        written = [_cell(cell, title, title, asked) for cell, title in zip(cells, known, strict=True)]
        for name, title, was, now in zip(told, titles, cells, written, strict=False):
            fate = Fate.CHANGED if was != now else Fate.LEFT if asked.is_for(title) else Fate.NOT_ASKED
            note(asked.fates, name, fate)
        yield delimiter.join(written)


def _cell(cell: str, title: str, name: str, asked: _Asked) -> str:
    return rewrite_cell(cell, name, asked.rewrite) if asked.is_for(title) else cell


def _told(title: str, number: int, is_clean: bool) -> str:
    """A column by its name, unless that may be data: then by its number."""
    return title if is_clean and _is_short(title) else f"column {number}"


def _of_keys(fates: Fates) -> Fates:
    """The same of keys, which nothing is replaced in."""
    told: Fates = {}
    for number, (key, fate) in enumerate(fates.items(), start=1):
        note(told, key if _is_name(key) else f"key {number}", fate)
    return told


def _is_name(title: str) -> bool:
    return _is_short(title) and not find_personal_data(title)


def _is_short(title: str) -> bool:
    return 0 < len(title) <= _LONGEST_NAME and title.isprintable()


def _chain(first: tuple[str, str], rest: Places) -> Places:
    yield first
    yield from rest


def _json_lines(places: Places, asked: _Asked) -> Iterator[str]:
    """JSON lines with the strings below these keys rewritten, all strings when none are named."""
    columns = frozenset(asked.columns)
    for where, line in places:
        mark, body = line[: line.startswith(_MARK)], line.removeprefix(_MARK)
        if not body.strip():
            yield line
            continue
        try:
            json.loads(body, parse_constant=_refuse_constant)
        except RecursionError:
            raise DataError("the JSON is nested too deeply", where=where) from None
        except ValueError as error:
            what = getattr(error, "msg", str(error))
            raise DataError(f"not valid JSON: {what}", expected="one JSON value a line", where=where) from None
        yield mark + rewrite_json(body, asked.rewrite, columns, asked.fates)
    _check_columns(asked.columns, asked.fates)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _check_columns(columns: Sequence[str], known: Iterable[str]) -> None:
    names = list(known)
    for column in columns:
        if column not in names:
            told = [name for name in names if _is_name(name)]
            hint = f"the nearest: {nearest(column, told)}" if told else ""
            raise UsageError(f"there is no column `{column}`", hint=hint)


def _lines(source: Path) -> Places:
    """The lines of a UTF-8 file, each with its end, by `\\n` alone; a byte order mark stays on the first.

    Raises:
        UsageError: the format is not one we keep.
        DataError: there is no such file, a line is not UTF-8 or too long.
    """
    if source.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot redact a `{source.suffix or source.name}` file", expected=" ".join(FORMATS))
    if not source.is_file():
        raise DataError(f"there is no file `{source}`")
    with storage_errors(source), source.open("rb") as stream:
        number = 0
        while line := stream.readline(LONGEST_CELL + 1):
            number += 1
            where = f"{source}:{number}"
            if len(line) > LONGEST_CELL:
                raise DataError("the line is too long", expected=f"at most {LONGEST_CELL:,} bytes", where=where)
            try:
                yield where, line.decode()
            except UnicodeDecodeError as error:
                hint = "save the file as UTF-8 (in Excel: `CSV UTF-8`)"
                raise DataError(f"byte 0x{line[error.start]:02x} is not UTF-8", hint=hint, where=where) from None


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """A stream into a file that appears, whole and with mode 0600, when the block ends well."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    with storage_errors(target):
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
            refuse_existing(target)
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(target.parent)
