"""What the forms share: columns found by name, what their values hold, and texts and lists taken out of a cell.

It knows no form. What it cannot take from a cell it says with Unusable.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sintonia.prepare.columns import Undecided, as_text, typed
from sintonia.prepare.forms.form import Blank, Unusable
from sintonia.prepare.table import Table, of_file, shown

SURE = 0.99
"""A shape that no other form has, in every row looked at."""
NAMED = 0.95
"""The usual names, and values that fit them."""
MAX_ROWS_OPENED = 2_000
"""Rows whose lists are walked through to recognise a form; shallower looks take all rows of the table."""


def named(table: Table, role: str, names: Sequence[str], asked: Mapping[str, str]) -> str | None:
    """The column of a role: as asked, else the only one with one of its usual names, else None.

    Raises:
        Undecided: two columns have such names.
    """
    if role in asked:
        return asked[role]
    taken = asked.values()
    found = [name for name in table.columns if name not in taken and name.strip().casefold() in names]
    if len(found) > 1:
        options = " or ".join(f"`--columns {typed({**asked, role: name})}`" for name in found[:4])
        raise Undecided(
            f"{len(found)} columns may be the {role}: {of_file(found)}",
            where=f"{table.path}:1",
            expected=f"one column for `{role}`",
            hint=f"say which: {options}",
            confidence=0.7,
        )
    return found[0] if found else None


def share(table: Table, column: str, is_so: Callable[[Any], bool]) -> float:
    """The share of the rows whose value is as wanted."""
    return sum(is_so(row.values.get(column)) for row in table.rows) / max(len(table.rows), 1)


def opened(table: Table, column: str) -> list[Any]:
    """The values of a column in at most 2,000 rows, evenly drawn, lists and objects written as JSON decoded."""
    return [decoded(row.values.get(column)) for row in table.rows[:: _step(table)]]


def num_opened(table: Table) -> int:
    """How many rows `opened` looks at."""
    return len(range(0, len(table.rows), _step(table)))


def _step(table: Table) -> int:
    return max(1, -(-len(table.rows) // MAX_ROWS_OPENED))


def in_rows(fraction: float, count: int) -> str:
    """In how many of the rows looked at: `in all 20,000 rows looked at`."""
    return f"in all {count:,} rows looked at" if fraction == 1 else f"in {fraction:.1%} of {count:,} rows looked at"


def decoded(value: Any) -> Any:
    """A list or an object that is written as JSON text (a cell of a CSV); anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def compact(value: Any) -> str:
    """A plain value as JSON on one line.

    Raises:
        Unusable: it is nested too deeply, or no JSON.
    """
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise Unusable("a value is nested too deeply or cannot be written as JSON") from None


def text_in(values: Mapping[str, Any], column: str) -> str:
    """The text of a cell, without the spaces around it.

    Raises:
        Unusable: there is none.
    """
    text = as_text(values.get(column))
    if text:
        return text
    if text == "":
        raise Blank(f"`{shown(column)}` is empty")
    raise Unusable(f"`{shown(column)}` holds {kind_of(values.get(column))}")


def raw_text_in(values: Mapping[str, Any], column: str) -> str:
    """The text of a cell as it is, because offsets count from its first character.

    Raises:
        Unusable: it is no text, or nothing but spaces.
    """
    text = values.get(column)
    if text is None or (isinstance(text, str) and not text.strip()):
        raise Blank(f"`{shown(column)}` is empty")
    if not isinstance(text, str):
        raise Unusable(f"`{shown(column)}` holds {kind_of(text)}")
    return text


def list_in(values: Mapping[str, Any], column: str) -> list[Any]:
    """The list of a cell.

    Raises:
        Unusable: there is none, or it is empty.
    """
    value = decoded(values.get(column))
    if value is None or value == "" or value == []:
        raise Blank(f"`{shown(column)}` is empty")
    if not isinstance(value, list):
        raise Unusable(f"`{shown(column)}` is not a list but {kind_of(value)}")
    return value


def kind_of(value: Any) -> str:
    """The kind of a value in words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    kinds = {list: "a list", dict: "an object", str: "a text", type(None): "nothing"}
    return kinds.get(type(value), "a value of another kind")
