"""Models in the folder of downloads: whole or absent, made once, one process at a time. It knows no source.

Whether a network may be used at all is said here too: `SINTONIA_OFFLINE` in the environment forbids it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from sintonia.files import home_folder, storage_errors, sync_folder
from sintonia.models.sources.manifest import write_manifest

_UNFINISHED = ".part"


def models_folder() -> Path:
    """Where downloaded and converted models live.

    Raises:
        StorageError: it cannot be made.
    """
    home = home_folder() / "models"
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
    return home


def is_offline() -> bool:
    """Whether the person forbade every use of a network."""
    return os.environ.get("SINTONIA_OFFLINE", "0").lower() not in ("", "0", "false", "no", "off")


def make_once(target: Path, make: Callable[[Path], Path], *, keeps_unfinished: bool = False) -> Path:
    """`target`, which `make` fills the first time: it is given an empty work folder and returns the finished one.

    With `keeps_unfinished` an interrupted `make` finds at the next call what it left, so that a long download goes on.
    The list of its files is written last, before the folder gets its name; a second process waits for the first.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    work = _work_of(target)
    if target.is_dir() and not work.exists():
        return target
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(str(target) + ".lock"):
        if target.is_dir():
            shutil.rmtree(work, ignore_errors=True)
            return target
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


def clear_unfinished(folder: Path) -> None:
    """Takes away what interrupted downloads left in a folder of models, but for those that go on in another process."""
    for work in folder.glob(_work_of(folder / "*").name):
        lock = filelock.FileLock(str(folder / work.name[1 : -len(_UNFINISHED)]) + ".lock", blocking=False)
        with contextlib.suppress(filelock.Timeout, OSError), lock:
            shutil.rmtree(work, ignore_errors=True)


def _work_of(target: Path) -> Path:
    return target.with_name(f".{target.name}{_UNFINISHED}")


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
    write_manifest(finished)
    for path in finished.rglob("*"):
        sync_folder(path)
    finished.rename(target)
    sync_folder(target.parent)
