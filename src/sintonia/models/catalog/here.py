"""What of a base lies on this machine, and what is refused where nothing may be fetched. It connects to nothing."""

from __future__ import annotations

from pathlib import Path

from sintonia.errors import Unavailable
from sintonia.files import home_folder
from sintonia.models.catalog.entries import Entry
from sintonia.models.sources.pins import read_pins
from sintonia.models.sources.storage import is_offline


def downloads() -> Path:
    """The folder of downloads, whether or not it is there."""
    return home_folder() / "models"


def folder_here(entry: Entry) -> Path | None:
    """Where a base lies, as it was fetched or as a file names it; None where it does not.

    One on the hub whose reference names no commit is the commit that its first use pinned.

    Raises:
        StorageError: the list of pinned commits is damaged.
    """
    scheme, _, place = entry.reference.partition(":")
    if scheme == "file":
        path = Path(place).expanduser()
        return path if path.exists() else None
    if scheme == "pypi":
        path = downloads() / place.replace("==", "-")
        return path if path.is_dir() else None
    name, _, commit = place.partition("@")
    pin = None if commit else read_pins().get(f"hf:{name}")
    commit = pin.commit if pin else commit
    path = downloads() / f"hf-{name.replace('/', '--')}" / commit
    return path if commit and path.is_dir() else None


def refuse_fetching(entry: Entry) -> None:
    """Refuses a base that would have to be fetched, where nothing may be connected to.

    Raises:
        Unavailable: it is not on this machine, and this process is offline.
    """
    if not is_offline() or folder_here(entry) is not None or entry.reference.startswith("file:"):
        return
    name = entry.name or entry.reference
    raise Unavailable(
        f"the base `{name}` is not on this machine, and this command may not connect to anything",
        expected=f"a base that is in `{downloads()}`, or to go without `--offline` (SINTONIA_OFFLINE)",
        hint=f"`sintonia models fetch {name}` where there is a network; `sintonia models --here` lists what is here",
    )
