"""The front of vaults: runs that are encrypted on the disk and worked on in memory alone (`privacy.vault`).

`opened_path` is asked for the path of every run folder: of a vault it is the tree in memory. `given_path` goes back to
the path that a person knows. What is told to a person goes through `in_words`.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sintonia.errors import UsageError
from sintonia.files import storage_errors, when_durable

if TYPE_CHECKING:
    from sintonia.vault.opened import OpenVault

__all__ = [
    "FILE",
    "begin",
    "carry",
    "close",
    "close_all",
    "discard",
    "drop_all",
    "given_path",
    "has_key_at_hand",
    "in_words",
    "is_about_key",
    "is_in_memory",
    "is_vault",
    "keep_in_memory",
    "lock_folder",
    "opened_path",
    "place_in_memory",
    "refresh",
    "refuse_empty",
    "remove_leftovers",
    "surroundings_without_passphrase",
    "swap_in_the_clear",
    "vault_of",
]

FILE = "vault.json"
"""The only file of a vault in the clear: how its key is found."""
_open: list[OpenVault] = []
_UNFINISHED = re.compile(rf"\.{re.escape(FILE)}\.[0-9a-f]{{32}}\.tmp")
"""What a process leaves that was killed while it wrote that file."""


def is_vault(path: Path) -> bool:
    """Whether a folder on the disk is a vault."""
    return (path / FILE).is_file()


def has_key_at_hand(path: Path) -> bool:
    """Whether the vault in a folder is open, or may be opened without asking anybody."""
    from sintonia.vault.keys import has_key_at_hand

    return any(one.place == path.resolve() for one in _open) or has_key_at_hand(path)


def is_about_key(error: Exception) -> bool:
    """Whether a vault does not open for want of its key or passphrase, and not for what is in it."""
    from sintonia.vault.keys import NO_KEY

    return NO_KEY in getattr(error, "__notes__", ())


def keep_in_memory() -> None:
    """From here on, temporary files of this process lie in a folder of its own in memory.

    Raises:
        Unavailable: this system has none.
    """
    from sintonia.vault.memory import private_folder

    private_folder()


def begin(path: Path, kind: str, needed_bytes: int) -> None:
    """Makes a folder a new vault, whose key comes from a `passphrase` or the `keyring`; it is open then.

    Raises:
        UsageError: there is something in it already, or no passphrase.
        StorageError: what has to be worked on does not fit into memory.
    """
    from sintonia.vault.keys import new_key
    from sintonia.vault.memory import refuse_little_room

    place = path.resolve()
    there = list(place.iterdir()) if place.is_dir() else []
    if place.exists() and (not place.is_dir() or any(not _UNFINISHED.fullmatch(one.name) for one in there)):
        raise UsageError(
            f"`{path}` exists already, in the clear", hint="take another `--out`: a vault is begun in a new folder"
        )
    refuse_little_room(needed_bytes, "a run on these data")
    is_new = not place.exists()
    with storage_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o700)
        for one in there:
            one.unlink(missing_ok=True)
    try:
        _enter(place, new_key(place, kind)).begin()
    except BaseException:
        if is_new and not (place / FILE).exists():
            place.rmdir()
        raise


def opened_path(path: Path) -> Path:
    """Where the files of a run folder are: of a vault its tree in memory, of another folder the folder itself.

    Raises:
        UsageError: there is no passphrase.
        StorageError: it is the wrong one, something was changed, or memory is short.
    """
    path = path.absolute()
    if not is_vault(path):
        return path
    from sintonia.vault.keys import known_key

    place = path.resolve()
    known = next((one for one in _open if one.place == place), None)
    if known is None:
        known = _enter(place, known_key(place))
        try:
            known.open()
        except BaseException:
            _open.remove(known)
            raise
    return known.tree


def refuse_empty(tree: Path) -> None:
    """Of the tree of a vault: refuses one with nothing in it.

    Raises:
        UsageError: what may have become of it.
    """
    place = vault_of(tree)
    if place is not None and not any(tree.iterdir()):
        raise UsageError(
            f"the vault `{place}` is empty: it was killed when it began, or its files were taken away",
            hint="restore the folder from a copy, or begin the run again in a new one",
        )


def vault_of(path: Path) -> Path | None:
    """The folder on the disk of the vault that a path in memory belongs to."""
    return next((one.place for one in _open if path.is_relative_to(one.tree)), None)


def given_path(path: Path) -> Path:
    """A path as a person knows it: of one in memory that of the vault."""
    known = next((one for one in _open if path.is_relative_to(one.tree)), None)
    return known.place / path.relative_to(known.tree) if known else path


def in_words(text: str) -> str:
    """A text for a person, with the paths that they know."""
    for one in _open:
        text = text.replace(str(one.tree), str(one.place))
    return text


def is_in_memory(path: Path) -> bool:
    """Whether a path lies in the private memory of a process."""
    if "sintonia.vault.memory" not in sys.modules:
        return False
    from sintonia.vault.memory import has_private_folder

    return has_private_folder(path)


def place_in_memory() -> Path | None:
    """Where the trees of this process lie, while there are any."""
    return _open[0].root.parent.parent if _open else None


def lock_folder(path: Path) -> Path:
    """Where the lock of a run folder lies: of a vault on the disk, where other processes see it."""
    return next((one.place for one in _open if one.tree == path), path)


def carry(path: Path) -> None:
    """Carries what was changed below a path to its vault, if it is in one."""
    for one in _of(path):
        one.carry()


def refresh(path: Path) -> None:
    """Brings the tree of a vault to what the disk has, and tidies there; only for who holds the run."""
    for one in _of(path):
        one.refresh()
        one.tidy()


def close(path: Path) -> None:
    """Carries what is left of a vault, and takes its tree out of memory."""
    for one in _of(path):
        _open.remove(one)
        one.close()


def discard(path: Path) -> bool:
    """Takes a whole vault away; whether the path is one."""
    found = [one for one in _open if one.tree == path]
    for one in found:
        _open.remove(one)
        one.discard()
    return bool(found)


def close_all() -> None:
    """Carries what is left of all vaults; after it nothing of them is in memory.

    Raises:
        StorageError: the disk refuses.
    """
    try:
        for one in list(_open):
            close(one.tree)
    finally:
        _leave_memory()


def drop_all() -> None:
    """Takes all trees out of memory at once and carries nothing."""
    for one in _open:
        one.drop()
    _leave_memory()


def surroundings_without_passphrase() -> dict[str, str]:
    """The environment of this process for one that it starts, which has no vault to open."""
    from sintonia.vault.keys import VARIABLE

    return {name: value for name, value in os.environ.items() if name != VARIABLE}


def swap_in_the_clear() -> tuple[str, ...]:
    """Where the system may write memory to a disk that is not encrypted."""
    from sintonia.vault.memory import swap_in_the_clear

    return swap_in_the_clear()


def remove_leftovers() -> None:
    """Removes the trees of processes that were killed."""
    if sys.platform != "win32":
        from sintonia.vault.memory import sweep

        sweep()


def _of(path: Path) -> list[OpenVault]:
    return [one for one in _open if path.is_relative_to(one.tree)]


def _leave_memory() -> None:
    if "sintonia.vault.memory" in sys.modules:
        from sintonia.vault.memory import remove_private_folder

        remove_private_folder()


def _enter(place: Path, key: bytes) -> OpenVault:
    from sintonia.vault.opened import OpenVault

    vault = OpenVault(place, key)  # before the exit is registered: what is registered last is called first
    if not _open:
        when_durable(carry)
        atexit.register(close_all)
    _open.append(vault)
    return vault
