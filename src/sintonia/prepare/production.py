"""Texts as they come in real use, without targets: to compare the examples with, and to be answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sintonia.errors import DataError, UsageError
from sintonia.prepare.columns import as_text
from sintonia.prepare.forms.form import Unusable
from sintonia.prepare.forms.looking import decoded, list_in, raw_text_in
from sintonia.prepare.forms.tokens import TOKEN_COLUMNS, asked_of_tokens, scheme_of_form
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


def read_inputs(file: Path, prepared: Prepared) -> list[str] | list[tuple[str, str]] | list[dict[str, Any]]:
    """The texts of a table that is to be answered, or its pairs, in the order of its rows; each gets an answer.

    Of a run that learned tags, what an example keeps of each row: its `text` and, of a list of tokens, their places.

    Raises:
        DataError: the input of the run is in no column or two, the file lacks it, or rows have no text there.
    """
    if prepared.task == "tag":
        return _read_tagged(file, prepared)
    columns = [prepared.columns[role] for role in ("input", "first", "second") if role in prepared.columns]
    if not columns:
        raise DataError(
            f"the inputs of the run are no single column (its form is {prepared.form})",
            expected="a plain text file, one text a line",
            where=str(file),
        )
    named = " and ".join(f"`{shown(column)}`" for column in columns)
    found, problems = list[tuple[str, ...]](), Problems()
    for row in open_source(file).read():
        missing = [f"`{shown(column)}`" for column in columns if column not in row.values]
        if not found and missing:
            raise DataError(
                f"there is no column {' and no '.join(missing)}",
                expected=f"the input column{'s' * (len(columns) > 1)} of the data of the run",
                where=f"{file}:{row.line}",
                hint=f"it has {', '.join(f'`{shown(name)}`' for name in list(row.values)[:12])}: rename one of them",
            )
        texts = tuple(as_text(row.values.get(column)) or "" for column in columns)
        if not all(text.strip() for text in texts):
            problems.add(row.line, "no text")
        found.append(texts)
    if problems.count:
        raise problems.refuse(
            str(file), what="without an input", expected=f"a text in {named}", hint="remove these rows"
        )
    if not found:
        raise DataError("there is no row in it", where=str(file), expected=f"rows with {named}")
    return [(one[0], one[1]) for one in found] if len(columns) > 1 else [one[0] for one in found]


def _read_tagged(file: Path, prepared: Prepared) -> list[dict[str, Any]]:
    own, found, problems = prepared.columns["input"], list[dict[str, Any]](), Problems()
    for row in open_source(file).read():
        column = next((name for name in (own, *TOKEN_COLUMNS, "text") if name in row.values), None)
        if column is None:
            raise DataError(
                f"there is no column `{shown(own)}`",
                expected=f"the input column of the data of the run, or `{TOKEN_COLUMNS[0]}`, or `text`",
                where=f"{file}:{row.line}",
                hint=f"it has {', '.join(f'`{shown(name)}`' for name in list(row.values)[:12])}: rename one of them",
            )
        is_of_tokens = column in TOKEN_COLUMNS or scheme_of_form(prepared.form) is not None
        value = decoded(row.values[column]) if is_of_tokens else row.values[column]
        try:
            if isinstance(value, list):
                found.append(asked_of_tokens(list_in({column: value}, column)))
            else:
                found.append({"text": raw_text_in(row.values, column)})
        except Unusable as unusable:
            problems.add(row.line, str(unusable))
    if problems.count:
        expected = "a text, or a list of tokens that are texts"
        raise problems.refuse(str(file), what="without an input", expected=expected, hint="remove these rows")
    if not found:
        raise DataError("there is no row in it", where=str(file), expected=f"rows with `{shown(own)}`")
    return found


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
