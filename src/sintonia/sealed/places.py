"""Where what must outlive a run is kept, and held for one writer at a time. It knows nothing of what is written."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sintonia.errors import StorageError
from sintonia.files import home_folder, locked


def folders_of_data(data: Path) -> tuple[Path, Path]:
    """Where what must outlive a run is kept: beside the data, or under SINTONIA_HOME when that cannot be written."""
    path = data.resolve()
    named = hashlib.sha256(str(path).encode("utf-8", errors="surrogateescape")).hexdigest()[:16]
    return path.with_name(path.name + ".sintonia"), home_folder() / "splits" / named


def writable_folder_of_data(data: Path) -> Path:
    """The first of the two folders that can be written, made if need be.

    A folder whose owner took away all write permission is left alone, even by root.

    Raises:
        StorageError: neither can be written.
    """
    for folder in folders_of_data(data):
        try:
            if _is_write_protected(folder):
                continue
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    beside, home = folders_of_data(data)
    raise StorageError(
        f"neither `{beside}` nor `{home}` can be written",
        expected="a place to record the split",
        hint="set SINTONIA_HOME to a folder that you may write",
    )


def _is_write_protected(folder: Path) -> bool:
    """Whether the folder, or the nearest one above it that exists, has no write permission for anybody."""
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    return not existing.stat().st_mode & 0o222


@contextmanager
def writing_beside(data: Path) -> Iterator[Path]:
    """The folder where the split and the openings of a data file are recorded, held for one writer.

    Raises:
        StorageError: it cannot be written, or another process holds it.
    """
    folder = writable_folder_of_data(data)
    with locked(folder / ".lock"):
        yield folder
