"""A data file without some of its rows: every other byte as it was where the format is lines, else the same values.

Formats that cannot be written without loss are refused, with what to do by hand. It reads one file and writes none.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sintonia.errors import DataError
from sintonia.prepare.erasing.finding import FoundRows
from sintonia.prepare.readers.dialect import Dialect, find_dialect
from sintonia.prepare.readers.encoding import MAX_LINE_BYTES, Text
from sintonia.prepare.readers.text import open_text

_DOCUMENT_START = "-DOCSTART-"
_BLANKS = " \t\r\n"
_WIDE = ("utf-16", "utf-32")
_BY_HAND = {
    "excel": "remove the rows in the program that writes it (formulas, charts and styles would be lost here)",
    "folder": "remove the files of those texts yourself",
    "plain text": "remove the passages in an editor: plain text has no rows",
}


def refuse_unwritable(found: FoundRows) -> None:
    """Refuses a file that cannot be written anew without loss.

    Raises:
        DataError: what to do by hand, and how to go on then.
    """
    if found.container in _WRITERS or found.container == "parquet":
        return
    raise DataError(
        f"rows cannot be taken out of this file without loss ({found.container})",
        expected="CSV, TSV, JSONL, JSON, CoNLL or Parquet",
        where=str(found.path),
        hint=f"`--keep-data` erases them from everything made of it; then {_BY_HAND[found.container]}",
    )


def without_rows(found: FoundRows) -> Iterator[bytes]:
    """The bytes of the file without the rows that were found, piece by piece; the same bytes each time.

    Raises:
        DataError: the file cannot be read, or would not be the same otherwise.
    """
    if found.container == "parquet":
        yield _parquet_without(found)
        return
    text = open_text(found.path)
    mark = "\ufeff" if text.encoding == "utf-8-sig" else ""
    yield from _encoded(text, _WRITERS[found.container](text, found), mark)


def _encoded(text: Text, pieces: Iterable[str], mark: str) -> Iterator[bytes]:
    """In the encoding of the file, with its mark."""
    encoding = "utf-8" if mark else text.encoding
    if encoding in _WIDE:
        with text.file.open() as stream:
            first = stream.read(4)
        is_little = first.startswith(b"\xff\xfe")
        yield first[: 4 if encoding == "utf-32" else 2]
        encoding += "-le" if is_little else "-be"
    yield mark.encode()
    for piece in pieces:
        yield piece.encode(encoding)


def _csv_without(text: Text, found: FoundRows) -> Iterator[str]:
    """Each row with all its lines, as they stand; the header and blank lines stay."""
    head, is_whole = text.head()
    dialect, gone = find_dialect(head, is_whole=is_whole), frozenset(found.lines)
    del head
    with text.reading() as stream:
        for start, lines in _rows_of_csv(stream, dialect):
            if start not in gone:
                yield from lines


def _rows_of_csv(stream: Iterable[str], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """The number of the first line of each row, and its lines."""
    csv.field_size_limit(MAX_LINE_BYTES)
    taken: list[str] = []
    number = 1

    def lines() -> Iterator[str]:
        for line in stream:
            taken.append(line)
            yield line

    source = lines()
    if dialect.is_said:
        next(source, "")
    reader = csv.reader(source, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
    if dialect.is_said:
        yield number, list(taken)
        number += len(taken)
        taken.clear()
    for _ in reader:
        yield number, list(taken)
        number += len(taken)
        taken.clear()


def _jsonl_without(text: Text, found: FoundRows) -> Iterator[str]:
    gone = frozenset(found.lines)
    with text.reading() as stream:
        yield from (line for number, line in enumerate(stream, start=1) if number not in gone)


def _conll_without(text: Text, found: FoundRows) -> Iterator[str]:
    """A sentence goes with its comments, which often repeat its text, and with the blank line behind it."""
    gone, block, start = frozenset(found.lines), list[str](), 1

    def kept() -> Iterator[str]:
        is_gone = not gone.isdisjoint(range(start, start + len(block)))
        yield from (one for one in block if not is_gone or one.startswith(_DOCUMENT_START))

    with text.reading() as stream:
        for number, line in enumerate(stream, start=1):
            block.append(line)
            if line.isspace() or line.startswith(_DOCUMENT_START):
                yield from kept()
                block, start = [], number + 1
    yield from kept()


def _json_without(text: Text, found: FoundRows) -> Iterator[str]:
    """The elements that stay, as they stand, with the commas between them."""
    with text.reading() as stream:
        document = stream.read()
    begins, elements, ends = _elements(document, found.path)
    gone = frozenset(found.ordinals)
    kept = [document[first:last] for number, (first, last) in enumerate(elements) if number not in gone]
    yield document[:begins]
    yield ",".join(kept)
    yield document[ends:]


def _elements(document: str, path: Path) -> tuple[int, list[tuple[int, int]], int]:
    """Where the list of rows begins behind its bracket, each element with the blanks before it, and where it ends."""
    decoder = json.JSONDecoder()
    place = _next(document, 0)
    if document[place : place + 1] == "{":
        place = _list_of_rows(document, place, decoder)
    if document[place : place + 1] != "[":
        raise DataError("the list of rows cannot be found again", where=str(path), hint="write one row a line (JSONL)")
    begins = last = place + 1
    elements: list[tuple[int, int]] = []
    while document[_next(document, last)] != "]":
        _, end = decoder.raw_decode(document, _next(document, last))
        elements.append((last, end))
        last = _next(document, end)
        if document[last] == "]":
            return begins, elements, end
        last += 1
    return begins, elements, last


def _list_of_rows(document: str, place: int, decoder: json.JSONDecoder) -> int:
    """Where the one member begins that is a list of objects."""
    place = _next(document, place + 1)
    while document[place] == '"':
        _, place = decoder.raw_decode(document, place)
        value = _next(document, _next(document, place) + 1)
        if document[value] == "[" and document[_next(document, value + 1)] == "{":
            return value
        _, place = decoder.raw_decode(document, value)
        place = _next(document, place)
        place = _next(document, place + 1) if document[place] == "," else place
    return place


def _next(document: str, place: int) -> int:
    while document[place : place + 1] and document[place] in _BLANKS:
        place += 1
    return place


def _parquet_without(found: FoundRows) -> bytes:
    """The same columns, types, metadata and compression; how pages are laid out is the writer's."""
    import io

    import numpy as np
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    with found.path.open("rb") as stream:
        file = parquet.ParquetFile(stream)
        table, metadata = file.read(), file.metadata
        packed = metadata.row_group(0).column(0).compression.lower() if metadata.num_row_groups else "snappy"
        most = max((metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)), default=1)
    is_kept = np.ones(table.num_rows, dtype=bool)
    is_kept[list(found.ordinals)] = False
    content = io.BytesIO()
    compression = "none" if packed == "uncompressed" else packed
    parquet.write_table(table.filter(arrow.array(is_kept)), content, compression=compression, row_group_size=most)
    return content.getvalue()


_WRITERS: dict[str, Callable[[Text, FoundRows], Iterator[str]]] = {
    "csv": _csv_without,
    "jsonl": _jsonl_without,
    "json": _json_without,
    "conll": _conll_without,
}
"""What writes each container that is text."""
