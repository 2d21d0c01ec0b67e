"""Pairs of passages that have sentences in common, though each has others besides: two copies of a text that are cut at
different places, a quotation. It keeps no text: only hashes of runs of words.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sintonia.prepare.near.pairs import NearPairs
from sintonia.prepare.near.shingles import ShingleSets, blocks, gathered, word_shingles

RUN_WORDS = 8
"""Words in a row that two texts rarely have in common by chance."""
LEAST_SHARED = 0.2
"""Of the runs of the passage that has fewer, from which two overlap."""
MOST_HOLDERS = 20
"""A run that more passages have is a heading or a formula of the field, which the model may well learn."""


def overlapping_pairs(texts: Iterable[str]) -> NearPairs:
    """All pairs of texts with a fifth of the runs of words of one in the other; that share is their similarity.

    Case, punctuation and line ends do not count. Memory: about 40 bytes a word.
    """
    parts, num_texts = list[ShingleSets](), 0
    for letters in blocks(texts):
        sets = word_shingles(letters, np.ones(len(letters.num_words), dtype=bool), RUN_WORDS)
        parts.append(ShingleSets(sets.rows + num_texts, sets.starts, sets.hashes))
        num_texts += len(letters.num_words)
    sets = gathered(parts)
    sizes = np.zeros(num_texts, dtype=np.int64)
    sizes[sets.rows] = sets.sizes
    first, second = _holders_of_one(sets.hashes, np.repeat(sets.rows, sets.sizes))
    pairs, num_shared = np.unique(first * num_texts + second, return_counts=True)
    first, second = pairs // max(num_texts, 1), pairs % max(num_texts, 1)
    similarity = (num_shared / np.maximum(np.minimum(sizes[first], sizes[second]), 1)).astype(np.float32)
    return NearPairs(first, second, similarity).at_least(LEAST_SHARED)


def _holders_of_one(hashes: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each run that few texts have, all pairs of these; the same pair once a run. `rows` rises."""
    order = np.argsort(hashes, kind="stable")
    hashes, rows = hashes[order], rows[order]
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    is_rare = counts[inverse] <= MOST_HOLDERS
    hashes, rows = hashes[is_rare], rows[is_rare]
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for step in range(1, min(MOST_HOLDERS, len(hashes))):
        is_same = hashes[step:] == hashes[:-step]
        firsts.append(rows[:-step][is_same])
        seconds.append(rows[step:][is_same])
    return np.concatenate(firsts), np.concatenate(seconds)
