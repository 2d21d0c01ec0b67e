"""Fine-tuning jobs: what was asked, how far each is, what came of it. It starts and stops nothing."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.serve.store.database import Database
from sintonia.serve.store.names import is_name

ENDED = ("succeeded", "failed", "cancelled")
MOST_KEYS, MOST_LETTERS = 16, 512
"""Of metadata, in OpenAI's interface."""
ORGANISATION = "org-local"
_COLUMNS = (
    "number, id, status, wish, created_at, finished_at, estimated_finish, model, tuned_name, asked, metadata, "
    "result_files, outcome, error, deaths, is_model_deleted"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is stored. `status` is one of OpenAI's, or `paused`, which the interface shows as `queued`."""

    number: int
    id: str
    status: str
    wish: str
    """`pause`, while it is not yet so."""
    created_at: int
    finished_at: int | None
    estimated_finish: int | None
    model: str
    """As the request named it."""
    tuned_name: str
    asked: dict[str, Any]
    """The request, checked, and what was drawn for it: seed, names of the results."""
    metadata: dict[str, str]
    """Of the client."""
    result_files: list[str]
    outcome: dict[str, str]
    """The verdict, in keys of metadata."""
    error: dict[str, Any] | None
    deaths: int
    """How often in a row its process died without any progress."""
    is_model_deleted: bool

    @property
    def state(self) -> str:
        """How it is, in one word that OpenAI's statuses may not have."""
        return "pausing" if self.status == "running" and self.wish else self.status

    @property
    def shown_metadata(self) -> dict[str, str]:
        """That of the client, and of ours what still fits."""
        ours = {"sintonia_state": self.state, **self.outcome}
        free = MOST_KEYS - len(self.metadata)
        return {**self.metadata, **{key: ours[key][:MOST_LETTERS] for key in list(ours)[: max(0, free)]}}

    def as_object(self) -> dict[str, Any]:
        """OpenAI's `fine_tuning.job`."""
        has_model = self.status == "succeeded"
        method, hyperparameters = self.asked["method"], self.asked["hyperparameters"]
        return {
            "id": self.id,
            "object": "fine_tuning.job",
            "created_at": self.created_at,
            "error": self.error,
            "finished_at": self.finished_at,
            "fine_tuned_model": self.tuned_name if has_model else None,
            "hyperparameters": {name: hyperparameters[name] for name in hyperparameters if name != "beta"},
            "model": self.model,
            "organization_id": ORGANISATION,
            "result_files": self.result_files,
            "status": "queued" if self.status == "paused" else self.status,
            "trained_tokens": None,
            "training_file": self.asked["training_file"],
            "validation_file": self.asked["validation_file"],
            "seed": self.asked["seed"],
            "estimated_finish": self.estimated_finish if self.status == "running" else None,
            "integrations": [],
            "metadata": self.shown_metadata,
            "method": {"type": method, method: {"hyperparameters": hyperparameters}},
        }


class Jobs:
    """The queue, and all jobs that have ended."""

    def __init__(self, database: Database) -> None:
        self._database, self.folder = database, database.home / "jobs"

    def path(self, name: str) -> Path:
        """The folder of a job. The name is one of ours, or this is a defect."""
        if not is_name("ftjob", name):
            raise AssertionError("not a name of a job")
        return self.folder / name

    def run_path(self, name: str) -> Path:
        """Where the run folder of a job is."""
        return self.path(name) / "run"

    def add(self, name: str, model: str, tuned_name: str, asked: dict[str, Any], metadata: dict[str, str]) -> Job:
        """One more job, to be validated."""
        values = (
            name,
            "validating_files",
            int(time.time()),
            model,
            tuned_name,
            json.dumps(asked),
            json.dumps(metadata),
        )
        self._database.change(
            "INSERT INTO jobs (id, status, created_at, model, tuned_name, asked, metadata) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        found = self.find(name)
        assert found is not None
        return found

    def find(self, name: str) -> Job | None:
        """A job by its name."""
        if not is_name("ftjob", name):
            return None
        found = self._select("id = ?", (name,))
        return found[0] if found else None

    def of_model(self, tuned_name: str) -> Job | None:
        """The job that made a model."""
        found = self._select("tuned_name = ?", (tuned_name,))
        return found[0] if found else None

    def with_status(self, *statuses: str) -> list[Job]:
        """The jobs with one of these statuses, the oldest first."""
        marks = ", ".join("?" for _ in statuses)
        return self._select(f"status IN ({marks}) ORDER BY number", statuses)

    def newest_first(self, after: int | None = None) -> list[Job]:
        """All jobs behind the one with number `after`."""
        return self._select("number < ? ORDER BY number DESC", (2**62 if after is None else after,))

    def move(self, name: str, status: str, *, expected: tuple[str, ...], **values: Any) -> bool:
        """Gives a job another status, if it has one of the expected ones; whether it did.

        Args:
            name: Of the job.
            status: The new one.
            expected: What it has to be for that.
            values: Columns to change with it.
        """
        columns = {"status": status, **{key: _stored(value) for key, value in values.items()}}
        if status in ENDED:
            columns |= {"finished_at": int(time.time()), "wish": ""}
        names = ", ".join(f"{key} = ?" for key in columns)
        marks = ", ".join("?" for _ in expected)
        query = f"UPDATE jobs SET {names} WHERE id = ? AND status IN ({marks})"
        return self._database.change(query, (*columns.values(), name, *expected)) == 1

    def wish(self, name: str, wish: str) -> None:
        """Notes what is to become of a running job."""
        self._database.change("UPDATE jobs SET wish = ? WHERE id = ? AND status = 'running'", (wish, name))

    def note(self, name: str, **values: Any) -> None:
        """Changes columns of a job that are not its status."""
        names = ", ".join(f"{key} = ?" for key in values)
        self._database.change(f"UPDATE jobs SET {names} WHERE id = ?", (*map(_stored, values.values()), name))

    def _select(self, rule: str, values: tuple[Any, ...]) -> list[Job]:
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM jobs WHERE {rule}", values)
        return [_job(dict(row)) for row in rows]


def _stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _job(row: dict[str, Any]) -> Job:
    for name in ("asked", "metadata", "result_files", "outcome", "error"):
        row[name] = json.loads(row[name]) if row[name] else None
    return Job(**{**row, "is_model_deleted": bool(row["is_model_deleted"])})
