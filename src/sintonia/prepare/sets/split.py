"""Three sets by the hash of the group: no group in two sets, no recorded row moved, no seed involved.

Rows of one group: the same text, the same value in the group column, or near-copies of each other, directly or
through others. Pure: it is handed the recorded split and returns the new one; it reads and writes no file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.errors import DataError
from sintonia.prepare.audit import SETS
from sintonia.prepare.rows import Rows
from sintonia.prepare.sets.absent import Ground, serve_absent_classes
from sintonia.prepare.sets.recorded import UNKNOWN, Fractions, KeySets, Recorded
from sintonia.prepare.table import shown

TRAIN, VALIDATION, TEST = range(len(SETS))
_SALT = 0x73696E746F6E6961
_LARGEST = np.iinfo(np.uint64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the split is asked to respect."""

    clusters: np.ndarray
    """Cluster of near-duplicates of each row, int64."""
    recorded: Recorded | None = None
    fractions: Fractions | None = None
    time_column: str | None = None
    """The column that the sets follow in time, when they do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRows:
    """The set and the group of each row, in the order of the rows; -1 for a row that cannot be placed."""

    sets: np.ndarray
    groups: np.ndarray
    bridging: dict[int, str]
    """Position of each row that ties two sets together, with the reason."""
    orphaned: dict[int, str]
    """Position of each row of a class that has no training row, with the reason."""
    record: Recorded


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


def split_rows(rows: Rows, wish: Wish) -> SplitRows:
    """Places every row. With a record, old rows stay where they are and only new ones are placed."""
    old = _known(rows, wish)
    ties = ties_of(rows, wish.clusters)
    sets, bridging = _follow(rows, ties, old)
    is_placed = np.ones(len(rows), dtype=bool)
    is_placed[list(bridging)] = False
    components = tie_together([np.where(is_placed, tie, UNKNOWN) for tie in ties])
    is_free = is_placed & (sets == UNKNOWN)
    cuts = old.cuts
    if is_free.any():
        names = _names_of(components, rows)
        if wish.time_column:
            cuts = cuts or _cuts(rows.times[is_placed], old.fractions, wish.time_column)
            placed = _by_time(components, rows.times, cuts)
        else:
            placed = _by_hash(components, names, old.fractions)
        sets[is_free] = placed[is_free]
        if not wish.time_column:  # without classes no set is to be empty, as far as groups can be spared
            shares = {TRAIN: 1.0, VALIDATION: old.fractions.validation, TEST: old.fractions.test}
            served = tuple(number for number, share in shares.items() if share > 0)
            codes = rows.codes if len(rows.classes) else np.zeros_like(rows.codes)
            serve_absent_classes(sets, Ground(codes, components, unit_hash(names), is_free, served))
    sets[~is_placed] = UNKNOWN
    orphaned = _orphans(rows, sets)
    record = Recorded(
        fractions=old.fractions,
        cuts=cuts,
        texts=old.texts.and_then(KeySets.of(rows.text_keys[is_placed], sets[is_placed])),
        groups=old.groups.and_then(_group_sets(rows, is_placed, sets)),
    )
    groups = np.unique(components * len(SETS) + np.maximum(sets, 0), return_inverse=True)[1]
    sets[list(orphaned)] = UNKNOWN  # its recorded place is kept all the same
    return SplitRows(sets=sets, groups=groups, bridging=bridging, orphaned=orphaned, record=record)


def _known(rows: Rows, wish: Wish) -> Recorded:
    """The record, when it knows any of these rows; else a new one, with all that the old one knew."""
    recorded = wish.recorded
    fractions = wish.fractions or fractions_for(len(rows))
    if recorded is None:
        return Recorded(fractions=fractions)
    known = recorded.texts.of_each(rows.text_keys), recorded.groups.of_each(rows.group_keys)
    if any((one != UNKNOWN).any() for one in known):
        return recorded
    return Recorded(fractions=fractions, texts=recorded.texts, groups=recorded.groups)


def ties_of(rows: Rows, clusters: np.ndarray) -> tuple[np.ndarray, ...]:
    """What ties rows together, each as numbers from 0: equal numbers stay together; -1 ties to nothing."""
    texts = np.unique(rows.text_keys, return_inverse=True)[1]
    groups = np.unique(rows.group_keys, return_inverse=True)[1]
    groups = np.where(rows.group_keys == 0, UNKNOWN, groups)
    near = np.unique(clusters, return_inverse=True)[1]
    return texts, groups, near


def tie_together(ties: Sequence[np.ndarray]) -> np.ndarray:
    """The group of each row, int64: rows with an equal number in any of the ties, or tied through others."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = nodes = len(ties[0])
    first, second = [], []
    for tie in ties:
        held = np.flatnonzero(tie != UNKNOWN)
        first.append(held)
        second.append(nodes + tie[held])
        nodes += int(tie.max(initial=UNKNOWN)) + 1
    ends = np.concatenate(first), np.concatenate(second)
    edges = coo_matrix((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(nodes, nodes))
    return connected_components(edges, directed=False)[1][:count].astype(np.int64)


def _follow(rows: Rows, ties: Sequence[np.ndarray], old: Recorded) -> tuple[np.ndarray, dict[int, str]]:
    """The set that each row must follow, by what is recorded; and the new rows that would have to follow two."""
    by_text, by_group = old.texts.of_each(rows.text_keys), old.groups.of_each(rows.group_keys)
    by_group[rows.group_keys == 0] = UNKNOWN
    sets = np.where(by_text == UNKNOWN, by_group, by_text)
    is_torn = (by_text != UNKNOWN) & (by_group != UNKNOWN) & (by_text != by_group)
    bridging = {int(k): _tied([by_text[k], by_group[k]]) for k in np.flatnonzero(is_torn)}
    sets[is_torn] = UNKNOWN
    is_open = (sets == UNKNOWN) & ~is_torn
    while is_open.any() and (sets != UNKNOWN).any():
        pulls = _pulls(ties, sets, is_open)
        followed = is_open & (pulls.sum(axis=1) == 1)
        torn = is_open & (pulls.sum(axis=1) > 1)
        for position in np.flatnonzero(torn):
            bridging[int(position)] = _tied(np.flatnonzero(pulls[position]))
        sets[followed] = pulls[followed].argmax(axis=1)
        if not (followed | torn).any():
            break
        is_open &= ~(followed | torn)
    followed = (by_text == UNKNOWN) & (sets != UNKNOWN)
    pulls = _pulls(ties, sets, followed)
    for position in np.flatnonzero(followed & (pulls.sum(axis=1) > 1)):  # two new rows that follow apart
        bridging[int(position)] = _tied(np.flatnonzero(pulls[position]))
    sets[list(bridging)] = UNKNOWN
    return sets, bridging


def _pulls(ties: Sequence[np.ndarray], sets: np.ndarray, is_asked: np.ndarray) -> np.ndarray:
    """(rows, 3): whether a row that is asked about is tied directly to a placed row of each set."""
    pulls = np.zeros((len(sets), len(SETS)), dtype=bool)
    for tie in ties:
        held = tie != UNKNOWN
        for number in range(len(SETS)):
            is_met = np.zeros(int(tie.max(initial=UNKNOWN)) + 1, dtype=bool)
            is_met[tie[held & (sets == number)]] = True
            asked = np.flatnonzero(held & is_asked)
            pulls[asked, number] |= is_met[tie[asked]]
    return pulls


def _tied(numbers: Sequence[int] | np.ndarray) -> str:
    names = " and ".join(sorted(SETS[int(number)] for number in numbers))
    return f"it would tie {names} together, by its text, its group or a near-copy"


def _names_of(components: np.ndarray, rows: Rows) -> np.ndarray:
    """A number for the group of each row that depends on its group keys, else on its texts, whatever the order."""
    has_group = np.zeros(int(components.max(initial=0)) + 1, dtype=bool)
    has_group[components[rows.group_keys != 0]] = True
    names = np.where(rows.group_keys != 0, rows.group_keys ^ np.uint64(_SALT), rows.text_keys)
    names = np.where(has_group[components] & (rows.group_keys == 0), np.uint64(_LARGEST), names)
    smallest = np.full(len(has_group), _LARGEST, dtype=np.uint64)
    np.minimum.at(smallest, components, names)
    return smallest[components]


def unit_hash(names: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each name, by the mixing of splitmix64 (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        mixed = names.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed.astype(np.float64) / 2.0**64


def _by_hash(components: np.ndarray, names: np.ndarray, fractions: Fractions) -> np.ndarray:
    """A group too large for the sets it could go to is for training."""
    place = unit_hash(names)
    is_held_out = place < fractions.test + fractions.validation
    sets = np.where(is_held_out, np.where(place < fractions.test, TEST, VALIDATION), TRAIN)
    largest = max(2.0, max(fractions.test, fractions.validation) * len(components))
    sizes = np.bincount(components)[components]
    return np.where(sizes > largest, TRAIN, sets).astype(np.int8)


def _cuts(times: np.ndarray, fractions: Fractions, column: str) -> tuple[float, float]:
    """Where validation and test begin: the latest rows are the test (science.md 3.6). Equal times stay together.

    Raises:
        DataError: too few different times.
    """
    values, counts = np.unique(times, return_counts=True)
    later = np.cumsum(counts[::-1])[::-1] / len(times)  # share of the rows at each time or after it
    wanted = [share for share in (fractions.test, fractions.test + fractions.validation) if share > 0]
    if fractions.test == 0 or fractions.validation == 0:
        wanted = wanted[-1:]
    if not wanted:
        return math.inf, math.inf
    if len(values) <= len(wanted):
        raise DataError(
            f"`{shown(column)}` holds {len(values)} different times, too few for sets by time",
            expected=f"at least {len(wanted) + 1}, better many",
            hint="choose another time column, or none",
        )
    places: list[int] = []
    for number, share in enumerate(wanted):
        # Each set keeps a time of its own: what is left for those before it and after it.
        last = places[-1] if places else len(values)
        choices = np.arange(len(wanted) - number, last)
        places.append(int(choices[np.abs(later[choices] - share).argmin()]))
    test = float(values[places[0]]) if fractions.test > 0 else math.inf
    validation = float(values[places[-1]]) if fractions.validation > 0 else test
    return validation, test


def _by_time(components: np.ndarray, times: np.ndarray, cuts: tuple[float, float]) -> np.ndarray:
    """A group goes where its latest row goes, so that nothing of it is known before."""
    latest = np.full(int(components.max(initial=0)) + 1, -np.inf)
    np.maximum.at(latest, components, times)
    latest = latest[components]
    return np.where(latest >= cuts[1], TEST, np.where(latest >= cuts[0], VALIDATION, TRAIN)).astype(np.int8)


def _orphans(rows: Rows, sets: np.ndarray) -> dict[int, str]:
    if not len(rows.classes):
        return {}
    is_trained = np.zeros(len(rows.classes), dtype=bool)
    is_trained[rows.codes[sets == TRAIN]] = True
    lost = np.flatnonzero((sets != UNKNOWN) & ~is_trained[rows.codes])
    return {int(k): f"its class has no training row, and its text is recorded in {SETS[sets[k]]}" for k in lost}


def _group_sets(rows: Rows, is_placed: np.ndarray, sets: np.ndarray) -> KeySets:
    held = is_placed & (rows.group_keys != 0)
    return KeySets.of(rows.group_keys[held], sets[held])
