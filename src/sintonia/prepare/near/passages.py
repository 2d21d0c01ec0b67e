"""What many rows share word for word, line by line: a system prompt, a schema, an instruction.

Conversations that share a long passage look nearly the same whatever is asked. What more rows share than can be kept
in one set is left out before they are compared. It is handed texts and keeps none.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

LEAST_CHARACTERS = 40
"""A shorter line is no passage worth telling of; left out it is all the same."""
_MOST_TWINS = 10
_DIFFERENT = 0.3
"""Least share of different pairs of passage and answer; with fewer the answers are classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passages:
    """The lines that many rows share."""

    shared: frozenset[int]
    """Their hashes, which mean nothing outside this process."""
    num_long: int = 0
    """How many of them are passages rather than a few words."""
    num_rows: int = 0
    """How many rows hold a long one."""

    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """int64 [num_rows], stands for the long ones of a row; 0 where there is none."""

    def twins(self, answer_keys: np.ndarray) -> np.ndarray:
        """Rows of the same passages with the same answer ask the same in other words: equal numbers, -1 for none.

        Answers that many rows have are classes, and tie nothing.
        """
        alone = np.full(len(answer_keys), -1, dtype=np.int64)
        held = np.flatnonzero(self.keys) if len(self.keys) else np.zeros(0, dtype=np.int64)
        both = np.stack([self.keys[held].view(np.uint64), answer_keys[held]]) if len(held) else np.zeros((2, 0))
        _, numbers, counts = np.unique(both, axis=1, return_inverse=True, return_counts=True)
        if len(counts) < _DIFFERENT * len(held):
            return alone
        is_tied = (counts[numbers] > 1) & (counts[numbers] <= _MOST_TWINS)
        alone[held[is_tied]] = numbers[is_tied]
        return alone

    def left_out(self, texts: Iterable[str]) -> Iterator[str]:
        """The texts without these lines; one of nothing else stays as it is."""
        for text in texts:
            own = "\n".join(line for line in text.split("\n") if hash(line) not in self.shared)
            yield own if own.strip() else text


def find_passages(texts: Iterable[str], most: int) -> Passages:
    """The lines that stand in more than `most` of the texts; each line counts once a text.

    Memory: 17 bytes a line, and as much again for a while.
    """
    number = -1
    hashes, is_long, rows = array("q"), array("b"), array("q")
    for number, text in enumerate(texts):
        for line in {one for one in text.split("\n") if one.strip()}:
            hashes.append(hash(line))
            is_long.append(len(line) >= LEAST_CHARACTERS)
            rows.append(number)
    if not hashes:
        return Passages(shared=frozenset())
    found, inverse, counts = np.unique(np.frombuffer(hashes, np.int64), return_inverse=True, return_counts=True)
    is_shared = counts > most
    held = is_shared[inverse] & np.frombuffer(is_long, np.int8).astype(bool)
    keys = np.zeros(number + 1, dtype=np.int64)
    holders = np.frombuffer(rows, np.int64)[held]
    with np.errstate(over="ignore"):
        np.add.at(keys, holders, found[inverse[held]])
    num_long, num_rows = len(np.unique(inverse[held])), len(np.unique(holders))
    return Passages(shared=frozenset(found[is_shared].tolist()), num_long=num_long, num_rows=num_rows, keys=keys)
