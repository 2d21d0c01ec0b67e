"""Which pairs of sets are worth comparing: MinHash, in bands, with a bound on the work that no data can break.

Broder 1997 (minima of hashed sets agree as often as the sets overlap); Leskovec, Rajaraman, Ullman, Mining of
Massive Datasets, 3.4 (bands). Vectorised: one array operation a hash function instead of one a text.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, log

import numpy as np

from sintonia.prepare.near.shingles import ShingleSets, mixed

_MISSED_FRACTION = 0.005
"""Of the pairs exactly at the threshold; those above are missed less."""
_CHUNK_SHINGLES = 1 << 16
_PAIRS_PER_SET = 64
_PAIRS_AT_LEAST = 4_000_000


def bands_for(threshold: float, num_sets: int) -> tuple[int, int]:
    """How many bands, and of how many minima each. More sets need longer bands, or chance fills the buckets.

    >>> bands_for(0.7, 1_000)
    (20, 4)
    """
    length = 4 if num_sets <= 50_000 else 5
    return ceil(log(_MISSED_FRACTION) / log(1 - threshold**length)), length


def band_keys(sets: ShingleSets, num_bands: int, length: int) -> np.ndarray:
    """One key a set and band (uint32 [num_bands, num_sets]): equal where all minima of the band are equal."""
    generator = np.random.default_rng(20_240_229)
    factors = generator.integers(1 << 31, size=num_bands * length, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    keys = np.empty((num_bands, len(sets.rows)), dtype=np.uint32)
    for first, last in _chunks(sets.starts):
        begin, end = sets.starts[first], sets.starts[last]
        hashes = sets.hashes[begin:end].view(np.uint32) * np.uint32(2654435769)
        starts = sets.starts[first:last] - begin
        product = np.empty_like(hashes)
        for band in range(num_bands):
            joined = np.zeros(last - first, dtype=np.uint64)
            for factor in factors[band * length : (band + 1) * length]:
                np.multiply(hashes, factor, out=product)
                joined = joined * np.uint64(0x9E3779B97F4A7C15) + np.minimum.reduceat(product, starts)
            keys[band, first:last] = mixed(joined) >> np.uint64(32)
    return keys


def candidate_pairs(keys: np.ndarray) -> np.ndarray:
    """Pairs of sets that share a bucket, as `smaller * num_sets + larger` (uint64, rising, none twice).

    In each bucket every set meets the next ones in an order in which alike sets are close (they agree in the next
    band too). The window is the widest that keeps the pairs to 64 a set, or 4 million if that is more: in all but
    templated data it covers whole buckets. Where it does not, two members of a huge bucket may never be compared:
    pairs are then missed, but each member still meets its neighbours in every band, so that clusters hold together.
    """
    num_sets = keys.shape[1]
    if num_sets < 2:
        return np.zeros(0, dtype=np.uint64)
    window = _window(keys)
    found: list[np.ndarray] = []
    for band in range(len(keys)):
        order, bucket = _sorted_band(keys, band)
        near = np.arange(len(order))
        for distance in range(1, window + 1):
            near = near[near + distance < len(order)]
            near = near[bucket[near + distance] == bucket[near]]
            if not len(near):
                break
            one, other = order[near], order[near + distance]
            found.append(np.minimum(one, other) * np.uint64(num_sets) + np.maximum(one, other))
    pairs = np.concatenate([np.zeros(0, np.uint64), *found])
    del found
    pairs.sort()
    return pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs


def _sorted_band(keys: np.ndarray, band: int) -> tuple[np.ndarray, np.ndarray]:
    """The sets that share a bucket with another one, bucket by bucket, and their keys."""
    following = keys[(band + 1) % len(keys)]
    joined = (keys[band].astype(np.uint64) << np.uint64(32)) | following
    order = np.argsort(joined, kind="stable")
    bucket = keys[band][order]
    is_equal = bucket[1:] == bucket[:-1]
    is_shared = np.append(False, is_equal) | np.append(is_equal, False)
    return order[is_shared].astype(np.uint64), bucket[is_shared]


def _window(keys: np.ndarray) -> int:
    """The widest window within the bound; at least 1. All pairs at a distance in a bucket are its size less that."""
    num_sets = keys.shape[1]
    counts = np.zeros(num_sets + 1, dtype=np.int64)
    for band in keys:
        ordered = np.sort(band)
        borders = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        counts += np.bincount(np.diff(np.append(borders, num_sets)), minlength=num_sets + 1)
    sizes = np.flatnonzero(counts)
    bound, total = max(_PAIRS_PER_SET * num_sets, _PAIRS_AT_LEAST), 0
    widest = int(sizes.max())
    for distance in range(1, widest):
        total += int((counts[sizes] * np.maximum(sizes - distance, 0)).sum())
        if total > bound:
            return max(distance - 1, 1)
    return widest


def _chunks(starts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of sets with few enough shingles to stay in the processor's cache; at least one set each."""
    first, num_sets = 0, len(starts) - 1
    while first < num_sets:
        last = int(np.searchsorted(starts, starts[first] + _CHUNK_SHINGLES, side="right")) - 1
        last = min(max(last, first + 1), num_sets)
        yield first, last
        first = last
