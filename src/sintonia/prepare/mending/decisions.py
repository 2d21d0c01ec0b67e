"""What a person decided about single rows in a review, kept beside the data and applied in every later run.

A decision knows its row by a hash of the row's input and target, never by its line. It holds no text but the
target that was given to a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sintonia.files import append_line, from_json, read_lines, utc_now
from sintonia.sealed import folders_of_data, writing_beside

DECISIONS_FILE = "decisions.jsonl"
ACTIONS = KEEP, RELABEL, DROP = "keep", "relabel", "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision: keep a row as it is, give it another target, or drop it."""

    row: str
    action: str
    target: str | None = None
    time: str = ""


def read_decisions(data: Path) -> Mapping[str, Decision]:
    """The newest decision about each row, by the row's id."""
    lines = [line for folder in reversed(folders_of_data(data)) for line in read_lines(folder / DECISIONS_FILE)]
    decisions = [from_json(Decision, line) for line in lines]
    return {one.row: one for one in sorted(decisions, key=lambda one: one.time)}


def write_decision(data: Path, row: str, action: str, target: str | None = None) -> None:
    """Keeps one decision, on disk before this returns."""
    with writing_beside(data) as folder:
        append_line(folder / DECISIONS_FILE, Decision(row=row, action=action, target=target, time=utc_now()))
