"""The SQLite database of a server: its tables, and one connection that threads share. It knows no file and no run."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError

SCHEMA = 1
NAME = "serve.db"
_BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, status TEXT NOT NULL,
    wish TEXT NOT NULL DEFAULT '', created_at INTEGER NOT NULL, finished_at INTEGER, estimated_finish INTEGER,
    model TEXT NOT NULL, tuned_name TEXT NOT NULL, asked TEXT NOT NULL, metadata TEXT NOT NULL,
    result_files TEXT NOT NULL DEFAULT '[]', outcome TEXT NOT NULL DEFAULT '{}', error TEXT,
    deaths INTEGER NOT NULL DEFAULT 0, is_model_deleted INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS tuned ON jobs (tuned_name);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, job TEXT NOT NULL, created_at INTEGER NOT NULL,
    level TEXT NOT NULL, message TEXT NOT NULL, data TEXT);
CREATE INDEX IF NOT EXISTS of_job ON events (job, number);
"""


class Database:
    """One connection, and a lock: whoever asks waits for the other."""

    def __init__(self, home: Path, *, is_worker: bool = False) -> None:
        """Opens it, and makes it where it is not there.

        Args:
            home: The folder of the server's state.
            is_worker: Of a process that only adds events: it need not wait for the disk each time.

        Raises:
            StorageError: it cannot be opened, or was written by a newer sintonia.
        """
        self.home, self._lock = home, threading.RLock()
        path = home / NAME
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(f"PRAGMA synchronous={'NORMAL' if is_worker else 'FULL'}")
            found = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if found in (0, SCHEMA):
                self._connection.executescript(_TABLES)
                self._connection.execute(f"PRAGMA user_version={SCHEMA}")
        except (sqlite3.Error, OSError) as error:
            hint = "restore it from a copy, or name another `--home`"
            raise StorageError(f"cannot open `{path}`: {error}", hint=hint) from None
        if found not in (0, SCHEMA):
            raise StorageError(f"`{path}` has schema {found}, not {SCHEMA}", hint="upgrade sintonia")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Within it all changes are made, or none."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found = self.rows(query, values)
        return found[0] if found else None

    def change(self, query: str, values: Sequence[Any] = ()) -> int:
        """Makes a change; how many rows it touched."""
        with self._lock:
            return self._connection.execute(query, values).rowcount

    def close(self) -> None:
        """Ends the use of it."""
        with self._lock:
            self._connection.close()
