"""JSONL: one JSON object a line. Strict: no NaN, no repeated key, no lone surrogate; blank lines are not rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from sintonia.errors import DataError
from sintonia.prepare.table import Problem, Row, Table, refuse

MAX_COLUMNS = 1000
MAX_DEPTH = 64
_ONE_OBJECT = 'one JSON object a line, such as {"text": "...", "label": "..."}'


def read(path: Path, text: str) -> Table:
    """The rows of a JSONL text; a column is any key that occurs, in order of first occurrence.

    Raises:
        DataError: lines that are not JSON objects, all of them listed.
    """
    _refuse_one_document(path, text)
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeated_keys, parse_constant=_refuse_constant)
    rows: list[Row] = []
    problems: list[Problem] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = _parse(decoder, line)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(number, _reason(error)))
            continue
        rows.append(Row(number, values))
        columns.update(dict.fromkeys(values))
    if problems:
        raise refuse(
            path, problems, what="cannot be read as JSON objects", expected=_ONE_OBJECT, hint="correct or remove them"
        )
    if len(columns) > MAX_COLUMNS:
        raise DataError(
            f"{len(columns):,} different keys",
            expected=f"at most {MAX_COLUMNS:,}",
            where=f"{path}:1",
            hint="keep the text and the label",
        )
    return Table(path=path, columns=tuple(columns), rows=tuple(rows), notes=())


def _parse(decoder: json.JSONDecoder, line: str) -> dict[str, Any]:
    if line.count("[") + line.count("{") > MAX_DEPTH and _depth(line) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    values = decoder.decode(line.strip())
    if not isinstance(values, dict):
        raise ValueError(f"it is {_kind(values)}, not an object")
    if "\\u" in line or "\\U" in line:
        try:
            json.dumps(values, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("a lone surrogate, half of a character") from None
    return values


def _depth(line: str) -> int:
    """Deepest nesting of lists and objects, brackets inside strings not counted."""
    depth = deepest = 0
    is_string = is_escaped = False
    for character in line:
        if is_escaped:
            is_escaped = False
        elif character == "\\":
            is_escaped = is_string
        elif character == '"':
            is_string = not is_string
        elif not is_string and character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif not is_string and character in "]}":
            depth -= 1
    return deepest


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("the same key twice")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _reason(error: ValueError | RecursionError) -> str:
    """Why a line cannot be read, without a word of its content."""
    if isinstance(error, RecursionError):
        return f"nested deeper than {MAX_DEPTH}"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in column {error.colno}".replace("Expecting", "expecting")
    if "integer string conversion" in str(error):
        return "a number of more than 4,300 digits"
    return str(error)


def _refuse_one_document(path: Path, text: str) -> None:
    """A whole-file JSON array or a pretty-printed object would otherwise give one error a line."""
    start = text.lstrip()
    first_line = start.split("\n", 1)[0].strip()
    if first_line in ("[", "{", "[{") or (start.startswith("[{") and text.strip().endswith("]")):
        raise DataError(
            "the file is one JSON document",
            expected=_ONE_OBJECT,
            where=f"{path}:1",
            hint="write one object a line, for example with `jq -c '.[]' old.json > new.jsonl`",
        )
