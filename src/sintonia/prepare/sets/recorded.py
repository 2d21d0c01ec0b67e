"""The split as it is recorded beside the data, so that later rows and later runs move no row of it.

The record holds hashes of texts and groups, never a text. A split by another group or time column, or with files
of one's own for the test or the validation set, has its own record.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import StorageError
from sintonia.files import check_schema, storage_errors, write_atomic
from sintonia.normalise import short_hash
from sintonia.prepare.audit import SETS
from sintonia.sealed import folders_of_data
from sintonia.settings import DataSettings

UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class KeySets:
    """The set of each key: `keys` uint64 in ascending order, `sets` int8 their positions in SETS."""

    keys: np.ndarray = field(default_factory=lambda: np.array([], dtype=np.uint64))
    sets: np.ndarray = field(default_factory=lambda: np.array([], dtype=np.int8))

    @classmethod
    def of(cls, keys: np.ndarray, sets: np.ndarray) -> KeySets:
        """From unordered keys; of a key that comes twice the first set counts."""
        unique, first = np.unique(keys.astype(np.uint64), return_index=True)
        return cls(unique, sets.astype(np.int8)[first])

    def of_each(self, keys: np.ndarray) -> np.ndarray:
        """The set of each key asked for, -1 where it is not known."""
        if not len(self.keys):
            return np.full(len(keys), UNKNOWN, dtype=np.int8)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.sets[places], UNKNOWN).astype(np.int8)

    def is_same(self, other: KeySets) -> bool:
        """Whether both know the same keys, in the same sets."""
        return np.array_equal(self.keys, other.keys) and np.array_equal(self.sets, other.sets)

    def and_then(self, other: KeySets) -> KeySets:
        """These, and the others' keys that are not among these."""
        return KeySets.of(np.concatenate([self.keys, other.keys]), np.concatenate([self.sets, other.sets]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fractions:
    """Shares of the groups that go to validation and to the test; the rest is for training."""

    validation: float
    test: float

    @property
    def is_sound(self) -> bool:
        """Whether something is left to train on."""
        return self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A split decided earlier: the set of each key of a text or a group, and the fractions of that day."""

    fractions: Fractions
    cuts: tuple[float, float] | None = None
    """Where validation and test begin in the time column, when the split is by time."""
    texts: KeySets = field(default_factory=KeySets)
    groups: KeySets = field(default_factory=KeySets)

    def is_same(self, other: Recorded | None) -> bool:
        """Whether it says the same about the same keys."""
        return (
            other is not None
            and (self.fractions, self.cuts) == (other.fractions, other.cuts)
            and self.texts.is_same(other.texts)
            and self.groups.is_same(other.groups)
        )


def record_name(asked: DataSettings) -> str:
    """The file that a split with these settings is recorded in."""
    by = [asked.group or "", asked.time or "", "test" if asked.test else "", "validation" if asked.validation else ""]
    if not any(by[1:]):
        return "split.jsonl" if asked.group is None else f"split-by-{short_hash(asked.group)}.jsonl"
    return f"split-by-{short_hash(*by)}.jsonl"


def read_recorded(data: Path, name: str) -> tuple[Recorded | None, Path | None]:
    """The recorded split of a data file, and where it was found.

    What is recorded beside the data comes before what was added under SINTONIA_HOME.

    Raises:
        StorageError: the record is damaged.
    """
    paths = [path for folder in folders_of_data(data) if (path := folder / name).exists()]
    if not paths:
        return None, None
    first, *others = [_parse(path) for path in paths]
    texts, groups = first.texts, first.groups
    for other in others:
        texts, groups = texts.and_then(other.texts), groups.and_then(other.groups)
    return Recorded(fractions=first.fractions, cuts=first.cuts, texts=texts, groups=groups), paths[0]


def write_recorded(path: Path, recorded: Recorded) -> None:
    """Writes the whole record, or leaves the old one as it was."""
    head: dict[str, Any] = {
        "keys": len(recorded.texts.keys) + len(recorded.groups.keys),
        "validation_fraction": recorded.fractions.validation,
        "test_fraction": recorded.fractions.test,
        "sha256": _hash_of(recorded),
    }
    if recorded.cuts:
        names = ("validation_from", "test_from")
        head |= {name: cut if math.isfinite(cut) else None for name, cut in zip(names, recorded.cuts, strict=True)}
    heads = (json.dumps({"schema": 1}), json.dumps(head))
    lines = itertools.chain(heads, _lines("g", recorded.groups), _lines("t", recorded.texts))
    write_atomic(path, (f"{line}\n".encode() for line in lines))


def _hash_of(recorded: Recorded) -> str:
    """By which a record is known that somebody moved rows in: a test could be made of rows that were looked at."""
    parts = [part for known in (recorded.texts, recorded.groups) for part in (known.keys, known.sets)]
    ends = [recorded.fractions.validation, recorded.fractions.test, *(recorded.cuts or ())]
    columns = (part.astype(part.dtype.newbyteorder("<")).tobytes() for part in parts)
    return hashlib.sha256(b" ".join([repr([float(one) for one in ends]).encode(), *columns])).hexdigest()


def _cut(value: float | None) -> float:
    """Where a set begins in time; a set that a file gives begins nowhere."""
    return math.inf if value is None else float(value)


def _lines(kind: str, known: KeySets) -> Iterator[str]:
    for key, number in zip(known.keys.tolist(), known.sets.tolist(), strict=True):
        yield f'{{"key": "{kind}:{key:016x}", "set": "{SETS[number]}"}}'


def _parse(path: Path) -> Recorded:
    """Line by line: a record of a million rows is never held as text."""
    kinds: dict[str, tuple[list[int], list[int]]] = {"t": ([], []), "g": ([], [])}
    try:
        with storage_errors(path), path.open(encoding="utf-8") as stream:
            check_schema(json.loads(next(stream)).get("schema"), path)
            head = json.loads(next(stream))
            fractions = Fractions(validation=float(head["validation_fraction"]), test=float(head["test_fraction"]))
            cuts = (_cut(head["validation_from"]), _cut(head["test_from"])) if "test_from" in head else None
            for line in stream:
                body = json.loads(line)
                keys, sets = kinds[body["key"][0]]
                keys.append(int(body["key"][2:], 16))
                sets.append(SETS.index(body["set"]))
            num_keys = sum(len(keys) for keys, _ in kinds.values())
            if num_keys != head.get("keys", num_keys) or not fractions.is_sound:
                raise ValueError
            arrays = [(np.array(keys, dtype=np.uint64), np.array(sets)) for keys, sets in kinds.values()]
    except (KeyError, ValueError, TypeError, AttributeError, StopIteration, OverflowError, IndexError):
        raise StorageError(
            f"`{path}` is not a record of a split", hint="restore it from a copy; without it the sets would change"
        ) from None
    texts, groups = (KeySets.of(keys, sets) for keys, sets in arrays)
    recorded = Recorded(fractions=fractions, cuts=cuts, texts=texts, groups=groups)
    if head.get("sha256", (written := _hash_of(recorded))) != written:
        raise StorageError(
            f"`{path}` was changed after sintonia wrote it",
            expected="each row in the set that it was put in",
            hint="restore it from a copy; to test on other rows, give them with --test",
        )
    return recorded
