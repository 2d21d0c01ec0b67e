"""The register of runs at `SINTONIA_HOME/lineage/`: where each run lies, which files it was made of, which rows it saw.

Sets of rows are kept by their root, so runs on the same rows share them. It holds hashes and paths, never a text.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sintonia.files import from_json, home_folder, locked, read_json, storage_errors, write_atomic, write_json
from sintonia.privacy.lineage.leaves import Leaves, as_bytes, merkle_root, num_held, read_leaves

LINEAGE = "lineage.json"
"""The record of a run that says what it saw."""
_LOCK_SECONDS = 60.0
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSet:
    """A set of rows: `train`, `validation`, `test`, `set aside`, `production`, or of an evaluation on another file."""

    name: str
    count: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a run saw, as the run itself keeps it."""

    id: str
    """By which the register knows it, wherever it lies."""
    sets: tuple[RowSet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReading:
    """How a run read its rows, wherever its files lie now and whether or not it can be opened: names alone."""

    task: str
    columns: tuple[tuple[str, str], ...] = ()
    """Each role with its column; those that are not named are found."""
    group: str = ""
    """The column that says whose a row is."""
    passage_bytes: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run in the register."""

    id: str
    path: str
    files: tuple[str, ...]
    """The data files it was made of, with their whole paths."""
    sets: tuple[RowSet, ...]
    base: str = ""
    """As its recipe names it."""
    teacher: str = ""
    """The folder of the run whose answers it learned from."""
    erased: tuple[str, ...] = ()
    """The certificates of the erasures that took rows from it."""
    readings: tuple[RowReading, ...] = ()
    """As it was asked to read its rows, and as it read them; empty in what was registered before this was kept."""
    judged: tuple[str, ...] = ()
    """The other files that its model was judged on, with their whole paths; empty in what was registered before."""


class Register:
    """All runs that this person's machine knows."""

    def __init__(self, home: Path | None = None) -> None:
        self.folder = (home or home_folder()) / "lineage"

    def entries(self) -> tuple[Entry, ...]:
        """Every run, in no order that means anything.

        Raises:
            StorageError: a record is damaged.
        """
        bodies = (read_json(path) for path in sorted(self.folder.glob("runs/*.json")))
        return tuple(from_json(Entry, body) for body in bodies if body is not None)

    def put(self, entry: Entry, sets: Mapping[str, Leaves]) -> Entry:
        """Keeps a run with its sets of rows; sets it had under other names stay, as do readings and judged files."""
        known = tuple(
            RowSet(name=name, count=leaves.shape[1], root=merkle_root(leaves)) for name, leaves in sets.items()
        )
        with self._held():
            for row_set, leaves in zip(known, sets.values(), strict=True):
                self._keep_set(row_set.root, leaves)
            before = self._entry(entry.id)
            others = tuple(one for one in (before.sets if before else ()) if one.name not in sets)
            readings = dict.fromkeys((*(before.readings if before else ()), *entry.readings))
            judged = dict.fromkeys((*(before.judged if before else ()), *entry.judged))
            kept = replace(entry, sets=(*others, *known), readings=tuple(readings), judged=tuple(judged))
            write_json(self._path(entry.id), kept)
        return kept

    def holding(self, keys: np.ndarray) -> dict[str, int]:
        """The roots of all sets that hold one of these keys of texts, and how many of them."""
        sought = np.unique(keys.astype(np.uint64))
        counts = {path.stem: num_held(path, sought) for path in self.folder.glob("sets/*.bin")}
        return {root: count for root, count in counts.items() if count}

    def take_out(self, keys: np.ndarray, erased: Mapping[str, str]) -> None:
        """Takes rows out of all sets; `erased` names, by the id of a run, the certificate that says so.

        Sets that nobody has afterwards are removed, and what is done twice is done once.
        """
        sought = np.unique(keys.astype(np.uint64))
        with self._held():
            fresh = {root: self._without(root, sought) for root in self.holding(sought)}
            for entry in self.entries():
                sets = tuple(fresh[one.root](one) if one.root in fresh else one for one in entry.sets)
                marks = tuple(dict.fromkeys((*entry.erased, *([erased[entry.id]] if entry.id in erased else ()))))
                if (sets, marks) != (entry.sets, entry.erased):
                    write_json(self._path(entry.id), replace(entry, sets=sets, erased=marks))
            self._sweep()

    def keyed(self, *parts: str) -> str:
        """32 hex digits that stand for a text, to nobody but whoever has the key of this register."""
        return hmac.new(self._key(), "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:32]

    def _without(self, root: str, keys: np.ndarray) -> _Smaller:
        leaves = read_leaves(self._set(root))
        rest = leaves[:, ~np.isin(leaves[0], keys)]
        smaller = _Smaller(count=rest.shape[1], root=merkle_root(rest))
        self._keep_set(smaller.root, rest)
        return smaller

    def _sweep(self) -> None:
        used = {one.root for entry in self.entries() for one in entry.sets}
        for path in self.folder.glob("sets/*.bin"):
            if path.stem not in used:
                path.unlink(missing_ok=True)

    def _key(self) -> bytes:
        path = self.folder / "key"
        with storage_errors(path):
            if not path.exists():
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_atomic(path, secrets.token_bytes(_KEY_BYTES))
            return path.read_bytes()

    def _keep_set(self, root: str, leaves: Leaves) -> None:
        if not self._set(root).exists():
            write_atomic(self._set(root), as_bytes(leaves))

    def _entry(self, name: str) -> Entry | None:
        body = read_json(self._path(name))
        return None if body is None else from_json(Entry, body)

    def _path(self, name: str) -> Path:
        return self.folder / "runs" / f"{name}.json"

    def _set(self, root: str) -> Path:
        return self.folder / "sets" / f"{root}.bin"

    @contextmanager
    def _held(self) -> Iterator[None]:
        with storage_errors(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("runs", "sets"):
                (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        with locked(self.folder / ".lock", _LOCK_SECONDS):
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Smaller:
    """What became of a set from which rows were taken out."""

    count: int
    root: str

    def __call__(self, before: RowSet) -> RowSet:
        return replace(before, count=self.count, root=self.root)
