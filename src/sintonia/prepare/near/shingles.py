"""The sets of shingles of many texts, as hashes in one flat array: runs of letters or of words.

A shingle is kept as 31 bits of its hash: two texts of 100 shingles share one by chance once in 200,000 comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sintonia.prepare.near.letters import SPACE, Letters, fold

_BLOCK_LETTERS = 1 << 20
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIXERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """The shingle set of each of some rows; rows without any shingle are not among them."""

    rows: np.ndarray
    """int64 [num_sets], positions of the texts, rising."""
    starts: np.ndarray
    """int64 [num_sets + 1]: set i is `hashes[starts[i] : starts[i + 1]]`, rising, none twice."""
    hashes: np.ndarray
    """int32 [num_shingles], never negative."""

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.starts)


def mixed(values: np.ndarray) -> np.ndarray:
    """Every bit of the answer depends on every bit of a value (uint64; the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * _MIXERS[0]
    values = (values ^ (values >> np.uint64(27))) * _MIXERS[1]
    return values ^ (values >> np.uint64(31))


def blocks(texts: Iterable[str]) -> Iterator[Letters]:
    """Texts folded in blocks of about a million letters, so that memory does not grow with their number."""
    block: list[str] = []
    num_letters = 0
    for text in texts:
        block.append(text)
        num_letters += len(text) + 1
        if num_letters >= _BLOCK_LETTERS:
            yield fold(block)
            block, num_letters = [], 0
    if block:
        yield fold(block)


def letter_shingles(letters: Letters, is_wanted: np.ndarray, length: int) -> ShingleSets:
    """Runs of `length` letters, the borders of the text counted as spaces; a shorter text is one shingle.

    `is_wanted`: bool [num_texts]. The rows of the answer are positions in the block.
    """
    codes, starts = letters.codes.astype(np.uint64), letters.starts
    spans = np.diff(starts) + 1
    hashes = np.zeros(len(codes), dtype=np.uint64)
    for offset in range(length):
        moved = codes[offset:] if offset else codes
        hashes *= _PRIME
        hashes[: len(moved)] += moved
    num_full = np.where(is_wanted & (letters.num_words > 0), spans - length + 1, 0)
    is_short = is_wanted & (letters.num_words > 0) & (num_full <= 0)
    for text in np.flatnonzero(is_short).tolist():
        hashes[starts[text]] = _hash_of(codes[starts[text] : starts[text + 1]])
    return _as_sets(mixed(hashes), starts[:-1], np.where(is_short, 1, np.maximum(num_full, 0)))


def word_shingles(letters: Letters, is_wanted: np.ndarray, length: int) -> ShingleSets:
    """Runs of `length` words. Texts of fewer words have no shingle. The rows are positions in the block."""
    codes = letters.codes.astype(np.uint64)
    is_letter = codes != SPACE
    firsts = np.flatnonzero(is_letter[1:] & ~is_letter[:-1]) + 1
    if not len(firsts):
        return _as_sets(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    lengths = np.diff(np.append(firsts, len(codes)))
    places = np.arange(firsts[0], len(codes)) - np.repeat(firsts, lengths)
    powers = np.cumprod(np.full(int(lengths.max()) + 1, _PRIME))
    words = mixed(
        np.add.reduceat(np.where(is_letter, mixed(codes), 0)[firsts[0] :] * powers[places], firsts - firsts[0])
    )
    hashes = np.zeros(len(words), dtype=np.uint64)
    for offset in range(length):
        hashes *= _PRIME
        hashes[: len(words) - offset] += words[offset:]
    first_words = np.append(0, np.cumsum(letters.num_words))[:-1]
    counts = np.where(is_wanted, np.maximum(letters.num_words - length + 1, 0), 0)
    return _as_sets(mixed(hashes), first_words, counts)


def gathered(parts: list[ShingleSets]) -> ShingleSets:
    """One collection out of the collections of the blocks, whose rows are already those of all texts."""
    none = np.zeros(0, dtype=np.int64)
    starts = np.append(0, np.cumsum(np.concatenate([none, *(part.sizes for part in parts)])))
    rows = np.concatenate([none, *(part.rows for part in parts)])
    hashes = np.concatenate([none.astype(np.int32), *(part.hashes for part in parts)])
    return ShingleSets(rows=rows, starts=starts, hashes=hashes)


def _hash_of(codes: np.ndarray) -> np.uint64:
    value = np.zeros(1, dtype=np.uint64)
    for code in codes:
        value = value * _PRIME + code
    return np.uint64(value[0])


def _as_sets(hashes: np.ndarray, firsts: np.ndarray, counts: np.ndarray) -> ShingleSets:
    """Sorts the hashes of each text (from `firsts`, `counts` many) and drops what is there twice."""
    kept = np.flatnonzero(counts)
    firsts, counts = firsts[kept], counts[kept]
    owners = np.repeat(np.arange(len(kept), dtype=np.uint64), counts)
    ends = np.cumsum(counts)
    places = np.arange(len(owners)) + np.repeat(firsts - (ends - counts), counts)
    keys = (owners << np.uint64(32)) | (hashes[places] >> np.uint64(33))
    keys.sort()
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
    sizes = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(kept))
    return ShingleSets(
        rows=kept,
        starts=np.append(0, np.cumsum(sizes)),
        hashes=(keys & np.uint64(0x7FFFFFFF)).astype(np.int32),
    )
