"""What a person decided about single rows in a review, kept beside the data and applied in every later run.

A decision knows its row by a hash of the row's input and target, never by its line. It holds no text but the
target that was given to a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError
from sintonia.files import append_line, from_json, read_lines, utc_now
from sintonia.sealed import folders_of_data, writing_beside

DECISIONS_FILE = "decisions.jsonl"
ACTIONS = KEEP, RELABEL, DROP, UNDO = "keep", "relabel", "drop", "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision: keep a row as it is, give it another target, drop it, or take back what was decided before."""

    row: str
    action: str
    target: str | None = None
    time: str = ""


def read_decisions(data: Path) -> Mapping[str, Decision]:
    """The newest decision about each row, by the row's id."""
    lines = [line for folder in reversed(folders_of_data(data)) for line in read_lines(folder / DECISIONS_FILE)]
    newest = {one.row: one for one in sorted(map(_decision, lines), key=lambda one: one.time)}
    return {row: one for row, one in newest.items() if one.action != UNDO}


def _decision(line: dict[str, Any]) -> Decision:
    try:
        decision = from_json(Decision, line)
    except StorageError:
        decision = None
    if decision is None or decision.action not in ACTIONS:
        raise StorageError(
            f"`{DECISIONS_FILE}` beside the data has a line that is no decision",
            expected=f"a row and one of {', '.join(ACTIONS)}",
            hint="restore it from a copy, or remove the line",
        )
    return decision


def write_decision(data: Path, row: str, action: str, target: str | None = None) -> None:
    """Keeps one decision, on disk before this returns."""
    with writing_beside(data) as folder:
        append_line(folder / DECISIONS_FILE, Decision(row=row, action=action, target=target, time=utc_now()))
