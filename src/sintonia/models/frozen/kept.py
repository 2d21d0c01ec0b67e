"""States of frozen layers, kept in a file of the run's `cache/`: computed once for all epochs and turns.

Half precision on disk, single where a value does not fit or where it is asked for. Such states can be turned back into
the text, so the files are the owner's alone, like the data, and go with the run.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sintonia.errors import StorageError
from sintonia.files import read_json, sha256_file, write_atomic, write_json
from sintonia.runs import RunFolder

Produce = Callable[[], Iterator[np.ndarray]]
"""The states of each row, float32 (tokens, width), one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSettings:
    """What the states of a row depend on besides its tokens."""

    revision: str
    """Of the base."""
    num_layers: int
    """How many of the lowest layers are frozen."""
    width: int
    is_exact: bool = False
    """Keep single precision, so that losses are those of the whole computation."""

    def key(self, rows: Sequence[Sequence[int]]) -> str:
        """Stands for the states of these rows of tokens."""
        digest = hashlib.sha256(repr(self).encode())
        for ids in rows:
            digest.update(np.array([len(ids), *ids], dtype=np.int64).tobytes())
        return digest.hexdigest()[:32]

    def num_bytes(self, rows: Sequence[Sequence[int]]) -> int:
        """What the states of these rows take on disk, at most, if they fit into the precision."""
        return sum(len(ids) for ids in rows) * self.width * (4 if self.is_exact else 2)


class KeptStates:
    """The states of all rows of a set; `of` gives those of a batch, each read when it is asked for."""

    def __init__(self, path: Path, index: dict[str, Any], width: int) -> None:
        self._ends = [0, *(int(end) for end in index["ends"])]
        shape = (self._ends[-1], width)
        self._states = (
            np.memmap(path, dtype=index["kind"], mode="r", shape=shape) if shape[0] else np.empty(shape, np.float32)
        )

    def of(self, positions: Sequence[int]) -> Sequence[Tensor]:
        """Float32 (tokens, width) of each of these rows."""
        return _Batch(self, positions)

    def row(self, position: int) -> Tensor:
        """Float32 (tokens, width) of one row."""
        return torch.from_numpy(self._states[self._ends[position] : self._ends[position + 1]].astype(np.float32))

    @property
    def num_bytes(self) -> int:
        """What the file holds."""
        return int(self._states.nbytes)


class _Batch(Sequence[Tensor]):
    """Some rows of kept states; nothing is held of them."""

    def __init__(self, kept: KeptStates, positions: Sequence[int]) -> None:
        self._kept, self._positions = kept, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, place: Any) -> Any:
        return self._kept.row(self._positions[place])


def has_room(run: RunFolder, num_bytes: int) -> bool:
    """Whether that leaves half of the free disk of the run, for checkpoints and the model."""
    return num_bytes < 0.5 * shutil.disk_usage(run.path).free


def is_kept(run: RunFolder, settings: FrozenSettings, rows: Sequence[Sequence[int]]) -> bool:
    """Whether the states of these rows lie on the disk already."""
    path = _file(run, settings, rows)
    return path.is_file() and path.with_suffix(".json").is_file()


def _file(run: RunFolder, settings: FrozenSettings, rows: Sequence[Sequence[int]]) -> Path:
    return run.file(f"cache/frozen-{settings.key(rows)}.bin")


def keep_states(
    run: RunFolder, settings: FrozenSettings, rows: Sequence[Sequence[int]], produce: Produce
) -> Generator[str, None, KeptStates | None]:
    """The states of these rows: read where they were kept, else computed and kept.

    Where they need single precision, twice the disk that was told, a line says so before they are written; None when
    the disk has no room for that.

    Raises:
        StorageError: they cannot be written.
    """
    path = _file(run, settings, rows)
    index = _whole_index(path)
    if index is None:
        try:
            index = _write(path, produce, "float32" if settings.is_exact else "float16")
        except _TooLarge:
            needed = replace(settings, is_exact=True).num_bytes(rows)
            size = f"some values are too large for half precision: the states take {needed / 2**20:,.1f} MiB in single"
            if not has_room(run, needed):
                yield f"{size}, more than the disk has room for, so they are computed each time"
                return None
            yield size
            index = _write(path, produce, "float32")
        write_json(path.with_suffix(".json"), index)
    return KeptStates(path, index, settings.width)


def _whole_index(path: Path) -> dict[str, Any] | None:
    """How the states lie in the file; None when there are none, or not those that were written."""
    try:
        index = read_json(path.with_suffix(".json"))
    except StorageError:
        return None
    is_whole = index is not None and path.is_file() and index.get("sha256") == sha256_file(path)
    return index if is_whole else None


class _TooLarge(Exception):
    """A value does not fit into half precision."""


def _write(path: Path, produce: Produce, kind: str) -> dict[str, Any]:
    """Writes the states, whole or not at all, and says how they lie in the file.

    Raises:
        _TooLarge: they do not fit into half precision; nothing was left behind.
    """
    lengths: list[int] = []

    def chunks() -> Iterator[bytes]:
        for states in produce():
            with np.errstate(over="ignore"):
                values = states.astype(kind)
            if kind == "float16" and not np.isfinite(values).all():
                raise _TooLarge
            lengths.append(len(values))
            yield values.tobytes()

    write_atomic(path, chunks())
    return {"ends": np.cumsum(lengths).tolist(), "kind": kind, "sha256": sha256_file(path)}
