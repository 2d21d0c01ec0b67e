"""Excel (.xlsx): the first sheet with rows; its first row names the columns, a row's line is its row in the sheet.

The archive is judged before it is opened: what it claims to become, how many parts it has. Formulas are never
computed; dates become ISO text. The texts of a workbook are in memory once, as Excel keeps them; rows are not.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sintonia.errors import DataError
from sintonia.prepare.readers.header import column_names, count_fields
from sintonia.prepare.readers.plain import PlainFile
from sintonia.prepare.table import Problems, Row, Source, shown

MAX_RATIO = 20
MAX_BYTES = 1024 * 1024 * 1024
_SMALL_BYTES = 16 * 1024 * 1024
_MAX_PARTS = 2000
_MAX_DIRECTORY_BYTES = 1024 * 1024
_MAX_SHEET_ROWS = 1_048_576
_MAX_SHEET_COLUMNS = 16_384
_WORKBOOK = "xl/workbook.xml"


def is_workbook(file: PlainFile) -> bool:
    """Whether a zip archive is an Excel workbook.

    Raises:
        DataError: the archive is damaged or a bomb.
    """
    with file.open() as stream:
        return any(part.filename.lower() == _WORKBOOK for part in _parts(file, stream))


def open_excel(file: PlainFile) -> Source:
    """The rows of the first sheet that has any.

    Raises:
        DataError: damaged, behind a password, a bomb, no sheet with rows, or no header.
    """
    with file.open() as stream:
        _judge(file, stream)
    name, line, names, others = _first_sheet(file)
    columns = column_names(file.path, line, names)

    def read() -> Iterator[Row]:
        problems = Problems()
        rows = _sheet_rows(file, name)
        for _ in range(line):
            next(rows, None)
        for number, cells in enumerate(rows, start=line + 1):
            width = _width(cells)
            if width > len(columns):
                problems.add(number, count_fields(width))
            elif width:
                padded = [_plain(cell) for cell in cells[: len(columns)]] + [""] * (len(columns) - len(cells))
                yield Row(number, dict(zip(columns, padded, strict=True)))
        if problems:
            raise problems.refuse(
                file.path,
                what="have more cells than the header (rows of the sheet)",
                expected=f"at most {count_fields(len(columns))}",
                hint="give each column a name in the header, or empty those cells",
            )

    notes = [f"file: `{file.path.name}`, Excel", f"format: sheet `{shown(name)}`, header in row {line}"]
    if others:
        notes.append(f"not read: {len(others)} other sheets, {', '.join(f'`{shown(one)}`' for one in others[:10])}")
    return Source(path=file.path, container="excel", read=read, notes=tuple(notes))


def _first_sheet(file: PlainFile) -> tuple[str, int, list[str], list[str]]:
    """Name of the first sheet with rows, the row of its header, the header, and the names of the other sheets."""
    sheets = _sheet_names(file)
    for least in (2, 1):  # a cover sheet of single cells is not the data
        for name in sheets:
            found = next(((n, c) for n, c in enumerate(_sheet_rows(file, name), start=1) if _width(c)), None)
            if found and _width(found[1]) >= least:
                number, cells = found
                header = [str(_plain(cell)) for cell in cells[: _width(cells)]]
                return name, number, header, [other for other in sheets if other != name]
    raise DataError(
        "there are no rows",
        expected="a sheet with a header and rows",
        where=f"{file.path}:1",
        hint="give a file with at least 50 labelled rows",
    )


_ERRORS = ("#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")
"""What a formula without a result leaves in its cell."""


def _width(cells: tuple[Any, ...]) -> int:
    """How many cells there are up to the last one that is not empty."""
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1] not in (None, "")), 0)


def _plain(cell: Any) -> Any:
    if cell is None or cell in _ERRORS:
        return ""
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell) if isinstance(cell, datetime.timedelta) else cell


def _sheet_names(file: PlainFile) -> list[str]:
    try:
        with file.open() as stream:
            sheets = _workbook(stream).worksheets
            return [sheet.title for sheet in sorted(sheets, key=lambda sheet: sheet.sheet_state != "visible")]
    except Exception as error:  # openpyxl raises KeyError, ValueError, TypeError, ParseError and more
        raise _damaged(file.path, error) from None


def _sheet_rows(file: PlainFile, name: str) -> Iterator[tuple[Any, ...]]:
    try:
        with file.open() as stream:
            sheet = _workbook(stream)[name]
            sheet.reset_dimensions()
            yield from _within_limits(sheet.iter_rows(values_only=True))
    except Exception as error:
        raise _damaged(file.path, error) from None


def _within_limits(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Rows that no sheet has are invented by a row number: the ones before it would be empty, and without end."""
    for number, cells in enumerate(rows, start=1):
        if number > _MAX_SHEET_ROWS or len(cells) > _MAX_SHEET_COLUMNS:
            raise ValueError("a row or column that no sheet has")
        yield cells


def _workbook(stream: BinaryIO) -> Any:
    import openpyxl

    return openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)


def _parts(file: PlainFile, stream: BinaryIO) -> list[zipfile.ZipInfo]:
    """The directory of the archive, whose size is judged first: zipfile would read a million entries."""
    stream.seek(max(0, file.num_bytes - 65_557))
    end = stream.read()
    place = end.rfind(b"PK\x05\x06")
    num_parts = int.from_bytes(end[place + 10 : place + 12], "little")
    directory_bytes = int.from_bytes(end[place + 12 : place + 16], "little")
    if place >= 0 and (num_parts > _MAX_PARTS or directory_bytes > _MAX_DIRECTORY_BYTES):
        raise _bomb(file.path, f"this zip archive has more than {_MAX_PARTS:,} parts")
    try:
        return zipfile.ZipFile(stream).infolist()
    except Exception as error:  # a damaged directory raises BadZipFile, struct.error, UnicodeDecodeError, OSError
        raise _damaged(file.path, error) from None


def _judge(file: PlainFile, stream: BinaryIO) -> None:
    parts = _parts(file, stream)
    total = sum(part.file_size for part in parts)
    if total > MAX_BYTES or (total > _SMALL_BYTES and total > MAX_RATIO * file.num_bytes):
        raise _bomb(file.path, f"this Excel file becomes more than {MAX_RATIO} times its size")
    try:
        archive = zipfile.ZipFile(stream)
        declared = next((part for part in parts if b"<!DOCTYPE" in archive.open(part).read(1024)), None)
    except Exception as error:  # RuntimeError for a password, BadZipFile, zlib.error, NotImplementedError
        raise _damaged(file.path, error) from None
    if declared:
        raise _bomb(file.path, "this Excel file declares entities, which Excel never does")


def _bomb(path: Path, what: str) -> DataError:
    return DataError(
        what,
        expected=f"an Excel file that becomes at most {MAX_RATIO} times its size, and at most 1 GiB",
        where=str(path),
        hint="save the sheet as CSV, UTF-8",
    )


def _damaged(path: Path, error: Exception) -> Exception:
    """One error for whatever a damaged workbook makes openpyxl raise; its own words may quote the data."""
    if isinstance(error, DataError):
        return error
    is_locked = isinstance(error, RuntimeError) and "password" in str(error)
    what = "is behind a password" if is_locked else f"is damaged ({type(error).__name__})"
    return DataError(
        f"this Excel file {what}",
        expected="a whole .xlsx file",
        where=str(path),
        hint="open it in Excel or LibreOffice and save the sheet as CSV, UTF-8",
    )
