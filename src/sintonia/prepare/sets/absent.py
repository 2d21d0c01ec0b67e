"""A class absent from a set gets its lowest hash there: training first, then test, then validation.

It moves whole groups, never one of a recorded set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SERVED = (0, 2, 1)
"""Positions in SETS: which set is served first when a class has fewer groups than there are sets."""


@dataclass(slots=True)
class _Hall:
    """Movable groups by number with their set, classes and hash; and how many groups of a class each set holds."""

    set_of: dict[int, int]
    classes_of: dict[int, np.ndarray]
    place_of: dict[int, float]
    held: np.ndarray


@dataclass(frozen=True, slots=True)
class Ground:
    """What the moving goes by: arrays over the rows, and which sets there are to serve."""

    codes: np.ndarray
    groups: np.ndarray
    places: np.ndarray
    """The hash of a row's group, which decides what moves first."""
    is_free: np.ndarray
    served: tuple[int, ...]


def serve_absent_classes(sets: np.ndarray, ground: Ground) -> None:
    """Moves free groups in place, one for each class that a set lacks, when a group can be spared."""
    codes, groups = ground.codes, ground.groups
    placed = np.flatnonzero(sets >= 0)
    triples, first = np.unique(np.stack([groups[placed], codes[placed], sets[placed]]), axis=1, return_index=True)
    held = np.zeros((int(codes.max(initial=0)) + 1, len(_SERVED)), dtype=np.int64)
    np.add.at(held, (triples[1], triples[2]), 1)
    lacking = np.flatnonzero((held == 0).any(axis=1) & (held.sum(axis=1) > 0))
    if not len(lacking):
        return
    is_movable = ~np.isin(triples[0], groups[placed[~ground.is_free[placed]]])
    hall = _hall(triples[:, is_movable], ground.places[placed[first[is_movable]]], held, lacking)
    was = dict(hall.set_of)
    for needy in (number for number in _SERVED if number in ground.served):
        for code in lacking.tolist():
            if not held[code, needy]:
                _move_one(hall, code, needy)
    for group, number in hall.set_of.items():
        if number != was[group]:
            sets[groups == group] = number


def _hall(triples: np.ndarray, places: np.ndarray, held: np.ndarray, lacking: np.ndarray) -> _Hall:
    """The groups that hold a lacking class, from (group, class, set) in ascending order."""
    groups = np.unique(triples[0, np.isin(triples[1], lacking)])
    begins, ends = np.searchsorted(triples[0], groups), np.searchsorted(triples[0], groups, side="right")
    spans = {int(group): slice(int(a), int(b)) for group, a, b in zip(groups, begins, ends, strict=True)}
    return _Hall(
        set_of={group: int(triples[2, span.start]) for group, span in spans.items()},
        classes_of={group: triples[1, span] for group, span in spans.items()},
        place_of={group: float(places[span.start]) for group, span in spans.items()},
        held=held,
    )


def _move_one(hall: _Hall, code: int, needy: int) -> None:
    """Moves the first group of a class whose leaving empties no set that is served before the needy one."""
    for group in sorted((one for one in hall.set_of if code in hall.classes_of[one]), key=hall.place_of.__getitem__):
        now, classes = hall.set_of[group], hall.classes_of[group]
        leaves_none = bool((hall.held[classes, now] < 2).any())
        if now != needy and not (leaves_none and _SERVED.index(now) < _SERVED.index(needy)):
            hall.held[classes, now] -= 1
            hall.held[classes, needy] += 1
            hall.set_of[group] = needy
            return
