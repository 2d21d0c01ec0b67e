"""Which files a base in the folder of downloads has, with size and sha256: written once, compared at every use.

A flipped bit in weights, tokenizer or settings, a file that is gone and one that came later are each refused with their
names. Nothing is downloaded and nothing is mended here.
"""

from __future__ import annotations

import contextlib
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sintonia.errors import StorageError
from sintonia.files import from_json, read_json, sha256_file, storage_errors, write_json

NAME = "sintonia.files.json"
_RACY_SECONDS = 2.0
"""A file that was changed so short a time ago may be changed once more without its times telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """One file, as it was downloaded or made."""

    sha256: str
    size: int
    """In bytes."""


_KNOWN: dict[Path, tuple[tuple[int, ...], str]] = {}


def hash_of(path: Path) -> str:
    """The sha256 of a file, as 64 hex digits; read only once by one process as long as nothing touches the file.

    Raises:
        StorageError: it cannot be read.
    """
    with storage_errors(path):
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise StorageError(f"`{path}` is no plain file", hint="put a plain file there")
        stamp = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        known = _KNOWN.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        is_settled = time.time() - max(facts.st_mtime, facts.st_ctime) > _RACY_SECONDS
        found = sha256_file(path)
    if is_settled:
        _KNOWN[path] = (stamp, found)
    return found


def files_of(folder: Path) -> dict[str, FileFacts]:
    """The facts of every file below a folder, by its name with `/`; hidden files and our own list are no part of it."""
    return {name: FileFacts(sha256=hash_of(folder / name), size=_size(folder / name)) for name in _names(folder)}


def write_manifest(folder: Path) -> None:
    """Writes the list into a folder that is whole.

    Raises:
        StorageError: it cannot be written.
    """
    write_json(folder / NAME, {"files": files_of(folder)})


def read_manifest(folder: Path) -> dict[str, FileFacts] | None:
    """What was written, or None in a folder that an earlier version made.

    Raises:
        StorageError: it is damaged.
    """
    try:
        body = read_json(folder / NAME)
        return None if body is None else read_facts(body.get("files"))
    except StorageError:
        raise _changed(folder, NAME, "cannot be read any more") from None


def read_facts(body: Any) -> dict[str, FileFacts]:
    """Facts of files by name, out of JSON.

    Raises:
        StorageError: they are none.
    """
    files = from_json(dict[str, FileFacts], body)
    for name in files:
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or PurePosixPath(name).is_absolute():
            raise StorageError(f"damaged list of files: `{name}` is no name within a folder")
    return files


def check_manifest(folder: Path, known: Mapping[str, str] | None = None) -> dict[str, FileFacts]:
    """The facts of all files of a base, after comparing each; `known` are hashes that must be right in any case.

    A folder that an earlier version made gets its list now.

    Raises:
        StorageError: a file was changed, is gone or came later.
    """
    for name, expected in (known or {}).items():
        check_hash(folder / name, expected)
    recorded = read_manifest(folder)
    if recorded is None:
        with contextlib.suppress(StorageError):  # the folder may be there to be read only
            write_manifest(folder)
        return files_of(folder)
    found = _names(folder)
    for name, facts in recorded.items():
        if name not in found:
            raise _changed(folder, name, "is gone")
        if _size(folder / name) != facts.size or hash_of(folder / name) != facts.sha256:
            raise _changed(folder, name, "was changed since it came here (its sha256 is another)")
    for name in found:
        if name not in recorded:
            raise _changed(folder, name, "did not come with the base")
    return recorded


def check_hash(path: Path, expected: str, hint: str = "") -> None:
    """Compares a file with the hash that it must have; `hint` is what to do about another, where it was not fetched.

    Raises:
        StorageError: it has another, or is not there.
    """
    found = hash_of(path) if path.is_file() else "no file"
    if found != expected:
        raise StorageError(
            f"`{path.name}` of the base has the wrong hash ({found[:12]}..., not the known {expected[:12]}...)",
            hint=hint or f"delete `{path.parent}` and download again; if it stays wrong, the package was changed",
        )


def _changed(folder: Path, name: str, how: str) -> StorageError:
    return StorageError(
        f"`{folder / name}` {how}", hint=f"delete the folder `{folder}`: the base is fetched again when it is next used"
    )


def _names(folder: Path) -> list[str]:
    with storage_errors(folder):
        below = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    names = [path.relative_to(folder) for path in below]
    return [name.as_posix() for name in names if name.as_posix() != NAME and not name.parts[0].startswith(".")]


def _size(path: Path) -> int:
    with storage_errors(path):
        return path.stat().st_size
