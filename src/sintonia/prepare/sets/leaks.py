"""Rows that are trained on and tested on: the same text, and near-copies, in two sets.

A split of ours keeps them together; they come in with files of one's own, and with what was recorded before.
Pure: it moves no row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sintonia.prepare.near import NearPairs, nearest_elsewhere
from sintonia.prepare.rows import Rows


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


def find_leaks(rows: Rows, sets: np.ndarray, pairs: NearPairs) -> Leaks:
    """The leaks between the sets; `sets` are positions in SETS, -1 for a row without a set."""
    train, validation, test = (np.flatnonzero(sets == number) for number in range(3))
    learned = np.concatenate([train, validation])
    tested = test[np.isin(rows.text_keys[test], rows.text_keys[learned])]
    trained = learned[np.isin(rows.text_keys[learned], rows.text_keys[test])]
    watched = train[np.isin(rows.text_keys[train], rows.text_keys[validation])]
    is_learned = np.where(sets == 1, 0, sets)
    partner = nearest_elsewhere(pairs, is_learned).partner
    near = test[(partner[test] >= 0) & (is_learned[partner[test]] == 0)]
    return Leaks(
        tested=tested,
        trained=np.union1d(trained, watched),
        near=np.setdiff1d(near, tested),
    )
