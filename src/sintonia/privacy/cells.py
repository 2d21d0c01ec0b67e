"""Cells of a delimited file and strings of a JSON line as they are written, so that the rest stays byte for byte.

The grammar is that of RFC 4180 and RFC 8259. Nothing here knows what is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum

from sintonia.errors import DataError

Edit = tuple[int, int, str]
"""Where it begins and ends in a text, and what stands there instead."""
Rewrite = Callable[[str, str], list[Edit]]
"""From the text of a cell or string, and the name it stands under, to what is to be changed, in order."""


class Fate(IntEnum):
    """What became of a column, or of a key of the outermost object: the most that was done in any row."""

    NOT_ASKED = 0
    NO_TEXT = 1
    LEFT = 2
    CHANGED = 3


Fates = dict[str, Fate]
"""Of every column or key, in the order in which they were met."""

LONGEST_CELL = 2**24
_CLOSED = re.compile(r'[^"]*(?:""[^"]*)*"')
_UNIT = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)
"""How one character is written in a string of JSON."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')


def rows(lines: Iterator[tuple[str, str]], delimiter: str) -> Iterator[list[str]]:
    """The raw cells of each row, quotes kept; the last cell of a row holds its line end.

    `lines` are pairs of a place (`file:line`) and a line with its end.

    Raises:
        DataError: a quote is never closed.
    """
    plain = re.compile(f"[^{re.escape(delimiter)}]*")
    for where, first in lines:
        line, cells, start = first, [], 0
        while start <= len(line):
            end = start
            if line.startswith('"', start):
                line = _until_closed(lines, line, start, where)
                end = _CLOSED.match(line, start + 1).end()  # type: ignore[union-attr]
            end = plain.match(line, end).end()  # type: ignore[union-attr]
            cells.append(line[start:end])
            start = end + 1
        yield cells


def _until_closed(lines: Iterator[tuple[str, str]], line: str, start: int, where: str) -> str:
    """The line, with the lines after it up to the one that closes the quote at `start`."""
    if _CLOSED.match(line, start + 1):
        return line
    pieces, size = [line], len(line)
    for _, following in lines:
        pieces.append(following)
        size += len(following)
        if size > LONGEST_CELL:
            break
        if _CLOSED.match(following):
            return "".join(pieces)
    raise DataError(
        "a quote that opens in this row never closes",
        expected=f"a closing quote within {LONGEST_CELL:,} characters",
        hint="double a quote inside a quoted cell, or quote the whole cell",
        where=where,
    )


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with the edits made.

    >>> edited("to anna", [(3, 7, "her")])
    'to her'
    """
    return _joined(text, edits)


def _joined(units: Sequence[str], edits: Sequence[Edit]) -> str:
    """What was written character by character, with the edits made."""
    pieces, end = [], 0
    for first, last, new in edits:
        pieces += ["".join(units[end:first]), new]
        end = last
    return "".join([*pieces, *units[end:]])


def note(fates: Fates, name: str, fate: Fate) -> None:
    """Remembers the most that was done under a name."""
    fates[name] = max(fates.get(name, fate), fate)


def rewrite_cell(cell: str, title: str, rewrite: Rewrite) -> str:
    """The cell with its text rewritten, quoted as it was."""
    body, text = cell.rstrip("\r\n"), text_of(cell)
    edits = rewrite(text, title)
    if not edits:
        return cell
    changed = edited(text, edits)
    return ('"' + changed.replace('"', '""') + '"' if _is_quoted(body) else changed) + cell[len(body) :]


def text_of(cell: str) -> str:
    """What a cell says, without its quotes and line end."""
    body = cell.rstrip("\r\n")
    return body[1:-1].replace('""', '"') if _is_quoted(body) else body


def _is_quoted(body: str) -> bool:
    return len(body) >= 2 and body.startswith('"') and body.endswith('"')


def rewrite_json(line: str, rewrite: Rewrite, columns: frozenset[str], fates: Fates) -> str:
    """The JSON line with each string that is a value rewritten; keys, numbers and blanks stay as they are.

    With `columns`, only below those keys of the outermost object; what became of each of its keys is noted in `fates`.
    `line` must be valid JSON.
    """
    pieces, end = [], 0
    keys: list[str] = []
    tokens = list(_TOKEN.finditer(line))
    for position, token in enumerate(tokens):
        mark = token.group()
        if mark in "{[":
            # A list has no keys of its own: what stands in it stands under the key of the list.
            keys.append(keys[-1] if keys else "")
        elif mark in "}]":
            keys.pop()
        elif mark[0] != '"':
            continue
        elif position + 1 < len(tokens) and tokens[position + 1].group() == ":":
            keys[-1] = json.loads(mark)
            if len(keys) == 1:
                note(fates, keys[0], Fate.NO_TEXT if not columns or keys[0] in columns else Fate.NOT_ASKED)
        elif not columns or (keys and keys[0] in columns):
            changed = _rewrite_literal(mark, keys[-1] if keys else "", rewrite)
            if keys and keys[0] in fates:
                note(fates, keys[0], Fate.LEFT if changed == mark else Fate.CHANGED)
            pieces += [line[end : token.start()], changed]
            end = token.end()
    return "".join([*pieces, line[end:]])


def _rewrite_literal(literal: str, title: str, rewrite: Rewrite) -> str:
    """The string with its edits made; all else stays as it was written, escapes too."""
    is_ascii = "\\u" in literal
    edits = rewrite(json.loads(literal), title)
    written = [(first, last, json.dumps(new, ensure_ascii=is_ascii)[1:-1]) for first, last, new in edits]
    return '"' + _joined(_UNIT.findall(literal[1:-1]), written) + '"' if edits else literal
