"""The formats that can be read: one file a format. A reader gives rows with exact line numbers, or one error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sintonia.errors import DataError
from sintonia.prepare.readers import csv, jsonl
from sintonia.prepare.readers.text import read_text
from sintonia.prepare.table import Table

READERS: dict[str, Callable[[Path, str], Table]] = {
    ".csv": csv.read,
    ".tsv": csv.read,
    ".jsonl": jsonl.read,
    ".ndjson": jsonl.read,
}
"""Reader by suffix. A reader takes the path (for messages) and the decoded text."""


def read_table(path: Path) -> Table:
    """Reads a data file.

    Raises:
        DataError: not a plain file, an unknown format, an encoding or a row that cannot be read, no row.
        StorageError: the operating system refuses to read it.
    """
    reader = READERS.get(path.suffix.lower())
    text, encoding = read_text(path)
    if reader is None:
        known = ", ".join(f"`{suffix}`" for suffix in READERS)
        raise DataError(
            f"`{path.suffix or path.name}` is not a format that can be read",
            expected=f"one of {known}",
            hint="save the data as CSV, or as JSONL (one JSON object a line)",
            where=str(path),
        )
    table = reader(path, text)
    if not table.rows:
        raise DataError(
            "there are no rows",
            expected="a header and rows, or one JSON object a line",
            hint="give a file with at least 50 labelled rows",
            where=f"{path}:1",
        )
    notes = (f"file: {len(table.rows):,} rows read from `{path.name}`, {encoding}", *table.notes)
    return Table(path=path, columns=table.columns, rows=table.rows, notes=notes)
