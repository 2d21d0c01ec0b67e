"""Records as files, and files that are whole or absent: JSON forms, atomic writes, append-only lines, hashes.

Whole files are replaced atomically (temporary file, fsync, rename, fsync of the folder); JSONL files are only
appended to, and readers skip an unfinished last line. It knows no run and no name of a file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
import stat
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import filelock
from pydantic import TypeAdapter, ValidationError

from sintonia.errors import StorageError

SCHEMA = 1
T = TypeVar("T")
_told: list[Callable[[Path], None]] = []


def to_json(record: Any) -> Any:
    """The JSON form of a record: plain dicts, lists, strings, numbers; a number that is not finite is `null`."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {field.name: to_json(getattr(record, field.name)) for field in dataclasses.fields(record)}
    if isinstance(record, dict):
        return {str(key): to_json(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [to_json(value) for value in record]
    if isinstance(record, float) and not math.isfinite(record):
        return None
    return record


@cache
def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def from_json(cls: type[T], data: Any) -> T:
    """The record of class `cls` that `data` is the JSON form of.

    Raises:
        StorageError: the data do not have the shape of the record.
    """
    try:
        record: T = _adapter(cls).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StorageError(f"damaged {cls.__name__}: {place}: {first['msg']}") from None
    return record


def sha256_file(path: Path) -> str:
    """The sha256 of a file, as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def home_folder() -> Path:
    """Where base models live: `SINTONIA_HOME`, or the platform's folder for a user's caches."""
    named = os.environ.get("SINTONIA_HOME")
    if named:
        return Path(named).expanduser().absolute()
    caches = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or caches) / "sintonia"


def utc_now() -> str:
    """The time in UTC, ISO 8601, ending in `Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an operating-system error into one line that names the path."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot use `{path}`: {error.strerror or error}", hint="check free space and permissions"
        ) from error


@contextmanager
def locked(path: Path, seconds: float = 60.0) -> Iterator[None]:
    """Holds a lock file for one process at a time.

    Raises:
        StorageError: it cannot be written, or another process holds it for so long.
    """
    lock = filelock.FileLock(str(path), timeout=seconds, mode=0o600)
    with storage_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise StorageError(f"another process holds `{path.parent}`", hint="wait for it, or stop it") from None
    try:
        yield
    finally:
        lock.release()


def when_durable(tell: Callable[[Path], None]) -> None:
    """From here on `tell` is called with each path that was just made to survive a power cut."""
    if tell not in _told:
        _told.append(tell)


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` (or the content of a file) survive a power cut."""
    _sync(folder)
    _tell_durable(folder)


def sync_tree(folder: Path) -> None:
    """Makes the content of all files below `folder` survive a power cut."""
    for path in [*folder.rglob("*"), folder]:
        _sync(path)
    _tell_durable(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tell_durable(path: Path) -> None:
    for tell in _told:
        tell(path)


def follow_umask(folder: Path) -> None:
    """Gives all below a folder the mode that the person's umask says: some libraries write for the owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def keep_private(folder: Path) -> None:
    """Makes all below a folder readable by its owner only, whoever wrote it; links are not followed.

    A file system without modes stays as it is.
    """
    for path in folder.rglob("*"):
        with suppress(OSError):
            seen = path.lstat().st_mode
            if not stat.S_ISLNK(seen) and seen & 0o077:
                path.chmod(stat.S_IMODE(seen) & 0o700)


def write_atomic(path: Path, content: bytes | Iterable[bytes], *, mode: int = 0o600) -> None:
    """Writes a whole file or nothing: a reader never sees half of it. The content may come in pieces.

    Raises:
        StorageError: the folder cannot be written or the disk is full.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines([content] if isinstance(content, bytes) else content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


def write_json(path: Path, record: Any) -> None:
    """Writes a record, or a dict, with its schema number, atomically."""
    body = {"schema": SCHEMA, **to_json(record)}
    text = json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False)
    write_atomic(path, (text + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file of ours without its schema number, or None when there is no such file.

    Raises:
        StorageError: the file is damaged or was written by a newer sintonia.
    """
    with storage_errors(path):
        if not path.exists():
            return None
        content = path.read_bytes()
    try:
        body = json.loads(content.decode("utf-8"))
        check_schema(body.pop("schema", None), path)
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise StorageError(f"`{path}` is not the JSON it should be", hint="restore the file from a copy") from None
    return dict(body)


def append_line(path: Path, record: Any, *, sync: bool = True) -> None:
    """Adds one JSON line; the first line of the file says the schema."""
    line = json.dumps(to_json(record), ensure_ascii=False, allow_nan=False) + "\n"
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_unfinished_line(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            if os.fstat(stream.fileno()).st_size == 0:
                line = json.dumps({"schema": SCHEMA}) + "\n" + line
            stream.write(line.encode())
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
        if sync:
            _tell_durable(path)


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """Writes a whole JSONL file atomically, line by line."""
    first = {"schema": SCHEMA}
    bodies = itertools.chain([first], (to_json(record) for record in records))
    write_atomic(path, ((json.dumps(body, ensure_ascii=False, allow_nan=False) + "\n").encode() for body in bodies))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSONL file of ours after the schema line; an unfinished last line is skipped."""
    with storage_errors(path):
        if not path.exists():
            return []
        text = path.read_bytes()
    lines = text[: text.rfind(b"\n") + 1].decode("utf-8", errors="replace").split("\n")[:-1]
    try:
        bodies = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        bodies = [None]
    if not all(isinstance(body, dict) for body in bodies):
        raise StorageError(f"`{path}` has a damaged line", hint="restore the file from a copy")
    if bodies:
        check_schema(bodies[0].get("schema"), path)
    return bodies[1:]


def stream_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a whole JSONL file of ours after the schema line, one at a time."""
    with storage_errors(path), path.open(encoding="utf-8") as stream:
        check_schema(json.loads(next(stream)).get("schema"), path)
        for line in stream:
            yield json.loads(line)


def drop_unfinished_line(path: Path) -> None:
    """A line cut by a kill would otherwise glue itself to the next one."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb+") as stream:
        content = stream.seek(-1, os.SEEK_END)
        if stream.read(1) == b"\n":
            return
        stream.seek(0)
        content = stream.read().rfind(b"\n") + 1
        stream.truncate(content)


def check_schema(schema: Any, path: Path) -> None:
    """Refuses a file of another schema than ours."""
    if schema != SCHEMA:
        raise StorageError(
            f"`{path}` has schema {schema}, this sintonia reads schema {SCHEMA}", hint="upgrade sintonia"
        )
