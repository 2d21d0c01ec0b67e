"""Parquet: rows by number, read in small batches. What its metadata claims is judged before anything is decoded.

A few kilobytes can claim billions of rows: limits are on the sizes claimed, and on what a batch may become.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from sintonia.errors import DataError
from sintonia.prepare.readers.encoding import MAX_LINE_BYTES
from sintonia.prepare.readers.header import too_many_columns
from sintonia.prepare.readers.plain import PlainFile
from sintonia.prepare.table import MAX_COLUMNS, Problems, Row, Source, shown

MAX_RATIO = 20
MAX_GROUP_BYTES = 1024 * 1024 * 1024
_SMALL_BYTES = 16 * 1024 * 1024
"""What so little becomes is no danger, however well it was compressed."""
_MAX_FOOTER_BYTES = 16 * 1024 * 1024
_MAX_THRIFT_BYTES = 16 * 1024 * 1024
_MAX_THRIFT_LENGTH = 1_000_000
_MAX_ROWS_A_BYTE = 8
_BATCH_ROWS = 1024
_MAX_REPEATED, _MAX_UNMEASURED = 200, 256 * 1024 * 1024
_MAX_CHUNKS = 100_000
_USUAL_DICTIONARY_BYTES = 2 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024
_PIECE_BYTES = 16 * 1024 * 1024
_SAVE_AGAIN = "save it again where it was made, or as JSONL"


def open_parquet(file: PlainFile) -> Source:
    """The rows of a Parquet file; a row's line is its number, from 1.

    Raises:
        DataError: damaged, over 1,000 columns, or claiming to become far larger than the file is.
    """
    with _opened(file) as (parquet, _):
        _judge(file, parquet)
        notes = (
            f"file: `{file.path.name}`, Parquet",
            f"format: {parquet.metadata.num_rows:,} rows, {len(parquet.schema_arrow.names)} columns",
        )

    def read() -> Iterator[Row]:
        problems = Problems()
        try:
            with _opened(file) as (parquet, num_batch_rows):
                yield from _rows(file, parquet, num_batch_rows, problems)
        except Exception as error:
            raise _damaged(file.path, error) from None
        if problems:
            raise problems.refuse(
                file.path,
                what="cannot be used (row numbers)",
                expected="texts of at most 16 MiB, finite numbers",
                hint="remove those rows, or the column of bytes",
            )

    return Source(path=file.path, container="parquet", read=read, notes=notes)


@contextmanager
def _opened(file: PlainFile) -> Iterator[tuple[Any, int]]:
    """A pyarrow ParquetFile, its metadata read within limits, and how many rows a batch may have."""
    with file.open() as stream:
        _check_footer(file, stream)
        try:
            opened = _parquet(stream)
        except Exception as error:  # pyarrow raises its own errors, OSError, ValueError, TypeError and more
            raise _damaged(file.path, error) from None
        yield opened


def _parquet(stream: BinaryIO) -> tuple[Any, int]:
    """A text of a dictionary may be repeated in every row: batches are so small that this does no harm, and where
    the dictionary is larger than writers make them, texts stay in it and are taken out row by row.
    """
    import pyarrow.parquet

    largest = _dictionaries(stream, pyarrow.parquet.ParquetFile(stream, **_limits()).metadata)
    names = [name for name, num_bytes in largest.items() if num_bytes > _USUAL_DICTIONARY_BYTES]
    most = max((num_bytes for name, num_bytes in largest.items() if name not in names), default=1)
    parquet = pyarrow.parquet.ParquetFile(stream, read_dictionary=names, buffer_size=_BUFFER_BYTES, **_limits())
    return parquet, max(16, min(_BATCH_ROWS, _PIECE_BYTES // max(1, most)))


def _limits() -> dict[str, int]:
    return {"thrift_string_size_limit": _MAX_THRIFT_BYTES, "thrift_container_size_limit": _MAX_THRIFT_LENGTH}


def _check_footer(file: PlainFile, stream: BinaryIO) -> None:
    place = stream.seek(-8, 2) if file.num_bytes >= 12 else -1
    footer = stream.read(8)
    num_bytes = int.from_bytes(footer[:4], "little")
    if place < 0 or not footer.endswith(b"PAR1") or num_bytes > file.num_bytes - 12:
        raise DataError(
            "this Parquet file is damaged: its end is missing",
            expected="a whole Parquet file",
            where=str(file.path),
            hint="copy it again, and compare the sizes",
        )
    if num_bytes > _MAX_FOOTER_BYTES:
        raise DataError(
            "the metadata of this Parquet file are larger than 16 MiB",
            expected="at most 16 MiB, and 1,000 columns",
            where=str(file.path),
            hint=_SAVE_AGAIN,
        )


def _dictionaries(stream: BinaryIO, metadata: Any) -> dict[str, int]:
    """Bytes of the largest dictionary (texts kept once and pointed at) of each column of texts."""
    largest: dict[str, int] = {}
    if metadata.num_columns > MAX_COLUMNS or metadata.num_row_groups * metadata.num_columns > _MAX_CHUNKS:
        return largest
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in range(group.num_columns):
            chunk = group.column(column)
            if chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page:
                stream.seek(chunk.dictionary_page_offset)
                name = chunk.path_in_schema
                largest[name] = max(largest.get(name, 0), _page_bytes(stream.read(16)))
    return largest


def _page_bytes(header: bytes) -> int:
    """What a page becomes: the second number of its header (compact Thrift: 0x15, the type, 0x15, this number)."""
    number = 0
    if len(header) < 4 or header[0] != 0x15 or header[2] != 0x15:
        raise ValueError("not the header of a page")
    for place, byte in enumerate(header[3:13]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    return number >> 1


def _judge(file: PlainFile, parquet: Any) -> None:
    metadata = parquet.metadata
    if metadata.num_columns > MAX_COLUMNS:
        raise too_many_columns(file.path, 1, metadata.num_columns)
    names = list(parquet.schema_arrow.names)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(
            f"the file has {', '.join(f'`{shown(name)}`' for name in repeated[:5])} twice",
            expected="different names",
            where=f"{file.path}:1",
            hint="rename one of them where the file was made",
        )
    total = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(column) for column in range(group.num_columns)]
        num_bytes = sum(chunk.total_uncompressed_size for chunk in chunks)
        most_values = max((chunk.num_values for chunk in chunks), default=0)
        if num_bytes > MAX_GROUP_BYTES or most_values * 8 > MAX_GROUP_BYTES:
            raise _too_large(file.path, "a part of this Parquet file becomes larger than 1 GiB")
        total += num_bytes
    if total > _SMALL_BYTES and total > MAX_RATIO * file.num_bytes:
        raise _too_large(file.path, f"this Parquet file becomes more than {MAX_RATIO} times its size")
    if metadata.num_rows > 1000 + _MAX_ROWS_A_BYTE * file.num_bytes:
        raise _too_large(file.path, "this Parquet file claims more rows than its bytes can hold")


def _too_large(path: Path, what: str) -> DataError:
    return DataError(
        what,
        expected=f"at most {MAX_RATIO} times its size, 1 GiB a row group",
        where=str(path),
        hint="save it with smaller row groups, or as JSONL",
    )


def _rows(file: PlainFile, parquet: Any, num_batch_rows: int, problems: Problems) -> Iterator[Row]:
    """All rows, as long as they stay in proportion: a dictionary of one long text can be repeated without end."""
    num_characters = 0
    most_characters = max(_MAX_UNMEASURED, _MAX_REPEATED * file.num_bytes)
    pieces = (piece for batch in parquet.iter_batches(num_batch_rows, use_threads=False) for piece in _pieces(batch))
    for line, values in enumerate((values for piece in pieces for values in piece.to_pylist()), start=1):
        num_characters += sum(len(value) for value in values.values() if isinstance(value, str))
        if num_characters > most_characters:
            raise _too_large(file.path, f"this Parquet file becomes more than {_MAX_REPEATED:,} times its size")
        row = _row(line, values, problems)
        if row:
            yield row


def _row(line: int, values: dict[str, Any], problems: Problems) -> Row | None:
    try:
        return Row(line, {name: _plain(value) for name, value in values.items()})
    except ValueError as error:
        problems.add(line, str(error))
        return None


def _pieces(batch: Any) -> Iterator[Any]:
    """A batch in parts none of which becomes larger than some MiB as Python values."""
    import pyarrow.compute

    widest = 1
    for column in batch.columns:
        texts = getattr(column, "dictionary", None)
        if texts is not None and len(texts):
            widest += pyarrow.compute.max(pyarrow.compute.binary_length(texts)).as_py() or 0
    widest = max(widest, batch.nbytes // max(1, batch.num_rows))
    num_rows = max(1, min(batch.num_rows, _PIECE_BYTES // widest))
    for start in range(0, batch.num_rows, num_rows):
        yield batch.slice(start, num_rows)


def _plain(value: Any) -> Any:
    """The value as JSON would hold it: NaN, which pandas writes for nothing, is null; dates are ISO text.

    Raises:
        ValueError: what no row may hold.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, bytes):
        value = _decoded(value)
    if isinstance(value, str):
        if len(value) > MAX_LINE_BYTES or "\0" in value:
            raise ValueError("a NUL character" if "\0" in value else "a text longer than 16 MiB")
        return value
    if isinstance(value, decimal.Decimal):
        return format(value, "f") if value.is_finite() else None
    if isinstance(value, float):
        number = float(value)
        if math.isinf(number):
            raise ValueError("a number that is not finite")
        return None if math.isnan(number) else number
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _decoded(value: bytes) -> str:
    """Old writers mark texts as bytes."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("bytes that are no text") from None


def _damaged(path: Path, error: Exception) -> Exception:
    """One error for whatever a damaged file makes pyarrow raise; its own words may quote the data."""
    if isinstance(error, DataError):
        return error
    kind = "needs more memory than there is" if isinstance(error, MemoryError) else "is damaged, or is none"
    return DataError(
        f"this Parquet file {kind} ({type(error).__name__})",
        expected="a whole Parquet file",
        where=str(path),
        hint="copy it again, or " + _SAVE_AGAIN,
    )
