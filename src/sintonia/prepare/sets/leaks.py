"""Rows that are trained on and tested on: the same text, and near-copies, in two sets.

A split of ours keeps them together; they come in with files of one's own, and with what was recorded before.
Pure: it moves no row.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from sintonia.prepare.near import NearPairs, clusters, nearest_elsewhere
from sintonia.prepare.rows import Rows

STOP_FRACTION = 0.01


def _none() -> np.ndarray:
    return np.array([], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """Positions of rows, int64, in ascending order."""

    tested: np.ndarray = field(default_factory=_none)
    """Test rows whose text is also in training or validation."""
    trained: np.ndarray = field(default_factory=_none)
    """Training and validation rows whose text is also in the test, training rows whose text is in validation."""
    near: np.ndarray = field(default_factory=_none)
    """Test rows with a near-copy in training."""
    grouped: np.ndarray = field(default_factory=_none)
    """Test rows of a group that is trained on."""
    num_found: int = 0
    """Test rows whose text was trained on before anything was taken out."""

    def at(self, back: np.ndarray) -> Leaks:
        """The same rows by other positions; `back` gives the new one of each."""
        return replace(
            self,
            tested=back[self.tested],
            trained=back[self.trained],
            near=back[self.near],
            grouped=back[self.grouped],
        )

    @property
    def is_stopping(self) -> bool:
        """Whether the leak is one that stops a run: then nothing is taken out."""
        return len(self.tested) > 0


def is_too_many(num_leaked: int, num_tested: int) -> bool:
    """Whether so many leaked examples make a test worthless (science.md 3.5).

    >>> is_too_many(3, 300), is_too_many(4, 300)
    (False, True)
    """
    return num_leaked > STOP_FRACTION * num_tested


def find_leaks(rows: Rows, sets: np.ndarray, pairs: NearPairs) -> Leaks:
    """The leaks between the sets; `sets` are positions in SETS, -1 for a row without a set."""
    train, validation, test = (np.flatnonzero(sets == number) for number in range(3))
    learned = np.concatenate([train, validation])
    tested = test[np.isin(rows.text_keys[test], rows.text_keys[learned])]
    trained = learned[np.isin(rows.text_keys[learned], rows.text_keys[test])]
    watched = train[np.isin(rows.text_keys[train], rows.text_keys[validation])]
    groups = rows.group_keys[learned]
    grouped = test[np.isin(rows.group_keys[test], groups[groups != 0])]
    is_learned = np.where(sets == 1, 0, sets)
    partner = nearest_elsewhere(among_placed(pairs, sets), is_learned).partner
    near = test[(partner[test] >= 0) & (is_learned[partner[test]] == 0)]
    return Leaks(
        tested=tested,
        trained=np.union1d(trained, watched),
        near=np.setdiff1d(near, tested),
        grouped=grouped,
        num_found=len(tested),
    )


def among_placed(pairs: NearPairs, sets: np.ndarray) -> NearPairs:
    """The pairs of rows that have a set. A copy that speaks for others and has none hands on to one that has."""
    copies = clusters(len(sets), pairs.at_least(1.0), len(sets) + 1)
    speaker = np.full(len(sets), len(sets))
    placed = np.flatnonzero(sets >= 0)
    np.minimum.at(speaker, copies[placed], placed)
    stands_for = np.where(sets >= 0, np.arange(len(sets)), speaker[copies])
    first, second = stands_for[pairs.first], stands_for[pairs.second]
    held = (first < len(sets)) & (second < len(sets)) & (first != second)
    return NearPairs(np.minimum(first, second)[held], np.maximum(first, second)[held], pairs.similarity[held])
