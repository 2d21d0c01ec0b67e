"""What a generated malformed file is, and the rows that all of them are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

SECRET = "zanzibar"
"""A word of the rows; no error may repeat what the rows say."""

REFUSED, SET_ASIDE, READ = "refused", "set aside", "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One generated file.

    `make` writes it at a path of that name, or gives the path to read when it is another one. `outcome` is
    what `sintonia check` does: refused (the file cannot be read), set aside (it is read, and prepare refuses or
    sets aside rows of it, each with a reason), read. `num_rows` is what a reader gives where it is not refused;
    `line` what the error points at, where one line is to blame.
    """

    kind: str
    number: int
    name: str
    make: Callable[[Path], Path | None]
    outcome: str = REFUSED
    num_rows: int = 0
    line: int | None = None

    @property
    def id(self) -> str:
        return f"{self.kind.replace(' ', '-')}-{self.number:02}"


def written(content: bytes | str) -> Callable[[Path], None]:
    """Writes that content."""

    def write(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def rows(count: int, draw: Random) -> list[dict[str, Any]]:
    """Rows that are fit for learning: a text with the secret, a label."""
    words = ("lamp", "rain", "music", "kitchen", "train", "seven", "blue", "coffee")
    return [
        {"text": f"{SECRET} {' '.join(draw.choices(words, k=5))} {number}", "label": "ab"[number % 2]}
        for number in range(count)
    ]


def jsonl(some: list[Any]) -> list[str]:
    """Each row as a line of JSON."""
    return [row if isinstance(row, str) else json.dumps(row) for row in some]


def csv_lines(some: list[dict[str, Any]]) -> list[str]:
    """Header and rows as lines of CSV."""
    return ["text,label", *(f"{row['text']},{row['label']}" for row in some)]


def joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def put(lines: list[str], place: int, line: str) -> list[str]:
    """Another line in between."""
    return [*lines[:place], line, *lines[place:]]
