"""Cells of a delimited file and strings of a JSON line as they are written, so that the rest stays byte for byte.

The grammar is that of RFC 4180 and RFC 8259. Nothing here knows what is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from sintonia.errors import DataError

Rewrite = Callable[[str, str], str]
"""From the text of a cell or string, and the name it stands under, to its new text."""

LONGEST_CELL = 2**24
_CLOSED = re.compile(r'[^"]*(?:""[^"]*)*"')
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


def rewrite_cell(cell: str, title: str, rewrite: Rewrite) -> str:
    """The cell with its text rewritten, quoted as it was."""
    body = cell.rstrip("\r\n")
    if len(body) < 2 or not (body.startswith('"') and body.endswith('"')):
        return rewrite(body, title) + cell[len(body) :]
    text = body[1:-1].replace('""', '"')
    changed = rewrite(text, title)
    return cell if changed == text else '"' + changed.replace('"', '""') + '"' + cell[len(body) :]


def text_of(cell: str) -> str:
    """What a cell says, without its quotes and line end."""
    read: list[str] = []
    rewrite_cell(cell, "", lambda text, _: read.append(text) or text)  # type: ignore[func-returns-value]
    return read[0]


def rewrite_json(line: str, rewrite: Rewrite, columns: frozenset[str], seen: set[str]) -> str:
    """The JSON line with each string that is a value rewritten; keys, numbers and blanks stay as they are.

    With `columns`, only below those keys of the outermost object; the keys of that object are added to `seen`.
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
                seen.add(keys[0])
        elif not columns or (keys and keys[0] in columns):
            pieces += [line[end : token.start()], _rewrite_literal(mark, keys[-1] if keys else "", rewrite)]
            end = token.end()
    return "".join([*pieces, line[end:]])


def _rewrite_literal(literal: str, title: str, rewrite: Rewrite) -> str:
    text = json.loads(literal)
    changed = rewrite(text, title)
    return literal if changed == text else json.dumps(changed, ensure_ascii="\\u" in literal)
