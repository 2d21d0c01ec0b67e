"""Three sets by the hash of the group: no group in two sets, no recorded row moved, no seed involved.

Pure: it is handed the recorded split and returns the new one; it reads and writes no file.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sintonia.prepare.examples import Labelled
from sintonia.records import Split

_SALT = "sintonia split 1"
_RANK: dict[Split, int] = {"train": 0, "test": 1, "validation": 2}
"""Which set is served first when a class has fewer groups than there are sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fractions:
    """Shares of the groups that go to validation and to the test; the rest is for training."""

    validation: float
    test: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A split decided earlier: the set of each key of a text or a group, and the fractions of that day."""

    fractions: Fractions
    sets: dict[str, Split] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRows:
    """The set and the group of each row, in the order of the rows; no set for a row that cannot be placed."""

    sets: tuple[Split | None, ...]
    groups: tuple[str, ...]
    bridging: dict[int, str]
    """Position of each row that ties two sets together, with the reason."""
    orphaned: dict[int, str]
    """Position of each row of a class that has no training row, with the reason."""
    record: Recorded


@dataclass(slots=True)
class _Group:
    """Rows that must stay together."""

    rows: list[int] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    recorded: Split | None = None
    split: Split = "train"

    @property
    def name(self) -> str:
        return min(self.keys)


def fractions_for(count: int) -> Fractions:
    """How much of `count` usable rows to hold out (science.md 3.6, without steps between its sizes).

    >>> fractions_for(500)
    Fractions(validation=0.15, test=0.25)
    >>> fractions_for(5000)
    Fractions(validation=0.1, test=0.15)
    """
    if count > 10_000:
        return Fractions(validation=min(0.10, 1000 / count), test=min(0.15, 2000 / count))
    test = min(0.25, max(0.15, 300 / max(count, 1)))
    return Fractions(validation=test / 2 + 0.025, test=test)


def keys_of(row: Labelled) -> tuple[str, ...]:
    """What ties a row to others: its text, and its value in the group column."""
    return (f"t:{row.text_key}",) if row.group_key is None else (f"t:{row.text_key}", f"g:{row.group_key}")


def split_rows(rows: Sequence[Labelled], recorded: Recorded | None) -> SplitRows:
    """Places every row. With a record, old rows stay where they are and only new ones are placed."""
    is_known = recorded is not None and any(key in recorded.sets for row in rows for key in keys_of(row))
    old = recorded if is_known and recorded else Recorded(fractions=fractions_for(len(rows)))
    groups, bridging = _tie(rows, old.sets)
    free = [group for group in groups if group.recorded is None]
    for group in groups:
        group.split = group.recorded or _by_hash(group, old.fractions, len(rows))
    _serve_absent_classes(groups, free)
    trained = {target for group in groups if group.split == "train" for target in group.targets}
    sets: list[Split | None] = [None] * len(rows)
    names = [""] * len(rows)
    orphaned: dict[int, str] = {}
    for group in groups:
        for position in group.rows:
            names[position] = group.name
            if rows[position].target in trained:
                sets[position] = group.split
            else:
                orphaned[position] = f"its class has no training row, and its text is recorded in {group.split}"
    known = dict(recorded.sets) if recorded else {}
    known.update({key: group.split for group in groups for key in group.keys})
    return SplitRows(
        sets=tuple(sets),
        groups=tuple(names),
        bridging=bridging,
        orphaned=orphaned,
        record=Recorded(fractions=old.fractions, sets=known),
    )


def _tie(rows: Sequence[Labelled], recorded: dict[str, Split]) -> tuple[list[_Group], dict[int, str]]:
    """Groups of rows that share a key, directly or through others; a row that would join two sets is left out."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while (above := parent.setdefault(key, key)) != key:
            parent[key] = key = parent[above]
        return key

    set_of: dict[str, Split] = {}
    bridging: dict[int, str] = {}
    for position, row in enumerate(rows):
        roots = {root(key): recorded.get(key) or set_of.get(root(key)) for key in keys_of(row)}
        known = {split for split in roots.values() if split}
        if len(known) > 1:
            bridging[position] = f"it would tie {' and '.join(sorted(known))} together, by its text and its group"
            continue
        first = min(roots)
        for other in roots:
            parent[other] = first
        if known:
            set_of[first] = known.pop()
    groups: dict[str, _Group] = defaultdict(_Group)
    for position, row in enumerate(rows):
        if position not in bridging:
            _join(groups[root(keys_of(row)[0])], position, row, set_of.get(root(keys_of(row)[0])))
    return sorted(groups.values(), key=lambda group: group.name), bridging


def _join(group: _Group, position: int, row: Labelled, recorded: Split | None) -> None:
    group.rows.append(position)
    group.keys.update(keys_of(row))
    group.targets.add(row.target)
    group.recorded = recorded


def _unit_hash(name: str) -> float:
    """A number in [0, 1) that depends on the name of the group alone."""
    return int.from_bytes(hashlib.sha256(f"{_SALT}\0{name}".encode()).digest()[:8]) / 2.0**64


def _by_hash(group: _Group, fractions: Fractions, count: int) -> Split:
    if len(group.rows) > max(2.0, fractions.test * count):
        return "train"
    position = _unit_hash(group.name)
    if position < fractions.test:
        return "test"
    return "validation" if position < fractions.test + fractions.validation else "train"


def _serve_absent_classes(groups: Iterable[_Group], free: Sequence[_Group]) -> None:
    """A class absent from a set gets its lowest hash there: training first, then test, then validation."""
    held: dict[tuple[str, Split], int] = defaultdict(int)
    for group in groups:
        for target in group.targets:
            held[target, group.split] += 1
    by_target: dict[str, list[_Group]] = defaultdict(list)
    for group in sorted(free, key=lambda group: _unit_hash(group.name)):
        for target in group.targets:
            by_target[target].append(group)
    for needy in _RANK:
        for target in sorted(by_target):
            if not held[target, needy]:
                _move_one(by_target[target], needy, held)


def _move_one(candidates: Sequence[_Group], needy: Split, held: dict[tuple[str, Split], int]) -> None:
    """Moves the first group whose leaving empties no set that is served before the needy one."""
    for group in candidates:
        leaves_none = any(held[target, group.split] < 2 for target in group.targets)
        if group.split != needy and not (leaves_none and _RANK[group.split] < _RANK[needy]):
            for target in group.targets:
                held[target, group.split] -= 1
                held[target, needy] += 1
            group.split = needy
            return
