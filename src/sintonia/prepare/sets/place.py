"""Where each gathered row goes: near-copies found, sets decided, leaks taken out, the split recorded.

It writes one file, the record of the split beside the data, and only when it is asked to.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sintonia.errors import DataError
from sintonia.prepare.audit import Dropped
from sintonia.prepare.checks.d113_exact_leak import is_stopping
from sintonia.prepare.gather import FREE, Gathered
from sintonia.prepare.near import NearPairs, clusters, near_pairs
from sintonia.prepare.rows import Rows
from sintonia.prepare.sets.leaks import Leaks, find_leaks
from sintonia.prepare.sets.recorded import UNKNOWN, Fractions, read_recorded, record_name, write_recorded
from sintonia.prepare.sets.split import (
    TEST,
    TRAIN,
    VALIDATION,
    SplitRows,
    Wish,
    fractions_for,
    split_rows,
    tie_together,
    ties_of,
)
from sintonia.sealed import writing_beside
from sintonia.settings import DataSettings

LARGEST_CLUSTER_FRACTION = 0.02
"""A cluster of near-copies with more of the rows than this is cut at a stricter similarity (science.md 3.3)."""
_MIN_LARGEST_CLUSTER = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The rows that are used with their sets and groups, those that are not, and what ties them."""

    rows: Rows
    sets: np.ndarray
    groups: np.ndarray
    near: NearPairs
    leaks: Leaks
    dropped: list[Dropped]
    note: str


def place(asked: DataSettings, gathered: Gathered, *, is_recorded: bool, is_folded: bool = False) -> Placed:
    """Decides the set of every row, and records the split beside the data; folds have sets and groups of their own.

    Raises:
        DataError: the rows fall into too few groups for three sets.
        StorageError: the record cannot be read or written.
    """
    rows = gathered.rows
    near = near_pairs(rows.texts())
    if is_folded:
        return _grouped_only(rows, near)
    free = np.flatnonzero(gathered.origins == FREE)
    split, note = _split(asked, rows.only(free), _among(near, free, len(rows)), is_recorded=is_recorded)
    sets, groups = _with_own_sets(gathered.origins, free, split, rows)
    dropped = _unplaced(rows, free, split)
    for position in np.flatnonzero((gathered.origins != FREE) & (sets == UNKNOWN)):
        dropped.append(_drop(rows, int(position), "orphaned", "its class has no training row"))
    leaks = find_leaks(rows, sets, near)
    if not is_stopping(len(leaks.tested), int((sets == TEST).sum())):
        dropped += [_drop(rows, int(one), "leak", "its text is in a set it must not be in") for one in leaks.trained]
        sets[leaks.trained] = UNKNOWN
        leaks = find_leaks(rows, sets, near)
    used = np.flatnonzero(sets != UNKNOWN)
    _check_sets(asked.path, sets[used], groups[used])
    back = np.full(len(rows), UNKNOWN, dtype=np.int64)
    back[used] = np.arange(len(used))
    return Placed(
        rows=rows.only(used),
        sets=sets[used],
        groups=groups[used],
        near=_among(near, used, len(rows)),
        leaks=Leaks(tested=back[leaks.tested], trained=back[leaks.trained], near=back[leaks.near]),
        dropped=dropped,
        note=note,
    )


def _grouped_only(rows: Rows, near: NearPairs) -> Placed:
    """The groups of few rows: what the group column says, and near-copies too. Their sets are the folds' to decide."""
    largest = max(_MIN_LARGEST_CLUSTER, int(LARGEST_CLUSTER_FRACTION * len(rows)))
    groups = tie_together(ties_of(rows, clusters(len(rows), near, largest)))
    note = "split: ten parts below 300 rows, decided by hashes; they are not recorded"
    sets = np.full(len(rows), TRAIN, dtype=np.int8)
    return Placed(rows=rows, sets=sets, groups=groups, near=near, leaks=Leaks(), dropped=[], note=note)


def _split(asked: DataSettings, rows: Rows, near: NearPairs, *, is_recorded: bool) -> tuple[SplitRows, str]:
    """The split of the rows whose set no file gives, recorded before anything uses it.

    What belongs together is what the group column says, or else near-copies: both would tie most of a data set of
    templates into one group.
    """
    data, name = Path(asked.path), record_name(asked)
    largest = max(_MIN_LARGEST_CLUSTER, int(LARGEST_CLUSTER_FRACTION * len(rows)))
    with writing_beside(data) if is_recorded else nullcontext() as folder:
        recorded, path = read_recorded(data, name)
        wish = Wish(
            clusters=np.arange(len(rows)) if asked.group else clusters(len(rows), near, largest),
            recorded=recorded,
            fractions=_fractions(asked, len(rows)),
            is_by_time=asked.time is not None,
        )
        placed = split_rows(rows, wish)
        if folder is None:
            return placed, "split: not recorded by a check; `tune` decides it the same way and records it"
        if path is None or not placed.record.is_same(recorded):
            path = folder / name
            write_recorded(path, placed.record)
    verb = "taken from" if recorded and placed.record.fractions == recorded.fractions else "recorded in"
    return placed, f"split: {verb} `{path}`; rows added later move no row of it"


def _fractions(asked: DataSettings, count: int) -> Fractions:
    """A set that comes in a file of its own is not cut from the training file."""
    usual = fractions_for(count)
    return Fractions(validation=0.0 if asked.validation else usual.validation, test=0.0 if asked.test else usual.test)


def _with_own_sets(
    origins: np.ndarray, free: np.ndarray, split: SplitRows, rows: Rows
) -> tuple[np.ndarray, np.ndarray]:
    """The split, and the rows of one's own files in their sets; rows of a class without a training row have none."""
    sets = origins.copy()
    sets[free] = split.sets
    groups = np.zeros(len(rows), dtype=np.int64)
    groups[free] = split.groups
    own = np.flatnonzero(origins != FREE)
    if not len(own):
        return sets, groups
    ties = np.where(rows.group_keys[own] == 0, rows.text_keys[own], rows.group_keys[own])
    groups[own] = groups.max(initial=0) + 1 + np.unique(ties, return_inverse=True)[1]
    if rows.classes:
        is_trained = np.isin(rows.codes, rows.codes[sets == TRAIN])
        sets[own[~is_trained[own]]] = UNKNOWN
    return sets, groups


def _among(pairs: NearPairs, positions: np.ndarray, count: int) -> NearPairs:
    """The pairs with both ends among some rows, by their positions there."""
    back = np.full(count, UNKNOWN, dtype=np.int64)
    back[positions] = np.arange(len(positions))
    first, second = back[pairs.first], back[pairs.second]
    held = (first != UNKNOWN) & (second != UNKNOWN)
    return NearPairs(first=first[held], second=second[held], similarity=pairs.similarity[held])


def _unplaced(rows: Rows, free: np.ndarray, split: SplitRows) -> list[Dropped]:
    return [
        _drop(rows, int(free[position]), kind, reason)
        for kind, reasons in (("bridging", split.bridging), ("orphaned", split.orphaned))
        for position, reason in reasons.items()
    ]


def _drop(rows: Rows, position: int, kind: str, reason: str) -> Dropped:
    return Dropped(line=int(rows.lines[position]), kind=kind, reason=reason, file=rows.file_of(position))


def _check_sets(path: str, sets: np.ndarray, groups: np.ndarray) -> None:
    counts = Counter(sets.tolist())
    names = {TRAIN: "training", VALIDATION: "validation", TEST: "sealed test"}
    empty = [name for number, name in names.items() if not counts[number]]
    if empty:
        raise DataError(
            f"the rows fall into {len(np.unique(groups))} groups, too few for three sets: no row for "
            f"{' and '.join(empty)}",
            expected="many small groups",
            where=path,
            hint="choose another group column, or none; rows that are nearly the same count as one group",
        )
