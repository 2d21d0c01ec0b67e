"""What happened to each job, in the order of its happening: lines of the interface's `events`."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from sintonia.serve.store.database import Database
from sintonia.serve.store.names import new_name


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One line."""

    number: int
    id: str
    job: str
    created_at: int
    level: str
    message: str
    data: dict[str, Any] | None

    def as_object(self) -> dict[str, Any]:
        """OpenAI's `fine_tuning.job.event`."""
        return {
            "id": self.id,
            "object": "fine_tuning.job.event",
            "created_at": self.created_at,
            "level": self.level,
            "message": self.message,
            "type": "message" if self.data is None else "metrics",
            "data": self.data or {},
        }


class Events:
    """The events of all jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: str, message: str, *, level: str = "info", data: dict[str, Any] | None = None) -> None:
        """One more line."""
        values = (new_name("ftevent"), job, int(time.time()), level, message, json.dumps(data) if data else None)
        self._database.change(
            "INSERT INTO events (id, job, created_at, level, message, data) VALUES (?, ?, ?, ?, ?, ?)", values
        )

    def number_of(self, job: str, name: str) -> int | None:
        """The place of an event of a job; None where there is none of that name."""
        row = self._database.row("SELECT number FROM events WHERE job = ? AND id = ?", (job, name))
        return int(row["number"]) if row else None

    def page(self, job: str, *, after: int | None, most: int) -> list[StoredEvent]:
        """So many events of a job, the newest first, behind the one with number `after`."""
        rows = self._database.rows(
            "SELECT * FROM events WHERE job = ? AND number < ? ORDER BY number DESC LIMIT ?",
            (job, 2**62 if after is None else after, most),
        )
        return [StoredEvent(**{**dict(row), "data": json.loads(row["data"]) if row["data"] else None}) for row in rows]

    def furthest(self, job: str) -> tuple[int, int]:
        """The last turn of a job that told metrics, and its furthest step; zeros where none has."""
        row = self._database.row(
            "SELECT json_extract(data, '$.turn') AS turn, json_extract(data, '$.step') AS step FROM events "
            "WHERE job = ? AND data IS NOT NULL ORDER BY turn DESC, step DESC LIMIT 1",
            (job,),
        )
        return (int(row["turn"] or 0), int(row["step"] or 0)) if row else (0, 0)
