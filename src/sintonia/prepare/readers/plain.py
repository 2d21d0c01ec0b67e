"""From a path to an open plain file. Never follows a symbolic link, never waits on a pipe, never reads a device."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sintonia.errors import DataError, StorageError, nearest

EXPECTED_FILES = "a plain file: CSV, JSONL, JSON, Parquet, Excel, CoNLL or text"


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A plain file as it was when it was first looked at: the second pass must find the same one."""

    path: Path
    num_bytes: int
    changed_nanoseconds: int
    node: int

    def open(self) -> BinaryIO:
        """The file opened for reading bytes.

        Raises:
            DataError: it is no plain file any more, or another one than before.
            StorageError: the operating system refuses to open it.
        """
        stream = os.fdopen(_open_descriptor(self.path), "rb")
        if _seen(self.path, stream) != self:
            stream.close()
            raise changed(self.path)
        return stream


def look(path: Path) -> PlainFile:
    """Makes sure that a path is a plain file that can be opened, and remembers which.

    Raises:
        DataError: no such file, or a folder, a link, a pipe, a device, a socket.
        StorageError: the operating system refuses to open it.
    """
    with os.fdopen(_open_descriptor(path), "rb") as stream:
        return _seen(path, stream)


def is_folder(path: Path) -> bool:
    """Whether a path is a folder itself, not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def changed(path: Path) -> DataError:
    """The error for a file that is written to while it is read."""
    return DataError(
        "the file changed while it was read",
        expected="a file that stays as it is",
        where=str(path),
        hint="wait until it is written, then start again",
    )


def cannot_read(path: Path, error: OSError) -> StorageError:
    """The error for a file that the operating system stops giving."""
    return StorageError(f"cannot read `{path}`: {error.strerror}", hint="check the disk and permissions")


def _seen(path: Path, stream: BinaryIO) -> PlainFile:
    found = os.fstat(stream.fileno())
    return PlainFile(path, found.st_size, found.st_mtime_ns, found.st_ino)


def _open_descriptor(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError) as error:
        raise _cannot_open(path, error) from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISSOCK, "a socket"),
    )
    kind = next((name for test, name in kinds if test(mode)), "not a plain file")
    raise DataError(
        f"this is {kind}", expected=EXPECTED_FILES, where=str(path), hint="give the path of the file itself"
    )


def _missing(path: Path) -> DataError:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()][:1000]
    except OSError:
        names = []
    hint = f"in that folder there is {nearest(path.name, names)}" if names else "check the path"
    return DataError("there is no such file", expected="a data file or a folder", hint=hint, where=str(path))


def _cannot_open(path: Path, error: OSError | ValueError) -> DataError | StorageError:
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return DataError(
            "this is a symbolic link",
            expected="a plain file",
            where=str(path),
            hint=f"give the real path: `{os.path.realpath(path)}`",
        )
    if isinstance(error, OSError) and error.errno not in (errno.ENXIO, errno.EINVAL):
        return StorageError(
            f"cannot open `{path}`: {error.strerror}",
            hint="check the path and its permissions",
            where=str(path),
        )
    return DataError(
        "this cannot be opened as a file",
        expected=EXPECTED_FILES,
        where=repr(str(path)),
        hint="give the path of the file itself",
    )
