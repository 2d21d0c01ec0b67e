"""Rows that must stay together, out of pairs that are near; and which rows have a near one in another set.

It is handed positions and similarities, and reads no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.prepare.near.pairs import NearPairs

_STRICTER = (0.7, 0.8, 0.85, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """For each row, the nearest one that lies in another set."""

    partner: np.ndarray
    """int64 [num_rows], its position, or -1: none is near."""
    similarity: np.ndarray
    """float32 [num_rows], 0 where none is near."""


def clusters(num_rows: int, pairs: NearPairs, largest: int) -> np.ndarray:
    """Which rows belong together (int64 [num_rows]): the smallest position of the cluster of each row.

    Rows tied by pairs, directly or through others, are one cluster. Since such chains can tie half a data set
    together, a cluster of more than `largest` rows is cut: only pairs of similarity .7 hold inside it, if it is still
    too large .8, then .85, .9 and .95. What is too large at .95 stays whole. Neither the order of the pairs nor, but
    for the name of a cluster, that of the rows matters.

    Raises:
        ValueError: `largest` is below 1.
    """
    if largest < 1:
        raise ValueError(f"largest is {largest}, expected 1 or more")
    tied = pairs
    parts = _connected(num_rows, tied)
    for similarity in _STRICTER:
        is_too_large = np.bincount(parts, minlength=num_rows) > largest
        if not is_too_large.any():
            break
        is_kept = ~is_too_large[parts[tied.first]] | (tied.similarity >= np.float32(similarity))
        tied = NearPairs(tied.first[is_kept], tied.second[is_kept], tied.similarity[is_kept])
        parts = _connected(num_rows, tied)
    return parts


def nearest_elsewhere(pairs: NearPairs, sets: Sequence[int] | np.ndarray) -> Elsewhere:
    """For each row, the nearest one of another set; `sets` holds a number for the set of each row.

    This is how to look for leaks: between the sets of a split, or between two files whose texts were put one after
    the other. Rows with equal shingle sets count as one here, so that none of them is overlooked.
    """
    set_of = np.asarray(sets, dtype=np.int64)
    kinds = _connected(len(set_of), pairs.at_least(1.0))
    positions = np.arange(len(set_of))
    is_other = set_of != set_of[kinds]
    others = np.full(len(set_of), -1)
    np.maximum.at(others, kinds[is_other], positions[is_other])
    partner = np.where(is_other, kinds, others[kinds])
    similarity = (partner >= 0).astype(np.float32)

    one, other = kinds[np.append(pairs.first, pairs.second)], kinds[np.append(pairs.second, pairs.first)]
    alike = np.append(pairs.similarity, pairs.similarity)
    candidate = np.where(set_of[other] != set_of[one], other, others[other])
    useful = np.flatnonzero((one != other) & (candidate >= 0) & (partner[one] < 0))
    useful = useful[np.lexsort((candidate[useful], -alike[useful], one[useful]))]
    kind, first = np.unique(one[useful], return_index=True)
    best_partner, best = np.full(len(set_of), -1), np.zeros(len(set_of), dtype=np.float32)
    best_partner[kind], best[kind] = candidate[useful[first]], alike[useful[first]]
    is_alone = partner < 0
    return Elsewhere(
        partner=np.where(is_alone, best_partner[kinds], partner),
        similarity=np.where(is_alone, best[kinds], similarity),
    )


def _connected(num_rows: int, pairs: NearPairs) -> np.ndarray:
    """The smallest position in the connected component of each row."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(pairs.first):
        return np.arange(num_rows)
    ties = coo_matrix((np.ones(len(pairs.first), np.int8), (pairs.first, pairs.second)), shape=(num_rows, num_rows))
    _, parts = connected_components(ties, directed=False)
    _, smallest = np.unique(parts, return_index=True)
    return smallest[parts].astype(np.int64)
