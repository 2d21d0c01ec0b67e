"""Rows that are added for training, beside a split that stays: what repeats a row, or is close to a tested one, is out.

Every other row keeps its set, its group and its part. It writes one file, the record of the split beside the data, in
which the new rows stand as training rows, so that they are never tested on either.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sintonia.prepare.audit import SETS, Dropped
from sintonia.prepare.gather import Gathered
from sintonia.prepare.near import NearPairs, nearest_elsewhere
from sintonia.prepare.near.passages import Passages, find_passages
from sintonia.prepare.rows import Rows
from sintonia.prepare.sets.folds import Fold
from sintonia.prepare.sets.leaks import among_placed, find_leaks
from sintonia.prepare.sets.place import OF_CONVERSATIONS, Placed, among, largest_cluster, near_ids, near_of
from sintonia.prepare.sets.recorded import UNKNOWN, KeySets, read_recorded, record_name, write_recorded
from sintonia.prepare.sets.split import TRAIN, tie_together, ties_of
from sintonia.records import AddedFile
from sintonia.sealed import writing_beside
from sintonia.settings import DataSettings

LEAK, LATE, REPEAT = "added leak", "added late", "duplicate"
"""Kinds of reasons; a repeat is counted with those of the data file."""
_TOLD = {
    "repeat": (REPEAT, "repeat a row that is trained on", "same input and target as a row that is trained on"),
    "text": (LEAK, "have the text of a row of validation or the test", "its text is in validation or the test"),
    "near": (
        LEAK,
        "nearly repeat a row of validation or the test",
        "nearly the text of one of validation or the test",
    ),
    "group": (LEAK, "are of a group of validation or the test", "its group is in validation or the test"),
    "late": (LATE, "are as late as validation or the test", "as late as validation or the test"),
}
"""Of each reason its kind, how many rows do what, and what is said of one; the first that holds counts."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """All rows, the added ones last; the parts with them; and what became of the rows of each file."""

    placed: Placed
    folds: tuple[Fold, ...]
    num_added: int
    files: tuple[AddedFile, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Ground:
    """The rows with a set and behind them the added ones, and what is near what among them."""

    rows: Rows
    num_placed: int
    near: NearPairs
    passages: Passages
    twins: np.ndarray
    asked: DataSettings

    @property
    def new(self) -> np.ndarray:
        """Positions of the added rows."""
        return np.arange(self.num_placed, len(self.rows))


def take_in(
    asked: DataSettings, gathered: Gathered, placed: Placed, folds: tuple[Fold, ...], *, is_recorded: bool
) -> TakenIn:
    """Puts the rows of added files into training, where nothing speaks against it; of ten parts into each it may be in.

    Raises:
        StorageError: the record of the split cannot be read or written.
    """
    if not gathered.added:
        return TakenIn(placed=placed, folds=folds, num_added=0, files=())
    ground = _ground(asked, gathered, placed)
    sets = [np.array([TRAIN if one == "train" else UNKNOWN for one in fold.sets]) for fold in folds] or [placed.sets]
    reasons = [_against(ground, np.flatnonzero(of_part != TRAIN), placed.late_from) for of_part in sets]
    why = {one: reason for one, reason in reasons[0].items() if all(one in other for other in reasons[1:])}
    why |= dict.fromkeys(_repeats(ground, why), "repeat")
    taken = np.array([one for one in ground.new.tolist() if one not in why], dtype=np.int64)
    if is_recorded and not folds:
        _record(asked, ground.rows.only(taken))
    joined = _joined(ground, placed, taken, is_folded=bool(folds))
    outside = [np.array([one in of_part for one in taken.tolist()], dtype=bool) for of_part in reasons]
    parts = tuple(
        dataclasses.replace(fold, sets=(*fold.sets, *(None if is_out else SETS[TRAIN] for is_out in out.tolist())))
        for fold, out in zip(folds, outside, strict=bool(folds))
    )
    partly = taken[np.logical_or.reduce(outside)] if folds else taken[:0]
    dropped = [_dropped(ground.rows, one, _TOLD[reason]) for one, reason in why.items()]
    return TakenIn(
        placed=dataclasses.replace(joined, dropped=[*placed.dropped, *dropped]),
        folds=parts,
        num_added=len(taken),
        files=_files(gathered, ground, why, set(partly.tolist())),
    )


def told(files: tuple[AddedFile, ...], *, num_parts: int) -> tuple[str, ...]:
    """What became of the rows of each file, in words."""
    lines = []
    for one in files:
        aside = ", ".join(f"{count:,} {what}" for what, count in one.set_aside.items())
        line = f"added: {one.rows_used:,} of {one.rows_in:,} rows of `{one.file}` are trained on, and only that"
        line += f"; set aside: {aside}" if aside else ""
        if one.partly_used:
            line += f"; {one.partly_used:,} not in those of the {num_parts} parts that test what they are close to"
        lines.append(line)
    return tuple(lines)


def _ground(asked: DataSettings, gathered: Gathered, placed: Placed) -> _Ground:
    new = np.arange(len(gathered.rows), len(gathered.whole))
    rows = gathered.whole.only(np.concatenate([placed.used, new]))
    is_shared = gathered.form.task in OF_CONVERSATIONS
    passages = find_passages(rows.texts() if is_shared else (), largest_cluster(len(rows)))
    near, _ = near_of(gathered, rows, passages)
    twins = passages.twins(rows.answer_keys)
    return _Ground(rows, len(placed.used), near, passages, twins, asked)


def _repeats(ground: _Ground, aside: Mapping[int, str]) -> list[int]:
    """Added rows that say what a training row says, or an added row before them."""
    positions = np.array([one for one in range(len(ground.rows)) if one not in aside], dtype=np.int64)
    both = np.stack([ground.rows.input_keys[positions], ground.rows.target_keys[positions]])
    _, first, inverse = np.unique(both, axis=1, return_index=True, return_inverse=True)
    is_again = first[inverse.reshape(-1)] < np.arange(len(positions))
    return [one for one in positions[is_again].tolist() if one >= ground.num_placed]


def _against(ground: _Ground, held: np.ndarray, late_from: float) -> dict[int, str]:
    """Why added rows may not be trained on while these rows are held out, by position; the first reason counts."""
    rows, new = ground.rows, ground.new
    found = {
        "text": np.isin(rows.text_keys[new], rows.text_keys[held]),
        "near": _is_near(ground, held),
        "group": (rows.group_keys[new] != 0) & np.isin(rows.group_keys[new], rows.group_keys[held]),
        "late": rows.times[new] >= late_from,
    }
    return {one: reason for reason, is_so in reversed(found.items()) for one in new[is_so].tolist()}


def _is_near(ground: _Ground, held: np.ndarray) -> np.ndarray:
    """Of each added row whether it is a near-copy of a held one, or gives the same answer to the same passage."""
    sides = np.full(len(ground.rows), UNKNOWN, dtype=np.int8)
    sides[held], sides[ground.new] = 1, 0
    partner = nearest_elsewhere(among_placed(ground.near, sides), sides).partner[ground.new]
    is_copy = (partner >= 0) & (sides[partner] == 1)
    twins = ground.twins[ground.new]
    return np.asarray(is_copy | ((twins != UNKNOWN) & np.isin(twins, ground.twins[held])))


def _joined(ground: _Ground, placed: Placed, taken: np.ndarray, *, is_folded: bool) -> Placed:
    """The rows with the added ones behind them: every group stays, and an added row joins one that is trained on."""
    positions = np.concatenate([np.arange(ground.num_placed), taken])
    rows = ground.rows.only(positions)
    sets = np.concatenate([placed.sets, np.full(len(taken), TRAIN, dtype=np.int8)])
    near = among(ground.near, positions, len(ground.rows))
    groups = np.concatenate([placed.groups, _groups(ground, placed, taken)])
    leaks = placed.leaks
    if not is_folded:
        leaks = dataclasses.replace(find_leaks(rows, sets, near), num_found=placed.leaks.num_found)
    return dataclasses.replace(
        placed, rows=rows, sets=sets, groups=groups, near=near, leaks=leaks, passages=ground.passages, used=positions
    )


def _groups(ground: _Ground, placed: Placed, taken: np.ndarray) -> np.ndarray:
    """The group of each added row: that of the training rows it belongs to, or a new one."""
    trained = np.flatnonzero(placed.sets == TRAIN)
    positions = np.concatenate([trained, taken])
    rows = ground.rows.only(positions)
    ties = near_ids(ground.asked, among(ground.near, positions, len(ground.rows)), ground.twins[positions])
    before = np.concatenate([placed.groups[trained], np.full(len(taken), UNKNOWN)])
    together = tie_together((before, *ties_of(rows, ties)))
    lowest = np.full(int(together.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(lowest, together[: len(trained)], placed.groups[trained])
    is_alone = lowest == np.iinfo(np.int64).max
    lowest[is_alone] = int(placed.groups.max(initial=0)) + 1 + np.arange(int(is_alone.sum()))
    return np.asarray(lowest[together[len(trained) :]], dtype=np.int64)


def _record(asked: DataSettings, rows: Rows) -> None:
    """Notes in the split that these rows are trained on, so that no later run tests on them (science.md 4.2)."""
    data, name = Path(asked.path), record_name(asked)
    with writing_beside(data) as folder:
        recorded, _ = read_recorded(data, name)
        if recorded is None:
            return
        sets, has_group = np.full(len(rows), TRAIN, dtype=np.int8), rows.group_keys != 0
        whole = dataclasses.replace(
            recorded,
            texts=recorded.texts.and_then(KeySets.of(rows.text_keys, sets)),
            groups=recorded.groups.and_then(KeySets.of(rows.group_keys[has_group], sets[has_group])),
        )
        if not whole.is_same(recorded):
            write_recorded(folder / name, whole)


def _dropped(rows: Rows, position: int, why: tuple[str, str, str]) -> Dropped:
    kind, _, reason = why
    return Dropped(
        line=int(rows.lines[position]),
        kind=kind,
        reason=reason,
        file=rows.file_of(position),
        ordinal=int(rows.ordinals[position]),
        is_of_main=False,
    )


def _files(gathered: Gathered, ground: _Ground, why: dict[int, str], partly: set[int]) -> tuple[AddedFile, ...]:
    """Of each file how many rows are used, and why the others are not."""
    found, begins = [], ground.num_placed
    for addition, count, kept in gathered.added:
        own = range(begins, begins + kept)
        aside = Counter(_TOLD[why[one]][1] for one in own if one in why)
        names = [one.file for one in gathered.reading.dropped if one.kind == "reviewed"]
        reviewed = sum(one == addition.name or one.startswith(f"{addition.name}/") for one in names)
        unusable = {"cannot be used": count - kept - reviewed, "are dropped in a review": reviewed}
        found.append(
            AddedFile(
                file=addition.name,
                rows_in=count,
                rows_used=kept - aside.total(),
                set_aside={**aside, **{what: number for what, number in unusable.items() if number}},
                partly_used=sum(one in partly for one in own),
            )
        )
        begins += kept
    return tuple(found)
