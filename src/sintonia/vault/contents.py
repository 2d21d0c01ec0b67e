"""What a vault has on the disk: encrypted files with names by chance, and the list that says which file each one is.

The list is replaced as a whole, so the vault goes from one state to the next or stays; it names every stream by a name
that is never used twice, so that a file that is taken away, swapped or put back as it once was is found. The whole
folder put back as it once was is found by `newest`.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock

from sintonia.errors import StorageError
from sintonia.files import storage_errors, sync_folder, write_atomic
from sintonia.vault.chunks import new_name, seal, unseal

LIST = "list"
FOLDER = "files"
_LOCK = ".carry.lock"
_LOCK_SECONDS = 120.0
_NAME = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Kept:
    """One stream of the vault: its name on the disk, how long it is in the clear, and when the file was changed."""

    name: str
    num_bytes: int
    changed_nanoseconds: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of the vault by their relative paths; `number` grows with each state."""

    number: int
    files: dict[str, Kept]


class Contents:
    """The encrypted files below a folder. It never writes anything that is not encrypted."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder, self._key = folder, key

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it no other process changes them.

        Raises:
            StorageError: another process holds them for minutes.
        """
        lock = filelock.FileLock(str(self.folder / _LOCK), timeout=_LOCK_SECONDS, mode=0o600)
        with storage_errors(self.folder):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise StorageError(f"another process holds the vault `{self.folder}`", hint="wait for it") from None
        try:
            yield
        finally:
            lock.release()

    def listing(self) -> Listing:
        """The state of the vault.

        Raises:
            StorageError: the list is gone or was changed, or the files lie elsewhere.
        """
        path, files = self.folder / LIST, self.folder / FOLDER
        if files.is_symlink():  # what we remove there would be removed elsewhere
            raise StorageError(
                f"`{files}` of the vault is a link to another place",
                expected="a folder",
                hint="put the folder itself there",
            )
        if not path.exists():
            if not files.exists():
                return Listing(0, {})  # a process was killed that had just begun it
            raise StorageError(
                f"`{path}` of the vault is gone, and without it no other file of it can be told from another",
                hint="restore it from a copy",
            )
        with storage_errors(path):
            content = path.read_bytes()
        name, stream = content[:16].hex(), io.BytesIO(content[16:])
        try:
            body = json.loads(b"".join(unseal(self._key, name, stream)))
        except StorageError:
            raise StorageError(f"`{path}` of the vault was changed", hint="restore the folder from a copy") from None
        return Listing(body["number"], {one: Kept(*kept) for one, kept in body["files"].items()})

    def replace_listing(self, listing: Listing) -> None:
        """The next state; it holds from here on. What only the state before it had is removed."""
        files = {one: [kept.name, kept.num_bytes, kept.changed_nanoseconds] for one, kept in listing.files.items()}
        body = json.dumps({"number": listing.number, "files": files}).encode()
        name = new_name()
        write_atomic(self.folder / LIST, [bytes.fromhex(name), *seal(self._key, name, io.BytesIO(body))])

    def tidy(self, listing: Listing) -> None:
        """Removes the streams that a state does not have: of an earlier state, or of a process that was killed.

        What bears no name of ours is not touched, nor is anything behind a link.
        """
        named = {kept.name for kept in listing.files.values()}
        with suppress(OSError):
            folder = os.open(self.folder / FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                found = os.listdir(folder)  # noqa: PTH208 - by the folder that is open: a link put there is not followed
                for name in (one for one in found if _NAME.fullmatch(one) and one not in named):
                    os.unlink(name, dir_fd=folder)
            finally:
                os.close(folder)

    def add(self, source: Path) -> Kept:
        """A file, encrypted and durable; it belongs to the vault once a listing names it."""
        name = new_name()
        target = self.folder / FOLDER / name
        with source.open("rb") as stream, storage_errors(target):
            facts = os.fstat(stream.fileno())
            target.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb", buffering=1 << 20) as sealed:
                    sealed.writelines(seal(self._key, name, stream))
                    sealed.flush()
                    os.fsync(descriptor)
                num_bytes = stream.tell()
            except BaseException:
                with suppress(OSError):
                    target.unlink()
                raise
        return Kept(name, num_bytes, facts.st_mtime_ns)

    def sync_added(self) -> None:
        """Makes the names of what was added durable."""
        with storage_errors(self.folder):
            sync_folder(self.folder / FOLDER)

    def take(self, kept: Kept, target: Path) -> None:
        """Writes one file in the clear, as it was and with its time.

        Raises:
            StorageError: it was changed or is gone; nothing of it stays.
        """
        source = self.folder / FOLDER / kept.name
        try:
            with storage_errors(source), source.open("rb") as stream:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb", buffering=1 << 20) as clear:
                    clear.writelines(unseal(self._key, kept.name, stream))
            if target.stat().st_size != kept.num_bytes:
                raise StorageError(f"`{source}` is not the file it should be", hint="restore the folder from a copy")
        except BaseException:
            with suppress(OSError):
                target.unlink()
            raise
        os.utime(target, ns=(kept.changed_nanoseconds, kept.changed_nanoseconds))
