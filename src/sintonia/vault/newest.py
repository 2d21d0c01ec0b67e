"""The newest state of each vault that was written or seen on this machine, noted at `SINTONIA_HOME/vaults/`.

A vault alone cannot tell that all of it was put back as it once was: this tells. A number is noted only after the state
itself is durable, so it may be behind what the disk has, and is never ahead of it. It holds numbers, times and the
folders of runs, never a key and nothing of a run. Whoever can change both folders is not found out.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sintonia.errors import StorageError
from sintonia.files import from_json, home_folder, read_json, sync_folder, utc_now, write_json
from sintonia.vault.contents import Contents, Listing

_LOG = logging.getLogger("sintonia.vault")


@dataclass(frozen=True, slots=True)
class Noted:
    """The newest state that a vault had in a folder."""

    place: str
    number: int
    time: str


class Newest:
    """What is noted of the vault with this key in one folder."""

    def __init__(self, place: Path, key: bytes) -> None:
        self._place, self._key = place, key
        self._vault = hmac.new(key, b"sintonia vault 1 newest state", "sha256").hexdigest()[:32]
        self._told: set[str] = set()

    def listing(self) -> Listing:
        """The state that the vault has on the disk.

        Raises:
            StorageError: it is older than one that was here; or it cannot be read. A note that cannot be read counts as
                unknown, and is logged as a warning.
        """
        known = self._known()  # before the list is read: meanwhile another process may write both
        listing = Contents(self._place, self._key).listing()
        path, noted = max(known.items(), key=lambda one: one[1].number, default=(None, None))
        if noted is not None and listing.number < noted.number:
            raise StorageError(
                f"the vault `{self._place}` is not as it was last: an older state of it was put back, all of it",
                expected=f"state {noted.number:,}, which was here at {noted.time}, or a later one; it has "
                f"state {listing.number:,}",
                hint="put the newest back; if you mean the older one, or this is a copy that went its own way, remove "
                f"`{path}` and call it again",
            )
        return listing

    def note(self, number: int) -> None:
        """Notes a state that is durable. What was noted of folders that the vault has left stays: an older state may be
        put back there.

        Where it cannot be written, that is logged as a warning, once, and nothing is stopped.
        """
        try:
            own = self._path(self._place)
            known = self._known().get(own)
            if known is not None and known.number >= number:
                return
            own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_json(own, Noted(str(self._place), number, utc_now()))
        except (StorageError, OSError, ValueError) as error:  # the last of a name that is no text
            self._warn(f"an older state of `{self._place}` put back would not be noticed: {error}")

    def note_found(self, number: int) -> None:
        """Notes a state that was found: another process may have renamed its list, and not made that durable yet."""
        try:
            sync_folder(self._place)
        except OSError as error:
            self._warn(f"an older state of `{self._place}` put back would not be noticed: {error}")
        else:
            self.note(number)

    def forget(self) -> None:
        """The vault is taken away; a note that cannot be removed stays, and keeps nothing from going."""
        with suppress(OSError):
            self._path(self._place).unlink(missing_ok=True)

    def _known(self) -> dict[Path, Noted]:
        """What is noted of this folder; else of those that the vault has left, so that it may be moved and copied."""
        own = self._path(self._place)
        try:
            body = read_json(own)
            if body is not None:
                return {own: from_json(Noted, body)}
            others = list(own.parent.glob(f"{self._vault}-*.json"))
        except (StorageError, OSError) as error:
            self._warn_unread(own, error)
            return {}
        found: dict[Path, Noted] = {}
        for path in others:
            try:
                body = read_json(path)
                one = from_json(Noted, body) if body is not None else None
            except StorageError as error:
                self._warn_unread(path, error)
                continue
            if one is not None and not self._is_whole_in(Path(one.place), one.number):
                found[path] = one
        return found

    def _warn_unread(self, note: Path, error: StorageError | OSError) -> None:
        why = error.what if isinstance(error, StorageError) else error  # its hint is for files that are needed
        self._warn(f"`{note}` cannot be read, so an older state of `{self._place}` would not be noticed: {why}")

    def _warn(self, text: str) -> None:
        """Once for each text: a vault is carried often."""
        if text not in self._told:
            self._told.add(text)
            _LOG.warning("%s", text)

    def _is_whole_in(self, place: Path, number: int) -> bool:
        """Whether the vault lies in another folder too, and not through a link, as new as it was there."""
        try:
            return place.resolve() == place and Contents(place, self._key).listing().number >= number
        except (StorageError, OSError, ValueError, RuntimeError):  # no such name, and links in a circle
            return False

    def _path(self, place: Path) -> Path:
        named = hashlib.sha256(str(place).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return home_folder() / "vaults" / f"{self._vault}-{named}.json"
