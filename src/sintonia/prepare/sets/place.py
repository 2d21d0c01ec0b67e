"""Where each gathered row goes: near-copies found, sets decided, leaks taken out, the split recorded.

It writes one file, the record of the split beside the data, and only when it is asked to.
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sintonia.errors import DataError
from sintonia.prepare.audit import Dropped
from sintonia.prepare.gather import FREE, Gathered
from sintonia.prepare.near import NearPairs, clusters, merged, near_pairs, overlapping_pairs
from sintonia.prepare.near.passages import Passages, find_passages
from sintonia.prepare.rows import Rows
from sintonia.prepare.sets.leaks import Leaks, find_leaks, is_too_many
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
from sintonia.prepare.table import shown
from sintonia.sealed import writing_beside
from sintonia.settings import DataSettings

LARGEST_CLUSTER_FRACTION = 0.02
"""A cluster of near-copies with more of the rows than this is cut at a stricter similarity (science.md 3.3)."""
_MIN_LARGEST_CLUSTER = 10
OF_CONVERSATIONS = ("chat", "prefer")
"""Tasks whose inputs may share long passages."""
LEAST_TRAINED_FRACTION = 0.2
"""With fewer of the rows in training a split by groups or by time has gone wrong."""


Reasons = dict[int, tuple[str, str]]
"""By position of a row that is not used: the kind of reason, and the reason in words."""


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
    passages: Passages
    """What many rows share word for word, which is left out where near-copies are looked for."""
    used: np.ndarray
    """Position of each row among those that were gathered, int64."""
    late_from: float = math.inf
    """Time from which rows are validated or tested on, where the split is by time."""


def place(asked: DataSettings, gathered: Gathered, *, is_recorded: bool, is_folded: bool = False) -> Placed:
    """Decides the set of every row, and records the split beside the data; folds have sets and groups of their own.

    Rows that repeat another tie what they belong to together, and are set aside afterwards.

    Raises:
        DataError: the rows fall into too few groups for three sets.
        StorageError: the record cannot be read or written.
    """
    rows = gathered.rows
    is_shared = gathered.form.task in OF_CONVERSATIONS
    passages = find_passages(rows.texts() if is_shared else (), largest_cluster(len(rows)))
    twins = passages.twins(rows.answer_keys)
    near, overlaps = near_of(gathered, rows, passages)
    free = np.flatnonzero(gathered.origins == FREE)
    if is_folded:
        sets = np.full(len(rows), TRAIN, dtype=np.int8)
        groups, reasons = tie_together(ties_of(rows, near_ids(asked, near, twins))), dict[int, tuple[str, str]]()
        note, late_from = "split: ten parts below 300 rows, decided by hashes; they are not recorded", math.inf
    else:
        same = clusters(len(free), among(overlaps, free, len(rows)), len(rows))
        ties = tie_together([near_ids(asked, among(near, free, len(rows)), twins[free]), same])
        split, note = _split(asked, rows.only(free), ties, is_recorded=is_recorded)
        sets, groups = _with_own_sets(gathered.origins, free, split, rows)
        reasons, late_from = _unplaced(free, split), (split.record.cuts or (math.inf,))[0]
    sets[gathered.first != np.arange(len(rows))] = UNKNOWN
    leaks = _between_groups(near, sets, groups) if is_folded else _take_out_leaks(rows, sets, near, reasons)
    _take_out_unseen(rows, sets, reasons)
    dropped = [
        _drop(gathered, int(position), reasons.get(int(position))) for position in np.flatnonzero(sets == UNKNOWN)
    ]
    used = np.flatnonzero(sets != UNKNOWN)
    if not is_folded:
        _check_sets(asked, sets[used], groups[used], is_cut=gathered.form.cut is not None)
    back = np.full(len(rows), UNKNOWN, dtype=np.int64)
    back[used] = np.arange(len(used))
    return Placed(
        rows=rows.only(used),
        sets=sets[used],
        groups=groups[used],
        near=among(near, used, len(rows)),
        leaks=leaks.at(back),
        dropped=dropped,
        note=note,
        passages=passages,
        used=used,
        late_from=late_from,
    )


def near_of(gathered: Gathered, rows: Rows, passages: Passages) -> tuple[NearPairs, NearPairs]:
    """Which rows are near each other; and of passages of plain text those that share sentences, which are near too."""
    near = near_pairs(passages.left_out(rows.texts()) if passages.shared else rows.texts())
    overlaps = overlapping_pairs(rows.texts() if gathered.form.cut else ())
    return merged([near, overlaps]), overlaps


def near_ids(asked: DataSettings, near: NearPairs, twins: np.ndarray) -> np.ndarray:
    """What ties each row besides its text: near-copies, and the same answer to the same passage.

    Each row is alone where a group column says what belongs together: both would tie most of a data set of templates
    into one group.
    """
    count = len(twins)
    return np.arange(count) if asked.group else tie_together([clusters(count, near, largest_cluster(count)), twins])


def largest_cluster(count: int) -> int:
    """The most of so many rows that may be tied as near-copies before it is looked at more strictly."""
    return max(_MIN_LARGEST_CLUSTER, int(LARGEST_CLUSTER_FRACTION * count))


def _between_groups(near: NearPairs, sets: np.ndarray, groups: np.ndarray) -> Leaks:
    """Near-copies in different groups: some part tests one of them and trains on the other."""
    apart = groups[near.first] != groups[near.second]
    rows = np.union1d(near.first[apart], near.second[apart])
    return Leaks(near=rows[sets[rows] != UNKNOWN])


def _take_out_leaks(rows: Rows, sets: np.ndarray, near: NearPairs, reasons: Reasons) -> Leaks:
    """Few leaked rows leave the training set, in place; many stay for everybody to see, and stop the run."""
    found = find_leaks(rows, sets, near)
    if is_too_many(len(found.tested), int((sets == TEST).sum())):
        return found
    for position in found.trained.tolist():
        reasons[position] = ("leak", "its text is in a set it must not be in")
    sets[found.trained] = UNKNOWN
    return replace(find_leaks(rows, sets, near), num_found=len(found.tested))


def _take_out_unseen(rows: Rows, sets: np.ndarray, reasons: Reasons) -> None:
    """Validation rows of a class without a training row teach nothing; test rows of one are wrong answers to count."""
    if not rows.classes:
        return
    is_trained = np.isin(rows.codes, rows.codes[sets == TRAIN])
    for position in np.flatnonzero((sets == VALIDATION) & ~is_trained).tolist():
        reasons[position] = ("unseen", "its class has no training row")
        sets[position] = UNKNOWN


def _split(asked: DataSettings, rows: Rows, ties: np.ndarray, *, is_recorded: bool) -> tuple[SplitRows, str]:
    """The split of the rows whose set no file gives, recorded before anything uses it."""
    data, name = Path(asked.path), record_name(asked)
    with writing_beside(data) if is_recorded else nullcontext() as folder:
        recorded, path = read_recorded(data, name)
        wish = Wish(
            clusters=ties,
            recorded=recorded,
            fractions=_fractions(asked, _num_different(rows)),
            time_column=asked.time,
        )
        placed = split_rows(rows, wish)
        if folder is None:
            return placed, "split: not recorded by a check; `tune` decides it the same way and records it"
        if path is None or not placed.record.is_same(recorded):
            path = folder / name
            write_recorded(path, placed.record)
    verb = "taken from" if recorded and placed.record.fractions == recorded.fractions else "recorded in"
    return placed, f"split: {verb} `{path}`; rows added later move no row of it"


def _num_different(rows: Rows) -> int:
    """How many inputs there are; of plain texts, which answer nobody, how many texts."""
    return max(len(np.unique(rows.input_keys)), len(np.unique(rows.text_keys)))


def _fractions(asked: DataSettings, count: int) -> Fractions:
    """A set that comes in a file of its own is not cut from the training file."""
    usual = fractions_for(count)
    return Fractions(validation=0.0 if asked.validation else usual.validation, test=0.0 if asked.test else usual.test)


def _with_own_sets(
    origins: np.ndarray, free: np.ndarray, split: SplitRows, rows: Rows
) -> tuple[np.ndarray, np.ndarray]:
    """The split, and the rows of one's own files in their sets."""
    sets = origins.copy()
    sets[free] = split.sets
    groups = np.zeros(len(rows), dtype=np.int64)
    groups[free] = split.groups
    own = np.flatnonzero(origins != FREE)
    if not len(own):
        return sets, groups
    ties = np.where(rows.group_keys[own] == 0, rows.text_keys[own], rows.group_keys[own])
    groups[own] = groups.max(initial=0) + 1 + np.unique(ties, return_inverse=True)[1]
    return sets, groups


def among(pairs: NearPairs, positions: np.ndarray, count: int) -> NearPairs:
    """The pairs with both ends among some rows, by their positions there."""
    back = np.full(count, UNKNOWN, dtype=np.int64)
    back[positions] = np.arange(len(positions))
    first, second = back[pairs.first], back[pairs.second]
    held = (first != UNKNOWN) & (second != UNKNOWN)
    return NearPairs(first=first[held], second=second[held], similarity=pairs.similarity[held])


def _unplaced(free: np.ndarray, split: SplitRows) -> Reasons:
    return {
        int(free[position]): (kind, reason)
        for kind, reasons in (("bridging", split.bridging), ("orphaned", split.orphaned))
        for position, reason in reasons.items()
    }


def _drop(gathered: Gathered, position: int, why: tuple[str, str] | None) -> Dropped:
    """A row that is not used; one without another reason repeats a row."""
    rows, first = gathered.rows, int(gathered.first[position])
    file = rows.file_of(position)
    if first != position:
        there = "" if rows.file_of(first) == file else f"{rows.file_of(first)}, "
        why = ("duplicate", f"same input and target as {there}line {int(rows.lines[first])}")
    kind, reason = why or ("unplaced", "no set was found for it")
    return Dropped(
        line=int(rows.lines[position]),
        kind=kind,
        reason=reason,
        file=file,
        ordinal=int(rows.ordinals[position]),
        is_of_main=bool(gathered.origins[position] == FREE),
    )


def _check_sets(asked: DataSettings, sets: np.ndarray, groups: np.ndarray, *, is_cut: bool) -> None:
    counts = Counter(sets.tolist())
    names = {TRAIN: "training", VALIDATION: "validation", TEST: "sealed test"}
    empty = [name for number, name in names.items() if not counts[number]]
    by = " and ".join(f"`{shown(name)}`" for name in (asked.group, asked.time) if name)
    is_torn = asked.group is not None and asked.time is not None
    if by and counts[TRAIN] <= LEAST_TRAINED_FRACTION * len(sets) and (is_torn or not empty):
        raise DataError(
            f"split by {by}, {counts[TRAIN]:,} rows are left for training, {counts[VALIDATION]:,} for validation and "
            f"{counts[TEST]:,} for the test",
            expected="most rows in training",
            where=asked.path,
            hint="the groups reach over all times, or a few hold most rows: leave out `data.time` or `data.group`",
        )
    if is_cut and counts[TRAIN] <= LEAST_TRAINED_FRACTION * len(sets) and not empty:
        raise DataError(
            f"{counts[TRAIN]:,} passages are left for training, {counts[VALIDATION]:,} for validation and "
            f"{counts[TEST]:,} for the test: texts that share sentences stay together, and a few hold most of them",
            expected="most passages in training",
            where=asked.path,
            hint="leave out copies of whole texts, or give more texts",
        )
    if empty:
        raise DataError(
            f"the rows fall into {len(np.unique(groups))} groups, too few for three sets: no row for "
            f"{' and '.join(empty)}",
            expected="many small groups",
            where=asked.path,
            hint="choose another group column, or none; rows that are nearly the same count as one group",
        )
