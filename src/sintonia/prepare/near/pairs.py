"""Pairs of texts that are nearly the same: shingles by length, MinHash buckets, each candidate verified exactly.

It keeps no text and needs them once. Exact duplicates are another check's task, yet they are found here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.prepare.near.buckets import band_keys, bands_for, candidate_pairs
from sintonia.prepare.near.shingles import ShingleSets, blocks, gathered, letter_shingles, mixed, word_shingles

_CHUNK_PAIRS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How texts of some length are compared. A pair is compared as its text of fewer words is."""

    min_words: int
    max_words: int
    """Inclusive."""
    reach_words: int
    """The longest text that can still be near one of `max_words`: Jaccard bounds the ratio of lengths."""
    is_of_letters: bool
    shingle_length: int
    threshold: float
    """Jaccard similarity from which two texts are near."""


_NO_LIMIT = 1 << 60

LENGTHS = (
    Length(min_words=1, max_words=49, reach_words=100, is_of_letters=True, shingle_length=4, threshold=0.57),
    Length(min_words=50, max_words=300, reach_words=510, is_of_letters=False, shingle_length=3, threshold=0.6),
    Length(
        min_words=301,
        max_words=_NO_LIMIT,
        reach_words=_NO_LIMIT,
        is_of_letters=False,
        shingle_length=5,
        threshold=0.7,
    ),
)
"""science.md 3.3, but .57 for short texts where it says .7. Measured on five sets (banking77, snips, trec, sms_spam,
sentiment_it; 1,000 rows each): at .7 one typo is found in .92-.96, a dropped word in .88-.94, an added greeting in
.79-.91; at .57 in .98-1.00, .96-.98 and .97-.995, three typos in .65-.88, and between sets .02 % of the rows are near
any. The marks of E11 need the latter. To group or to count stricter, keep what `at_least` keeps."""


@dataclass(frozen=True, slots=True)
class NearPairs:
    """Pairs of positions, `first` < `second`, each pair once, ordered by `first`, then `second`.

    Rows with equal shingle sets (copies but for case, punctuation, spacing or order of sentences) are tied to the
    first of them, with similarity 1, and only that first one is paired with other rows; `nearest_elsewhere` and
    `clusters` take this into account.
    """

    first: np.ndarray
    """int64 [num_pairs]"""
    second: np.ndarray
    """int64 [num_pairs]"""
    similarity: np.ndarray
    """float32 [num_pairs], the Jaccard similarity of the shingle sets, verified, not estimated."""

    def at_least(self, similarity: float) -> NearPairs:
        """Only the pairs this similar."""
        is_kept = self.similarity >= np.float32(similarity)
        return NearPairs(self.first[is_kept], self.second[is_kept], self.similarity[is_kept])


def near_pairs(texts: Iterable[str]) -> NearPairs:
    """All pairs of near texts, but for what MinHash misses: at most 1 % of the pairs at the threshold, fewer above.

    The texts are read once, in order, and not kept. Memory: 4 bytes a shingle (as many as a short text has letters,
    a long one words) and at most 4 kB a text. Time, memory and the number of pairs grow linearly whatever the texts
    are: in data made of a few templates, not every pair of a crowd is listed (see `candidate_pairs`). Empty texts and
    texts of nothing but punctuation are near nothing.
    """
    parts: list[list[ShingleSets]] = [[] for _ in LENGTHS]
    words: list[np.ndarray] = []
    num_texts = 0
    for letters in blocks(texts):
        for length, found in zip(LENGTHS, parts, strict=True):
            is_wanted = (letters.num_words >= length.min_words) & (letters.num_words <= length.reach_words)
            if is_wanted.any():
                shingles = letter_shingles if length.is_of_letters else word_shingles
                sets = shingles(letters, is_wanted, length.shingle_length)
                found.append(ShingleSets(sets.rows + num_texts, sets.starts, sets.hashes))
        words.append(letters.num_words)
        num_texts += len(letters.num_words)
    num_words = np.concatenate([np.zeros(0, np.int64), *words])
    of_length = []
    for length, found in zip(LENGTHS, parts, strict=True):
        sets = gathered(found)
        found.clear()
        of_length.append(_pairs_of_length(sets, num_words, length))
    return merged(of_length)


def _pairs_of_length(sets: ShingleSets, num_words: np.ndarray, length: Length) -> NearPairs:
    originals, copies = _copies(sets)
    keys = band_keys(sets, *bands_for(length.threshold, len(sets.rows)))[:, originals]
    found = candidate_pairs(keys)
    del keys
    one, other, similarity = _verified(sets, originals, found, length.threshold)
    one, other = np.append(one, copies[0]), np.append(other, copies[1])
    similarity = np.append(similarity, np.ones(len(copies[0]), dtype=np.float32))
    one, other = sets.rows[one], sets.rows[other]
    fewest = np.minimum(num_words[one], num_words[other])
    is_kept = (fewest >= length.min_words) & (fewest <= length.max_words)
    return NearPairs(np.minimum(one, other)[is_kept], np.maximum(one, other)[is_kept], similarity[is_kept])


def _copies(sets: ShingleSets) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The first set of each kind, in an order that depends on content alone, and (first, repeated) for the rest."""
    if not len(sets.rows):
        none = np.zeros(0, dtype=np.int64)
        return none, (none, none)
    sums = np.empty(len(sets.rows), dtype=np.uint64)
    step = 1 << 16
    for begin in range(0, len(sums), step):
        edges = sets.starts[begin : begin + step + 1]
        values = mixed(sets.hashes[edges[0] : edges[-1]].astype(np.uint64) + np.uint64(1))
        sums[begin : begin + step] = np.add.reduceat(values, edges[:-1] - edges[0])
    _, originals, kinds = np.unique(mixed(sums), return_index=True, return_inverse=True)
    firsts = originals[kinds]
    repeated = np.flatnonzero(firsts != np.arange(len(firsts)))
    return originals, (firsts[repeated], repeated)


def _verified(
    sets: ShingleSets, originals: np.ndarray, found: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The candidates that are near indeed: positions among the sets, and the exact similarity."""
    from scipy.sparse import csr_matrix

    ones = np.ones(len(sets.hashes), dtype=np.int8)
    matrix = csr_matrix((ones, sets.hashes, sets.starts), shape=(len(sets.rows), (1 << 31) - 1), copy=False)
    matrix.has_canonical_format = True
    sizes = sets.sizes
    none = np.zeros(0, dtype=np.int64)
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(none, none, none.astype(np.float32))]
    for begin in range(0, len(found), _CHUNK_PAIRS):
        chunk = found[begin : begin + _CHUNK_PAIRS]
        one = originals[(chunk // np.uint64(len(originals))).astype(np.int64)]
        other = originals[(chunk % np.uint64(len(originals))).astype(np.int64)]
        smaller, larger = np.minimum(sizes[one], sizes[other]), np.maximum(sizes[one], sizes[other])
        is_possible = smaller >= threshold * larger
        one, other = one[is_possible], other[is_possible]
        shared = np.diff(matrix[one].multiply(matrix[other]).indptr)
        similarity = shared / (sizes[one] + sizes[other] - shared)
        is_near = similarity >= threshold
        kept.append((one[is_near], other[is_near], similarity[is_near].astype(np.float32)))
    one, other, similarity = (np.concatenate(column) for column in zip(*kept, strict=True))
    return one, other, similarity


def merged(parts: Sequence[NearPairs]) -> NearPairs:
    """All pairs of several findings, each once with its largest similarity."""
    first = np.concatenate([part.first for part in parts])
    second = np.concatenate([part.second for part in parts])
    similarity = np.concatenate([part.similarity for part in parts])
    order = np.lexsort((-similarity, second, first))
    first, second, similarity = first[order], second[order], similarity[order]
    is_again = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
    is_kept = np.append(np.ones(min(len(first), 1), dtype=bool), ~is_again)
    return NearPairs(first[is_kept], second[is_kept], similarity[is_kept])
