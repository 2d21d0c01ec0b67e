"""Small made-up tables, and what the forms make of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sintonia.prepare.forms import FORMS, Match, Parsed, Unusable, find_form
from sintonia.prepare.table import Row, Table
from sintonia.settings import DataSettings

COLOURS = ("red", "green", "blue")


def sentence(number: int) -> str:
    """A text of its own for each number."""
    return f"this is the rather long sentence number {number} about something"


def table_of(values: Iterable[dict[str, Any]], container: str = "jsonl") -> Table:
    """A table of rows, numbered from 1."""
    rows = tuple(Row(line, one) for line, one in enumerate(values, start=1))
    columns = tuple(dict.fromkeys(name for row in rows for name in row.values))
    return Table(path=Path(f"rows.{container}"), container=container, columns=columns, rows=rows, num_rows=len(rows))


def find(values: Iterable[dict[str, Any]], task: str = "auto", **columns: str) -> Match:
    """The match of a table of these rows."""
    return find_form(table_of(values), DataSettings(path="x", columns=columns), task)[1]


def parsed(values: Sequence[dict[str, Any]], task: str = "auto", **columns: str) -> list[Parsed]:
    """All rows, as the form found understands them."""
    match = find(values, task, **columns)
    return [FORMS[match.form].parse(Row(1, one), match.columns) for one in values]


def reason(form: str, columns: dict[str, str], values: dict[str, Any]) -> str:
    """Why a form cannot use a row."""
    with pytest.raises(Unusable) as caught:
        FORMS[form].parse(Row(1, values), columns)
    return str(caught.value)
