"""JSON: one document that is a list of objects, or an object with one such list in it, read element by element.

Each row knows the line its element starts on. An element at a time is in memory, never the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from sintonia.errors import DataError
from sintonia.prepare.readers.encoding import MAX_LINE_BYTES, Text
from sintonia.prepare.readers.strict_json import checked_object, parse_at, reason, refuse_swarm
from sintonia.prepare.table import Problems, Row, Source, shown

_EXPECTED = 'a list of objects, [{"text": "...", "label": "..."}, ...], or an object with one such list'
_BLANKS = re.compile(r"[ \t\r\n]*")
_BLOCK = 256 * 1024
_NEAR_THE_END = 16
"""An error so near the end of what was read may only mean that the rest is missing: a cut `false` or `\\u12`."""


def open_json(text: Text) -> Source:
    """The rows of a JSON document; reading raises DataError where it is no JSON or holds no list of objects."""
    path = text.file.path

    def read() -> Iterator[Row]:
        with text.reading() as stream:
            yield from _read(_Document(path, stream))

    return Source(path=path, container="json", read=read, notes=(*text.notes, "format: one JSON document"))


class _Document:
    """A window on a JSON document that moves forward: a place in it, and the line of that place."""

    def __init__(self, path: Path, stream: TextIO) -> None:
        self.path = path
        self.line = 1
        self._stream, self._window, self._place = stream, "", 0
        self._is_all = self._cut_cr = False

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            rest = self._window[self._place : self._place + 1]
            if rest and rest not in " \t\r\n":
                return rest
            self._advance(_BLANKS.match(self._window, self._place).end())  # type: ignore[union-attr]
            if self._place == len(self._window) and not self._more():
                return ""

    def take(self, expected: str) -> str:
        """Steps over the next character, which is one of those expected."""
        found = self.peek()
        if not found or found not in expected:
            raise self.refuse(f"expecting {' or '.join(f'`{one}`' for one in expected)}", self.line)
        self._advance(self._place + 1)
        return found

    def opens_objects(self) -> bool:
        """Whether what comes next is a list whose first element is an object."""
        while self.peek() == "[":
            inside = self._window[_BLANKS.match(self._window, self._place + 1).end() :]  # type: ignore[union-attr]
            if inside or len(self._window) - self._place > MAX_LINE_BYTES or not self._more():
                return inside.startswith("{")
        return False

    def value(self) -> tuple[Any, str]:
        """The next value and the text of it, read on until it is whole.

        Raises:
            DataError: no JSON, nested far too deep, or longer than 16 MiB.
        """
        self.peek()
        while True:
            try:
                value, end = parse_at(self._window, self._place)
            except json.JSONDecodeError as error:
                self._read_on(error)
                continue
            except RecursionError as error:
                raise self.refuse(reason(error), self.line) from None
            if end == len(self._window) and self._more():
                continue
            text = self._window[self._place : end]
            self._advance(end)
            return value, text

    def refuse(self, what: str, line: int) -> DataError:
        """The document cannot be read on from here."""
        return DataError(what, expected=_EXPECTED, where=f"{self.path}:{line}", hint="correct it there")

    def _read_on(self, error: json.JSONDecodeError) -> None:
        """More of an element that is not whole yet, or the error when more would not help."""
        line = self.line + _num_line_ends(self._window[self._place : error.pos])
        num_characters = len(self._window) - self._place
        may_go_on = error.msg.startswith("Unterminated") or error.pos >= len(self._window) - _NEAR_THE_END
        if may_go_on and num_characters > MAX_LINE_BYTES:
            raise self.refuse("a value is longer than 16 MiB", self.line)
        if may_go_on:
            try:
                refuse_swarm(self._window[self._place :])
            except ValueError as swarm:
                raise self.refuse(reason(swarm), self.line) from None
        if not may_go_on or not self._more():
            raise self.refuse(error.msg.replace("Expecting", "expecting"), line)

    def _more(self) -> bool:
        """Reads on, as much again as the element has so far: each attempt to parse it then costs less than all."""
        block = "" if self._is_all else self._stream.read(max(_BLOCK, len(self._window) - self._place))
        self._is_all = not block
        self._window, self._place = self._window[self._place :] + block, 0
        return bool(block)

    def _advance(self, place: int) -> None:
        passed = self._window[self._place : place]
        if passed:
            self.line += _num_line_ends(passed) - (self._cut_cr and passed.startswith("\n"))
            self._cut_cr = passed.endswith("\r")
        self._place = place


def _num_line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _read(document: _Document) -> Iterator[Row]:
    problems = Problems()
    if document.peek() == "[":
        yield from _elements(document, problems)
    else:
        yield from _members(document, problems)
    if document.peek():
        raise document.refuse("something follows the end of the JSON document", document.line)
    if problems:
        raise problems.refuse(
            document.path, what="cannot be read as rows", expected=_EXPECTED, hint="correct or remove them"
        )


def _elements(document: _Document, problems: Problems) -> Iterator[Row]:
    """The objects of a list; what is none, or holds what no row may, is a problem."""
    document.take("[")
    if document.peek() == "]":
        document.take("]")
        return
    follows = ","
    while follows == ",":
        document.peek()
        line = document.line
        value, text = document.value()
        try:
            values = checked_object(value, text)
        except (ValueError, RecursionError) as error:
            problems.add(line, reason(error))
        else:
            yield Row(line, values)
        follows = document.take(",]")


def _members(document: _Document, problems: Problems) -> Iterator[Row]:
    """The rows of the one list of objects among the members of an object."""
    document.take("{")
    found: list[str] = []
    follows = "," if document.peek() != "}" else document.take("}")
    while follows == ",":
        if document.peek() != '"':
            raise document.refuse("expecting a name between double quotes", document.line)
        key = str(document.value()[0])
        document.take(":")
        if document.peek() == "[" and document.opens_objects():
            found.append(key)
            if len(found) > 1:
                names = " and ".join(f"`{shown(name)}`" for name in found)
                raise document.refuse(f"two lists of objects, {names}: which of them are the rows?", document.line)
            yield from _elements(document, problems)
        else:
            document.value()
        follows = document.take(",}")
    if not found:
        raise document.refuse("the file is one JSON object that holds no list of rows", 1)
