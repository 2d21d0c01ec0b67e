"""Texts as they come in real use, without targets, to compare the examples with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sintonia.errors import DataError, UsageError
from sintonia.prepare.columns import as_text
from sintonia.prepare.forms.form import Unusable
from sintonia.prepare.gather import Gathered
from sintonia.prepare.readers import open_source
from sintonia.prepare.readers.text import open_text
from sintonia.prepare.table import Row, Source, look_at, shown
from sintonia.settings import DataSettings


def read_production(asked: DataSettings, gathered: Gathered) -> tuple[str, ...]:
    """The inputs in the production file: at most 20,000 of them, drawn evenly.

    A `.txt` file holds one text a line; any other kind of file has the input column of the examples.

    Raises:
        UsageError: there is no such file.
        DataError: it cannot be read, or has no text where the examples have theirs.
    """
    if asked.production is None:
        return ()
    path = Path(asked.production)
    if not path.exists():
        raise UsageError(f"there is no file `{path}`", hint="check the path", where="data.production")
    if path.suffix.lower() == ".txt":
        return tuple(row.values["text"] for row in look_at(_lines(path)).rows)
    table = look_at(open_source(path))
    texts = tuple(text for row in table.rows if (text := _text_of(row, gathered)))
    if not texts:
        column = gathered.columns.get("input")
        raise DataError(
            "no row has a text where the examples have theirs",
            expected=f"a column `{shown(column)}`" if column else f"rows of the form {gathered.form.name}",
            hint="name the column like that of the examples, or give a `.txt` file with one text a line",
            where=str(path),
        )
    return texts


def _lines(path: Path) -> Source:
    """A text file as rows of one text each; blank lines are none."""
    text = open_text(path)

    def read() -> Iterator[Row]:
        with text.reading() as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield Row(number, {"text": line.strip()})

    return Source(path=path, container="text", read=read, notes=text.notes)


def _text_of(row: Row, gathered: Gathered) -> str:
    column = gathered.columns.get("input")
    if column is not None:
        return as_text(row.values.get(column)) or ""
    try:
        return gathered.form.parse(row, gathered.columns).text
    except Unusable:
        return ""
