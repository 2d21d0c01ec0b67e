"""The rows of a data file as they were read, before anything is known of their meaning.

A raw row never leaves `prepare`: what leaves is an Example or a SetAside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.errors import DataError

MAX_LISTED = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it starts on (counted from 1) and its values by column."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A whole file: its columns in their order, its rows, and what the reader took it for."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong on one line."""

    line: int
    reason: str


def refuse(path: Path, problems: Sequence[Problem], *, what: str, expected: str, hint: str) -> DataError:
    """One error for all problems of a kind: the first one's line in `where`, the first 20 in the text."""
    listed = "; ".join(f"line {one.line}: {one.reason}" for one in problems[:MAX_LISTED])
    more = f"; and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
    count = f"{len(problems)} lines" if len(problems) > 1 else "1 line"
    return DataError(
        f"{count} {what}: {listed}{more}", expected=expected, hint=hint, where=f"{path}:{problems[0].line}"
    )


def shown(name: str, limit: int = 40) -> str:
    """A name from a person's file, fit for one line of a message."""
    text = " ".join("".join(c if c.isprintable() else "?" for c in name).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
