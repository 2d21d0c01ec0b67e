"""A vault that is open: a working tree in memory, and what carries it to the disk.

Where a plain run makes something durable (`files.when_durable`), all that has changed in the tree is encrypted, and the
list of the vault is replaced: so a kill leaves on the disk what it would leave of a plain run. Files that were renamed
or linked are known by their inode and are not encrypted again.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sintonia.errors import StorageError
from sintonia.files import storage_errors
from sintonia.vault.contents import Contents, Kept, Listing
from sintonia.vault.memory import private_folder, refuse_little_room
from sintonia.vault.newest import Newest

_SPARE_BYTES = 16 << 20
_SMALL_BYTES = 1 << 20
_TICK_NANOSECONDS = 20_000_000
"""Two changes within a tick of the system's clock may bear the same time."""
_TIMES = 5
Mark = tuple[int, int, int]
"""Inode, size and time of change: while they stay, so does the content."""


class OpenVault:
    """The vault in a folder on the disk, and its tree in memory."""

    def __init__(self, place: Path, key: bytes) -> None:
        self.place = place
        self.root = private_folder() / os.urandom(8).hex()
        self.tree = self.root / place.name
        self._contents, self._newest = Contents(place, key), Newest(place, key)
        self._known: dict[str, tuple[Mark | None, Kept]] = {}
        self._unsettled: dict[str, Mark] = {}
        self._number = 0
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._is_closed = False

    def begin(self) -> None:
        """A new vault, with nothing in it."""
        self._make_tree()
        self._contents.replace_listing(Listing(0, {}))

    def open(self) -> None:
        """Brings the tree into memory, as the disk has it.

        Raises:
            StorageError: something of it was changed, an older state was put back, or it does not fit.
        """
        listing = self._newest.listing()
        sizes = {kept.name: kept.num_bytes for kept in listing.files.values()}
        needed = sum(sizes.values()) + _SPARE_BYTES
        refuse_little_room(needed, f"the run in the vault `{self.place}`")
        self._make_tree()
        try:
            self._follow()
        except BaseException:
            self.drop()
            raise

    def refresh(self) -> None:
        """Brings in what other processes have carried to the disk since; what was changed here goes there first."""
        with self._lock:
            self.carry()
            self._follow()

    def carry(self) -> None:
        """Makes the disk hold what the tree holds now.

        Raises:
            StorageError: the disk refuses; it holds the state before then.
        """
        with self._lock:
            if self._is_closed or os.getpid() != self._process:
                return
            found = dict(_marks(self.tree))
            changed = [one for one, mark in found.items() if one not in self._known or self._known[one][0] != mark]
            removed = [one for one in self._known if one not in found]
            if changed or removed:
                with self._contents.held():
                    self._carry(found, changed, removed)

    def close(self) -> None:
        """Carries what is left, and takes the tree out of memory."""
        try:
            self.carry()
        finally:
            self.drop()

    def discard(self) -> None:
        """Takes the whole vault away, on the disk too."""
        self.drop()
        self._newest.forget()
        shutil.rmtree(self.place, ignore_errors=True)

    def drop(self) -> None:
        """Takes the tree out of memory and carries nothing."""
        self._is_closed = True
        shutil.rmtree(self.root, ignore_errors=True)

    def tidy(self) -> None:
        """Removes from the disk what processes have left there that were killed."""
        with self._contents.held():
            self._contents.tidy(self._contents.listing())

    def _make_tree(self) -> None:
        with storage_errors(self.tree):
            self.tree.mkdir(mode=0o700, parents=True)

    def _carry(self, found: dict[str, Mark], changed: list[str], removed: list[str]) -> None:
        before = self._newest.listing()
        of_marks = {mark: kept for mark, kept in self._known.values() if mark is not None}
        added: dict[str, tuple[Mark | None, Kept]] = {}
        for one in changed:
            if one not in before.files and self._unsettled.get(one) == found[one]:
                continue  # not changed since it was carried, and another process has removed it: `refresh` follows
            kept = of_marks.get(found[one])
            if kept is not None:
                added[one] = (found[one], kept)
                continue
            try:
                kept, is_settled = self._add(self.tree / one, found[one])
            except FileNotFoundError:  # it was temporary: another thread has removed it meanwhile
                continue
            added[one] = (found[one] if is_settled else None, kept)
            if is_settled:
                of_marks[found[one]] = kept
            else:
                self._unsettled[one] = found[one]
        if any(before.files.get(one) != kept for one, (_, kept) in added.items()):
            self._contents.sync_added()
        files = {one: kept for one, kept in before.files.items() if one not in removed}
        after = Listing(before.number + 1, files | {one: kept for one, (_, kept) in added.items()})
        self._contents.replace_listing(after)
        self._newest.note(after.number)
        self._contents.tidy(after)
        if before.number == self._number:
            self._number = after.number  # else others have carried too: `refresh` brings that in
        self._known = {one: pair for one, pair in self._known.items() if one not in removed} | added

    def _add(self, path: Path, mark: Mark) -> tuple[Kept, bool]:
        """What became of a file, and whether a later change of it would be seen by its mark."""
        kept = self._contents.add(path)
        age = time.time_ns() - mark[2]
        if age < _TICK_NANOSECONDS and mark[1] >= _SMALL_BYTES:  # a small one is rather carried twice
            time.sleep((_TICK_NANOSECONDS - age) / 1e9)
            age = _TICK_NANOSECONDS
        return kept, age >= _TICK_NANOSECONDS and _mark(path) == mark

    def _follow(self) -> None:
        """Makes the tree what the disk has. Another process may go on meanwhile: then it is begun again."""
        for attempt in range(_TIMES):
            listing = self._newest.listing()
            try:
                self._take_all(listing)
            except StorageError:
                if attempt == _TIMES - 1 or self._contents.listing().number == listing.number:
                    raise
            else:
                self._number = listing.number
                self._newest.note_found(listing.number)
                return

    def _take_all(self, listing: Listing) -> None:
        there: dict[str, Path] = {}
        for one, (_, kept) in list(self._known.items()):
            if listing.files.get(one) == kept:
                there[kept.name] = self.tree / one
            else:
                (self.tree / one).unlink(missing_ok=True)
                del self._known[one]
        for one, kept in listing.files.items():
            if one in self._known:
                continue
            target = self.tree / one
            same = there.get(kept.name)
            with storage_errors(target):
                target.unlink(missing_ok=True)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if same is not None:
                    os.link(same, target)
                else:
                    self._contents.take(kept, target)
                self._known[one] = (_mark(target), kept)
            there[kept.name] = target


def _marks(tree: Path) -> Iterator[tuple[str, Mark]]:
    """Each file below a folder by its relative path, but those that are being written."""
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - it is called at each write
            is_unfinished = name.startswith(".") and name.endswith(".tmp")
            mark = None if is_unfinished or name == ".lock" else _mark(Path(path))
            if mark is not None:
                yield os.path.relpath(path, tree), mark


def _mark(path: Path) -> Mark | None:
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return None
    return (facts.st_ino, facts.st_size, facts.st_mtime_ns)
