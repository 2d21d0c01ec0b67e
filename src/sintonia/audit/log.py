"""Appends to the audit log and reads its lines. It checks no more of the past than its last line; `proof` does.

Where the last line is not the one that `head.json` knows, the next line says so first, so that nothing that is written
later covers up what was done.
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError
from sintonia.files import SCHEMA, append_line, home_folder, locked, read_json, storage_errors, utc_now, write_json

DAMAGE = "damage_found"
EVENTS = {
    "import": "a data file was read for a run",
    "training_begun": "a training of a run began",
    "training_ended": "a training of a run ended",
    "test_opened": "a sealed test was opened",
    "verdict": "a verdict was given",
    "evaluation": "a run was judged on another file",
    "prediction": "answers of a model were written into a file",
    "export": "a model was exported",
    "erasure": "rows were erased from data, runs and models, or a run was trained anew without them",
    "handed_out": "what is in a vault was written in the clear, as it was asked for",
    "expiry": "the data of a run were removed, as privacy.keep_days says",
    "server_started": "a server was started",
    "server_ended": "a server was ended",
    "login": "a client was let in to the server, for the first time since it started",
    "token_refused": "a client was refused by the server",
    "file_imported": "a data file was sent to the server",
    "file_deleted": "a data file of the server was deleted",
    "model_deleted": "a model of the server was deleted",
    DAMAGE: "the log was not as sintonia had left it when the next line was due",
}
"""What is recorded, and what it means."""
ANCHOR = "audit.json"
"""The file of a run folder that keeps the head of the log, as it was when the run last wrote a line."""
BEGINNING = json.dumps({"schema": SCHEMA}).encode()
"""The first line of the log, which is no event."""
Fact = str | int | float | bool | tuple[str, ...] | None
_LONGEST = 300
_LOCK_SECONDS = 20.0
_TAIL_BYTES = 1 << 16
_LOG = logging.getLogger("sintonia")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How many events the log held at a moment, and the sha256 of the last line."""

    lines: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What a run keeps of the log: its head when the run last wrote to it, and how many lines could not be written."""

    lines: int = 0
    sha256: str = ""
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log."""

    number: int
    time: str
    event: str
    facts: dict[str, Any]
    before: str
    """The sha256 of the line before it."""


def log_path() -> Path:
    """Where the log is."""
    return home_folder() / "audit" / "log.jsonl"


def head_path() -> Path:
    """Where the head of the log is kept beside it."""
    return log_path().with_name("head.json")


def record(event: str, **facts: Fact) -> Head | None:
    """Adds one line, durably, and gives the new head; None where it could not be written, which is logged as a warning.

    What was being done goes on without its line: the count of openings, which a verdict rests on, has a ledger of its
    own that is strict. Texts among the facts are cut at 300 characters.

    >>> record("export", run="run-1", form="gguf").lines
    1
    """
    if event not in EVENTS:
        raise ValueError(f"`{event}` is no event of the audit log")
    try:
        with held():
            return _append(event, {name: _short(fact) for name, fact in facts.items()})
    except (StorageError, OSError) as error:
        _LOG.warning("audit log: `%s` could not be recorded and is missing there: %s", event, error)
        return None


def names_of(run: Path) -> dict[str, Fact]:
    """How a run is called in a line: by its folder, and by the one that it lies in, which a server calls by the job."""
    return {"run": run.name, "within": run.absolute().parent.name}


def entries() -> tuple[Entry, ...]:
    """All lines that can be read, oldest first; `verify` says whether they are what was written.

    Raises:
        StorageError: the log is there and cannot be read.
    """
    names = [field.name for field in fields(Entry)]
    bodies = [body for line in whole_lines()[0][1:] if (body := body_of(line))]
    return tuple(Entry(**{name: body[name] for name in names}) for body in bodies)


def whole_lines() -> tuple[list[bytes], bytes]:
    """All whole lines of the log, the first one too, and what comes after the last one."""
    path = log_path()
    with storage_errors(path):
        *lines, rest = (path.read_bytes() if path.exists() else b"").split(b"\n")
    return lines, rest


def body_of(line: bytes) -> dict[str, Any] | None:
    """What a line says, or None where it is no line of this log."""
    try:
        body = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    names = {field.name for field in fields(Entry)}
    is_ours = isinstance(body, dict) and set(body) == names and isinstance(body["facts"], dict)
    return body if is_ours else None


def hash_of(line: bytes) -> str:
    """The sha256 of a line, without its end."""
    return hashlib.sha256(line).hexdigest()


def read_head(path: Path) -> Head | None:
    """A head that was kept in a file, or None where there is no such file.

    Raises:
        StorageError: the file does not hold one.
    """
    body = read_json(path)
    if body is None:
        return None
    lines, sha256 = body.get("lines"), body.get("sha256")
    if not isinstance(lines, int) or not isinstance(sha256, str):
        raise StorageError(f"`{path}` holds no head of the audit log", hint="restore the file from a copy")
    return Head(lines=lines, sha256=sha256)


def held() -> AbstractContextManager[None]:
    """Holds the log for one process at a time.

    Raises:
        StorageError: its folder cannot be written, or another process holds it.
    """
    return locked(log_path().with_name(".lock"), _LOCK_SECONDS)


def _append(event: str, facts: dict[str, Fact]) -> Head:
    """The line, then the head; where the log was changed meanwhile, a line that says so comes first."""
    path = log_path()
    last = _last(path)
    if not _follows(last):
        lines, _ = whole_lines()
        found = Head(lines=max(len(lines) - 1, 0), sha256=hash_of(lines[-1] if lines else BEGINNING))
        last = _write(path, found, DAMAGE, {"events_found": found.lines})
    return _write(path, last, event, facts)


def _write(path: Path, last: Head, event: str, facts: dict[str, Fact]) -> Head:
    entry = Entry(number=last.lines + 1, time=utc_now(), event=event, facts=dict(facts), before=last.sha256)
    append_line(path, entry)
    head = Head(lines=entry.number, sha256=hash_of(_tail(path)[-1]))
    write_json(head_path(), head)
    return head


def _follows(last: Head) -> bool:
    """Whether the last line is the one that the head knows, or the next one, after a kill between the two."""
    try:
        kept = read_head(head_path())
    except StorageError:
        return False
    if kept is None:
        return last.lines <= 1
    if last == kept:
        return True
    body = body_of(_tail(log_path())[-1]) if last.lines == kept.lines + 1 else None
    return body is not None and body["before"] == kept.sha256


def _last(path: Path) -> Head:
    """Which event the last whole line is, and its hash; of an empty log the hash of the line that says the schema."""
    lines = _tail(path) if path.exists() else []
    if not lines:
        return Head(lines=0, sha256=hash_of(BEGINNING))
    body = body_of(lines[-1])
    number = body["number"] if body else 0
    return Head(lines=number if isinstance(number, int) else 0, sha256=hash_of(lines[-1]))


def _tail(path: Path) -> list[bytes]:
    """The last whole lines of a file."""
    with storage_errors(path), path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return stream.read().split(b"\n")[:-1]


def _short(fact: Fact) -> Fact:
    if isinstance(fact, str):
        return fact if len(fact) <= _LONGEST else f"{fact[: _LONGEST - 3]}..."
    return tuple(str(_short(one)) for one in fact[:_LONGEST]) if isinstance(fact, tuple) else fact
