"""Files that were uploaded, and results: their names are data, where they lie is chosen here.

A file is whole or not there: its row is written after its bytes are on the disk, and bytes without a row are removed
when a server starts.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sintonia.files import storage_errors, sync_folder
from sintonia.serve.store.database import Database
from sintonia.serve.store.names import is_name, new_name

_PIECE_BYTES = 2**20
_COLUMNS = "id, filename, purpose, bytes, created_at, expires_at, sha256, number"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file as the interface shows it."""

    id: str
    filename: str
    """As it was sent; never a path of ours."""
    purpose: str
    bytes: int
    created_at: int
    expires_at: int | None
    sha256: str
    number: int

    def as_object(self) -> dict[str, Any]:
        """OpenAI's `file`."""
        body: dict[str, Any] = {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }
        return body | ({"expires_at": self.expires_at} if self.expires_at else {})


class Files:
    """The files of a server."""

    def __init__(self, database: Database) -> None:
        self._database, self.folder = database, database.home / "files"

    def path(self, name: str) -> Path:
        """Where a file lies. The name is one of ours, or this is a defect."""
        if not is_name("file", name):
            raise AssertionError("not a name of a file")
        return self.folder / f"{name}.bin"

    def add(
        self, stream: IO[bytes], filename: str, purpose: str, *, expires_after: int | None = None, name: str = ""
    ) -> StoredFile:
        """Keeps the bytes of a stream; `name` is given where it was decided before, so that doing it twice is one."""
        name = name or new_name("file")
        target = self.path(name)
        written = target.with_suffix(".tmp")
        digest, count = hashlib.sha256(), 0
        with storage_errors(target):
            descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as copy:
                while piece := stream.read(_PIECE_BYTES):
                    digest.update(piece)
                    count += copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
            written.replace(target)
            sync_folder(self.folder)
        now = int(time.time())
        self._database.change(
            "INSERT OR REPLACE INTO files (id, filename, purpose, bytes, created_at, expires_at, sha256) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, filename, purpose, count, now, now + expires_after if expires_after else None, digest.hexdigest()),
        )
        found = self.find(name)
        assert found is not None
        return found

    def find(self, name: str) -> StoredFile | None:
        """A file by its name; None where there is none, or no longer."""
        if not is_name("file", name):
            return None
        row = self._database.row(f"SELECT {_COLUMNS} FROM files WHERE id = ?", (name,))
        found = StoredFile(**row) if row else None
        return None if found is None or (found.expires_at and found.expires_at <= time.time()) else found

    def page(self, *, after: int | None, most: int, is_newest_first: bool, purpose: str | None) -> list[StoredFile]:
        """So many files behind the one with number `after`."""
        rule, order = ("number < ?", "DESC") if is_newest_first else ("number > ?", "ASC")
        start = after if after is not None else (2**62 if is_newest_first else 0)
        query = f"SELECT {_COLUMNS} FROM files WHERE {rule} AND (expires_at IS NULL OR expires_at > ?)"
        values: list[Any] = [start, int(time.time())]
        if purpose is not None:
            query, values = f"{query} AND purpose = ?", [*values, purpose]
        return [
            StoredFile(**row)
            for row in self._database.rows(f"{query} ORDER BY number {order} LIMIT ?", [*values, most])
        ]

    def remove(self, name: str) -> bool:
        """Removes a file; whether there was one."""
        if self.find(name) is None:
            return False
        self._database.change("DELETE FROM files WHERE id = ?", (name,))
        self.path(name).unlink(missing_ok=True)
        return True

    def remove_expired(self) -> int:
        """Removes what has expired; how many."""
        rows = self._database.rows("SELECT id FROM files WHERE expires_at <= ?", (int(time.time()),))
        for row in rows:
            self._database.change("DELETE FROM files WHERE id = ?", (row["id"],))
            self.path(row["id"]).unlink(missing_ok=True)
        return len(rows)

    def tidy(self) -> None:
        """Makes the folder, and removes what a server that was killed has left in it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = {f"{row['id']}.bin" for row in self._database.rows("SELECT id FROM files")}
        for path in self.folder.iterdir():
            if path.name not in known:
                path.unlink(missing_ok=True)
