"""JSONL: one JSON object a line, strictly; blank lines are not rows. One line at a time is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sintonia.prepare.readers.encoding import Text
from sintonia.prepare.readers.strict_json import parse_object, reason
from sintonia.prepare.table import Problems, Row, Source

ONE_OBJECT = 'one JSON object a line, such as {"text": "...", "label": "..."}'


def open_jsonl(text: Text) -> Source:
    """The rows of a JSONL text; reading raises one DataError that lists the lines that are not JSON objects."""

    def read() -> Iterator[Row]:
        with text.reading() as stream:
            yield from _read(text.file.path, stream)

    return Source(path=text.file.path, container="jsonl", read=read, notes=(*text.notes, "format: one JSON a line"))


def _read(path: Path, stream: Iterable[str]) -> Iterator[Row]:
    problems = Problems()
    for number, line in enumerate(stream, start=1):
        if line.isspace():
            continue
        try:
            values = parse_object(line)
        except (ValueError, RecursionError) as error:
            problems.add(number, reason(error))
            continue
        yield Row(number, values)
    if problems:
        raise problems.refuse(
            path, what="cannot be read as JSON objects", expected=ONE_OBJECT, hint="correct or remove them"
        )
