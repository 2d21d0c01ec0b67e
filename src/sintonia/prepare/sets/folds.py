"""Few rows: ten parts instead of one, five grouped and stratified folds, twice (science.md 3.6).

Pure: keys, groups and targets in, the set of each row in each part out. Hashes of the keys decide; no seed, no
clock and no order of the rows does. It reads and writes no file, and nothing of it is recorded.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.errors import DataError
from sintonia.records import Split

FEWER_ROWS = 300
"""Below this many usable rows there are ten parts, from it on there is one."""
REPEATS = 2
FOLDS = 5
FEWEST_GROUPS = FOLDS
"""With fewer groups a fold would have no test."""
VALIDATION_FRACTION = 0.15
"""Share of all rows that watches the training of a part; the test has a fifth."""
_SALT = "sintonia folds 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One part: which repeat and fold, both from 0, and the set of each row in the order of the rows."""

    repeat: int
    number: int
    sets: tuple[Split | None, ...]
    """None for a row that this part does without."""

    @property
    def name(self) -> str:
        """The name of the part and of its folder in `data/`.

        >>> Fold(repeat=0, number=4, sets=()).name
        'repeat-1-fold-5'
        """
        return f"repeat-{self.repeat + 1}-fold-{self.number + 1}"

    def positions(self, split: Split) -> np.ndarray:
        """Positions of the rows of one set."""
        return np.flatnonzero(np.array(self.sets) == split)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Rows that stay together: their positions, a name that does not depend on the other rows, their targets."""

    rows: tuple[int, ...]
    name: str
    targets: Counter[str]


def make_folds(
    keys: Sequence[str], groups: Sequence[int], targets: Sequence[str] = (), *, where: str = ""
) -> tuple[Fold, ...]:
    """Ten folds: in each repeat every row is tested once, and no group lies in two sets of one fold.

    `keys` stand for the contents of the rows (hashes), `groups` says which rows must stay together; without
    `targets` the rows are of no class.

    Raises:
        DataError: fewer than five groups, or so few groups of a class that a fold would learn one class only.
    """
    has_classes = len(targets) > 0
    targets = targets if has_classes else [""] * len(keys)
    if not len(keys) == len(groups) == len(targets):
        raise ValueError(f"{len(keys)} keys, {len(groups)} groups and {len(targets)} targets")
    gathered = _gather(keys, groups, targets)
    if len(gathered) < FEWEST_GROUPS:
        raise DataError(
            f"the rows fall into {len(gathered)} groups, too few for {FOLDS} folds",
            expected=f"at least {FEWEST_GROUPS} groups",
            hint="choose another group column, or none",
            where=where,
        )
    made = []
    for repeat in range(REPEATS):
        tested_in = _deal(gathered, repeat)
        for number in range(FOLDS):
            sets: list[Split] = ["train"] * len(keys)
            rest = [group for group in gathered if tested_in[group.rows] != number]
            for group in gathered:
                _place(sets, group, "test" if tested_in[group.rows] == number else "train")
            for group in _pick_validation(rest, VALIDATION_FRACTION * len(keys), f"{repeat} {number}"):
                _place(sets, group, "validation")
            made.append(Fold(repeat=repeat, number=number, sets=tuple(sets)))
            if has_classes:
                _refuse_one_class(made[-1], targets, where)
    return tuple(made)


def _refuse_one_class(fold: Fold, targets: Sequence[str], where: str) -> None:
    learned = {target for target, held in zip(targets, fold.sets, strict=True) if held == "train"}
    if len(learned) < 2:
        raise DataError(
            f"all classes but one fall into so few groups that {fold.name} would learn {len(learned)} class only",
            expected="two classes of several groups each",
            hint="add rows of other groups, or choose another group column",
            where=where,
        )


def _gather(keys: Sequence[str], groups: Sequence[int], targets: Sequence[str]) -> list[_Group]:
    rows: dict[int, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        rows[group].append(position)
    found = [
        _Group(
            rows=tuple(positions),
            name=min(f"{keys[one]} {targets[one]}" for one in positions),
            targets=Counter(targets[one] for one in positions),
        )
        for positions in rows.values()
    ]
    return sorted(found, key=lambda group: group.name)


def _deal(groups: Sequence[_Group], repeat: int) -> dict[tuple[int, ...], int]:
    """The fold that tests each group: the one that has least of its classes, then fewest rows, then by hash.

    Large groups come first, because they are the hardest to place.
    """
    totals: Counter[str] = Counter()
    for group in groups:
        totals.update(group.targets)
    held: list[Counter[str]] = [Counter() for _ in range(FOLDS)]
    dealt: dict[tuple[int, ...], int] = {}
    for group in sorted(groups, key=lambda group: (-len(group.rows), _hash(f"{repeat}", group.name))):

        def fullness(number: int, group: _Group = group) -> tuple[float, int, str]:
            share = sum(count * held[number][target] / totals[target] for target, count in group.targets.items())
            return share, held[number].total(), _hash(f"{repeat} {number}", group.name)

        dealt[group.rows] = min(range(FOLDS), key=fullness)
        held[dealt[group.rows]].update(group.targets)
    return dealt


def _pick_validation(groups: Sequence[_Group], num_rows: float, salt: str) -> list[_Group]:
    """Groups for validation: of each class its share, one group at least, and never the last one in training."""
    totals: Counter[str] = Counter()
    in_training: Counter[str] = Counter()
    for group in groups:
        totals.update(group.targets)
        in_training.update(group.targets.keys())
    share = num_rows / totals.total()
    free = sorted(groups, key=lambda group: _hash(salt, group.name))
    taken: list[_Group] = []
    held: Counter[str] = Counter()
    for target in sorted(totals, key=lambda target: (totals[target], target)):
        wanted = max(1, round(share * totals[target]))
        for group in [group for group in free if target in group.targets]:
            is_fitting = held.total() + len(group.rows) <= max(num_rows * 1.5, 1)
            if held[target] < wanted and is_fitting and _leaves_each_class(group.targets, in_training):
                taken.append(group)
                free.remove(group)
                held.update(group.targets)
                in_training.subtract(group.targets.keys())
    return taken or [min(free, key=lambda group: (len(group.rows), _hash(salt, group.name)))]


def _leaves_each_class(targets: Iterable[str], in_training: Counter[str]) -> bool:
    return all(in_training[target] > 1 for target in targets)


def _place(sets: list[Split], group: _Group, split: Split) -> None:
    for position in group.rows:
        sets[position] = split


def _hash(salt: str, name: str) -> str:
    return hashlib.sha256(f"{_SALT}\0{salt}\0{name}".encode()).hexdigest()
