"""Models in the folder of downloads: whole or absent, made once, one process at a time. It knows no source."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from sintonia.files import home_folder, storage_errors, sync_folder


def models_folder() -> Path:
    """Where downloaded and converted models live.

    Raises:
        StorageError: it cannot be made.
    """
    home = home_folder() / "models"
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
    return home


def make_once(target: Path, make: Callable[[Path], Path], *, keeps_unfinished: bool = False) -> Path:
    """`target`, which `make` fills the first time: it is given an empty work folder and returns the finished one.

    With `keeps_unfinished` an interrupted `make` finds at the next call what it left, so that a long download goes on.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(str(target) + ".lock"):
        if target.is_dir():
            return target
        work = target.with_name(f".{target.name}.part")
        if not keeps_unfinished:
            shutil.rmtree(work, ignore_errors=True)
        try:
            with _disk_errors(work):
                work.mkdir(exist_ok=True)
                _publish(make(work), target)
        except BaseException:
            if not keeps_unfinished:
                shutil.rmtree(work, ignore_errors=True)
            raise
        shutil.rmtree(work, ignore_errors=True)
    return target


@contextlib.contextmanager
def _disk_errors(work: Path) -> Iterator[None]:
    """As `storage_errors`; but what a network did, which is an operating-system error too, goes on unchanged."""
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error, ConnectionError | TimeoutError):
            raise
        with storage_errors(work):
            raise


def _publish(finished: Path, target: Path) -> None:
    """Renames a folder into place after all of its files are on the disk."""
    for path in finished.rglob("*"):
        sync_folder(path)
    finished.rename(target)
    sync_folder(target.parent)
