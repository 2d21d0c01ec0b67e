"""Redacts a file into a new one, line by line, in its own format: CSV, TSV, JSONL or plain text.

The input is only read, an existing output is never touched, and the output is whole or absent. Memory does not grow
with the file, only with the number of distinct values.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sintonia.errors import DataError, UsageError, nearest
from sintonia.files import storage_errors, sync_folder
from sintonia.privacy.cells import LONGEST_CELL, Rewrite, rewrite_cell, rewrite_json, rows, text_of
from sintonia.privacy.redact import Redactor, restore
from sintonia.privacy.sealed_mapping import read_mapping, write_mapping

FORMATS = (".csv", ".tsv", ".jsonl", ".txt")
_MARK = "\ufeff"
_DELIMITERS = ",;\t|"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Where the mapping goes, and the passphrase that its key is made from."""

    path: Path
    passphrase: str


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
    num_lines = _rewrite_file(source, target, redactor.redact, columns, before_end=lambda: _write(seal, redactor))
    return Redaction(num_lines=num_lines, replaced=dict(redactor.num_replaced), distinct=dict(redactor.num_distinct))


def restore_file(source: Path, target: Path, seal: Seal) -> int:
    """Writes `target`: a redacted `source` with the values of the mapping in their places; returns its lines.

    A value that was spelled in several ways comes back as it was first spelled.

    Raises:
        UsageError, DataError, StorageError: as `redact_file`; or the mapping cannot be opened.
    """
    refuse_existing(target)
    mapping = read_mapping(seal.path, seal.passphrase)
    return _rewrite_file(source, target, lambda text, _: restore(text, mapping), ())


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


def _rewrite_file(
    source: Path,
    target: Path,
    rewrite: Rewrite,
    columns: Sequence[str],
    before_end: Callable[[], None] = _nothing,
) -> int:
    """Rewrites each text of the source into the target; how many lines it had."""
    if source.suffix.lower() == ".txt" and columns:
        raise UsageError("a text file has no columns", hint="leave `--columns` out")
    num_lines = 0

    def counted() -> Places:
        nonlocal num_lines
        for num_lines, place in enumerate(_lines(source), start=1):  # noqa: B007
            yield place

    by_format = {".jsonl": _json_lines, ".txt": _text_lines}
    rewritten = by_format.get(source.suffix.lower(), _table_lines)(counted(), rewrite, columns)
    with _new_file(target) as stream:
        for line in rewritten:
            stream.write(line.encode())
        stream.flush()
        os.fsync(stream.fileno())
        before_end()
    return num_lines


def _text_lines(places: Places, rewrite: Rewrite, columns: Sequence[str]) -> Iterator[str]:
    return (rewrite(line, "") for _, line in places)


def _table_lines(places: Places, rewrite: Rewrite, columns: Sequence[str]) -> Iterator[str]:
    """Rows with the cells of these columns rewritten, of all columns when none are named."""
    first = next(places, None)
    if first is None:
        return
    where, heading = first
    delimiter = max(_DELIMITERS, key=heading.count) if not where.rpartition(":")[0].endswith(".tsv") else "\t"
    titles: list[str] = []
    mark = heading[: heading.startswith(_MARK)]
    for cells in rows(_chain((where, heading.removeprefix(_MARK)), places), delimiter):
        if not titles:
            titles = [text_of(cell) for cell in cells]
            _check_columns(columns, titles)
            # A file without a header has data where the names should be.
            names = [""] * len(cells)
        else:
            names = titles[: len(cells)] + [""] * (len(cells) - len(titles))
        chosen = [not columns or (number < len(titles) and titles[number] in columns) for number in range(len(cells))]
        yield mark + delimiter.join(
            rewrite_cell(cell, name, rewrite) if is_chosen else cell
            for cell, name, is_chosen in zip(cells, names, chosen, strict=True)
        )
        mark = ""


def _chain(first: tuple[str, str], rest: Places) -> Places:
    yield first
    yield from rest


def _json_lines(places: Places, rewrite: Rewrite, columns: Sequence[str]) -> Iterator[str]:
    """JSON lines with the strings below these keys rewritten, all strings when none are named."""
    asked, seen = frozenset(columns), set[str]()
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
        yield mark + rewrite_json(body, rewrite, asked, seen)
    _check_columns(columns, seen)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _check_columns(columns: Sequence[str], known: Iterable[str]) -> None:
    names = list(known)
    for column in columns:
        if column not in names:
            raise UsageError(f"there is no column `{column}`", hint=f"the nearest: {nearest(column, names)}")


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
