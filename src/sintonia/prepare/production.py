"""Texts as they come in real use, without targets: to compare the examples with, and to be answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sintonia.errors import DataError, UsageError
from sintonia.prepare.columns import as_text
from sintonia.prepare.forms.form import Unusable
from sintonia.prepare.gather import Gathered
from sintonia.prepare.readers import open_source
from sintonia.prepare.readers.text import open_text
from sintonia.prepare.table import Problems, Row, Source, look_at, shown
from sintonia.records import Prepared
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
        return tuple(row.values["text"] for row in look_at(text_lines(path)).rows)
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


def read_inputs(file: Path, prepared: Prepared) -> list[str]:
    """The texts of a table that is to be answered, in the order of its rows, each of which gets an answer.

    Raises:
        DataError: the input of the run is no single column, the file lacks it, or rows have no text there.
    """
    column = prepared.columns.get("input")
    if column is None:
        raise DataError(
            f"the inputs of the run are no single column (its form is {prepared.form})",
            expected="a plain text file, one text a line",
            where=str(file),
        )
    texts, problems = list[str](), Problems()
    for row in open_source(file).read():
        if not texts and column not in row.values:
            raise DataError(
                f"there is no column `{shown(column)}`",
                expected="the input column of the data of the run",
                where=f"{file}:{row.line}",
                hint=f"it has {', '.join(f'`{shown(name)}`' for name in list(row.values)[:12])}: rename one of them",
            )
        text = as_text(row.values.get(column)) or ""
        if not text.strip():
            problems.add(row.line, "no text")
        texts.append(text)
    if problems.count:
        raise problems.refuse(
            str(file), what="without an input", expected=f"a text in `{shown(column)}`", hint="remove these rows"
        )
    if not texts:
        raise DataError("there is no row in it", where=str(file), expected=f"rows with `{shown(column)}`")
    return texts


def text_lines(path: Path) -> Source:
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
