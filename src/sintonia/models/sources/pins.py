"""`models.lock`: the commit that each model of the hub was pinned to at its first use, and the hashes of its files.

A model named without a revision is that commit from then on, whatever happens on the hub, until a person takes the
entry out. The file may be copied to another machine, which then takes the same files or none.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import filelock

from sintonia.errors import StorageError
from sintonia.files import from_json, home_folder, read_json, storage_errors, to_json, utc_now, write_json
from sintonia.models.sources.manifest import FileFacts, read_facts

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What a reference stands for."""

    commit: str
    date: str
    """When it was pinned, UTC."""
    files: dict[str, FileFacts]


def lock_path() -> Path:
    """Where the pins are kept."""
    return home_folder() / "models.lock"


def read_pins() -> dict[str, Pin]:
    """All pins by reference.

    Raises:
        StorageError: the file cannot be read, or is none of ours.
    """
    path = lock_path()
    try:
        body = read_json(path)
        pins = from_json(dict[str, Pin], {} if body is None else body.get("models"))
        for pin in pins.values():
            read_facts(to_json(pin.files))
            if not _COMMIT.fullmatch(pin.commit):
                raise StorageError("a pin without a commit")
    except StorageError:
        raise StorageError(
            f"`{path}` is not the list of pinned models that it should be",
            hint="bring back an older copy; or delete it, and each model is pinned anew at its next use",
        ) from None
    return pins


def remember(reference: str, commit: str, files: Mapping[str, FileFacts]) -> None:
    """Pins a reference that has no pin yet.

    Raises:
        StorageError: the list cannot be written.
    """
    with _writing():
        pins = read_pins()
        if reference not in pins:
            pins[reference] = Pin(commit=commit, date=utc_now(), files=dict(files))
            write_json(lock_path(), {"models": dict(sorted(pins.items()))})


def check_pinned(name: str, commit: str, files: Mapping[str, FileFacts], folder: Path) -> None:
    """Compares the files of a commit with what was pinned, where it was.

    Raises:
        StorageError: they are others.
    """
    pins = read_pins()
    for reference in (f"hf:{name}", f"hf:{name}@{commit}"):
        pin = pins.get(reference)
        if pin is None or pin.commit != commit:
            continue
        odd = sorted({file for file in {*pin.files, *files} if pin.files.get(file) != files.get(file)})
        if odd:
            raise StorageError(
                f"`{odd[0]}` in `{folder}` is not the file that `{lock_path()}` pins for `{reference}`",
                hint=f"delete the folder and it is fetched again; or, if the list is wrong, its entry `{reference}`",
            )


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    path = lock_path()
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path.with_name(".models.lock.writing"))
        with lock:
            yield
