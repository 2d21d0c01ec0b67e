"""Texts as they come in real use, without targets: to compare the examples with, and to be answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sintonia.errors import DataError, UsageError
from sintonia.prepare.columns import as_text
from sintonia.prepare.forms.asked import conversation_asked
from sintonia.prepare.forms.form import Blank, Unusable
from sintonia.prepare.forms.looking import decoded, list_in, raw_text_in
from sintonia.prepare.forms.tokens import TOKEN_COLUMNS, asked_of_tokens, scheme_of_form
from sintonia.prepare.gather import Gathered
from sintonia.prepare.readers import open_source
from sintonia.prepare.readers.text import open_text
from sintonia.prepare.table import Problems, Row, Source, look_at, of_file, shown
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAnswer:
    """The rows of a table that is to be answered; nothing of it is kept in memory."""

    columns: Mapping[str, frozenset[str]]
    """The columns in their order, each with the kinds of its values: `str`, `int`, `float`, `bool`, others by name."""
    num_rows: int
    read: Callable[[], Iterator[tuple[dict[str, Any], Any]]]
    """Gives each row as it stands, and what the model is asked of it: None where nothing is."""
    blank_lines: tuple[int, ...] = ()
    """Of the rows in which nothing stands that could be answered."""


def read_inputs(file: Path, prepared: Prepared) -> ToAnswer:
    """A table with the columns of the data of a run. It is read once here, so that what is wrong is said at once.

    What is asked is a text, or a pair of texts; of a run that learned tags, what an example keeps of a row: its `text`
    and, of a list of tokens, their places; of one that writes, `messages` before an answer, and `tools`.

    Raises:
        DataError: the input of the run is in no column or two, the file lacks it, or something else stands there, or in
            no row anything.
    """
    source, ask = open_source(file), _asking(file, prepared)
    columns, problems, blank, num_rows = dict[str, set[str]](), Problems(), list[int](), 0
    for row in source.read():
        num_rows += 1
        for name, value in row.values.items():
            columns.setdefault(name, set()).update(_kind_of(value))
        try:
            ask(row)
        except Blank:
            blank.append(row.line)
        except Unusable as unusable:
            problems.add(row.line, str(unusable))
    if problems:
        expected = "something to answer, or nothing at all"
        raise problems.refuse(str(file), what="without an input", expected=expected, hint="remove these rows")
    if len(blank) == num_rows:
        what = f"nothing to answer stands in any of the {num_rows:,} rows" if num_rows else "there is no row in it"
        raise DataError(what, where=str(file), expected="rows as those of the data of the run")
    kinds = {name: frozenset(some) for name, some in columns.items()}

    def read() -> Iterator[tuple[dict[str, Any], Any]]:
        for row in source.read():
            with suppress(Blank):
                yield row.values, ask(row)
                continue
            yield row.values, None

    return ToAnswer(columns=kinds, num_rows=num_rows, read=read, blank_lines=tuple(blank))


def _kind_of(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    is_long = isinstance(value, int) and not -(2**63) <= value < 2**63
    return ("integer of any length" if is_long else type(value).__name__,)


def _asking(file: Path, prepared: Prepared) -> Callable[[Row], Any]:
    """What is asked of a row. It raises Unusable for a row, DataError where its column is not there."""
    if prepared.task in ("chat", "prefer"):
        return partial(_conversation, file, prepared.columns)
    if prepared.task == "tag":
        return partial(_tagged, file, prepared)
    roles = ("text",) if prepared.task == "pretrain" else ("input", "first", "second")
    columns = [prepared.columns[role] for role in roles if role in prepared.columns]
    if not columns:
        raise DataError(
            f"the inputs of the run are no single column (its form is {prepared.form})",
            expected="a plain text file, one text a line",
            where=str(file),
        )
    return partial(_texts, file, columns)


def _texts(file: Path, columns: Sequence[str], row: Row) -> str | tuple[str, str]:
    missing = [f"`{shown(column)}`" for column in columns if column not in row.values]
    if missing:
        expected = f"the input column{'s' * (len(columns) > 1)} of the data of the run"
        raise _lacking(file, row, f"no column {' and no '.join(missing)}", expected)
    texts = tuple(as_text(row.values[column]) or "" for column in columns)
    if not all(text.strip() for text in texts):
        is_blank = all(as_text(row.values[column]) == "" for column in columns)
        raise Blank("no text") if is_blank else Unusable("no text")
    return (texts[0], texts[1]) if len(texts) > 1 else texts[0]


def _conversation(file: Path, columns: Mapping[str, str], row: Row) -> dict[str, Any]:
    asked = conversation_asked(row.values, columns)
    if asked is None:
        known = columns.get("messages") or columns.get("input") or "messages"
        expected = f"`{shown(known)}` as in the data of the run, or `messages`, or `prompt`"
        raise _lacking(file, row, "no column with a prompt or a conversation", expected)
    return asked


def _tagged(file: Path, prepared: Prepared, row: Row) -> dict[str, Any]:
    own = prepared.columns["input"]
    column = next((name for name in (own, *TOKEN_COLUMNS, "text") if name in row.values), None)
    if column is None:
        expected = f"the input column of the data of the run, or `{TOKEN_COLUMNS[0]}`, or `text`"
        raise _lacking(file, row, f"no column `{shown(own)}`", expected)
    is_of_tokens = column in TOKEN_COLUMNS or scheme_of_form(prepared.form) is not None
    value = decoded(row.values[column]) if is_of_tokens else row.values[column]
    if isinstance(value, list):
        return asked_of_tokens(list_in({column: value}, column))
    return {"text": raw_text_in(row.values, column)}


def _lacking(file: Path, row: Row, what: str, expected: str) -> DataError:
    has = of_file(list(row.values))
    return DataError(
        f"there is {what}", expected=expected, where=f"{file}:{row.line}", hint=f"it has {has}: rename one of them"
    )


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
