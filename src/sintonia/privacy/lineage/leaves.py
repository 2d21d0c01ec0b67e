"""Rows as leaves: two numbers that stand for a row's text and for all that it says, sorted; and the root over them.

Pure but for `num_held`, which reads the file of leaves it is given. Nobody reads a text in a leaf, but of a short text
all that it may be can be tried: leaves are kept where only their owner reads them.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sintonia.normalise import normalised, short_hash

Leaves = np.ndarray
"""(2, rows) uint64: keys of the texts in ascending order, and beside each what stands for all of its row."""
_BLOCK_ROWS = 256
"""Rows under one leaf of the tree: it has few hashes then, and a proof for a row is 4 KiB and a few hashes."""
_NUMBER_BYTES = 8
_FEW = 512
"""So many keys are looked up one by one; of more the whole file is read."""
_SPREADS = 4.0
"""A key stands within half the root of the number of rows of where it would be expected (one spread), nearly always."""


def key_of_text(text: str) -> int:
    """What a row is looked up by: a hash of its text, without what rarely matters (case, spaces, punctuation)."""
    return int(short_hash(normalised(text)), 16)


def keys_of(texts: Iterable[str]) -> np.ndarray:
    """The keys of some texts, uint64."""
    return np.array([key_of_text(one) for one in texts], dtype=np.uint64)


def leaves_of(text_keys: np.ndarray, contents: np.ndarray) -> Leaves:
    """The leaves of some rows in their one order, equal rows once."""
    pairs = np.stack([text_keys, contents]).astype(np.uint64)
    pairs = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    is_first = np.ones(pairs.shape[1], dtype=bool)
    is_first[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    return np.ascontiguousarray(pairs[:, is_first])


def merkle_root(leaves: Leaves) -> str:
    """64 hex digits that change with any row: sha256 over blocks of 256 leaves, then over pairs (RFC 6962's marks).

    >>> merkle_root(leaves_of(np.array([2, 1]), np.array([7, 8])))[:16]
    '4e26de343b6dcbbb'
    """
    rows = np.ascontiguousarray(leaves.T.astype("<u8"))
    blocks = [rows[start : start + _BLOCK_ROWS].tobytes() for start in range(0, max(len(rows), 1), _BLOCK_ROWS)]
    level = [hashlib.sha256(b"\0" + block).digest() for block in blocks]
    while len(level) > 1:
        pairs = [level[start : start + 2] for start in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\1" + b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0].hex()


def as_bytes(leaves: Leaves) -> bytes:
    """The leaves as they lie in a file: all keys, then all contents."""
    return np.ascontiguousarray(leaves.astype("<u8")).tobytes()


def read_leaves(path: Path) -> Leaves:
    """The leaves of a file."""
    return np.fromfile(path, dtype="<u8").reshape(2, -1).astype(np.uint64)


def num_held(path: Path, keys: np.ndarray) -> int:
    """How many of these keys (sorted, each once) a file of leaves holds; of few keys only their places are read."""
    num_rows = path.stat().st_size // (2 * _NUMBER_BYTES)
    if not num_rows or not len(keys):
        return 0
    if len(keys) > _FEW:
        held = np.memmap(path, dtype="<u8", mode="r", shape=(num_rows,))
        return int(is_among(keys, held).sum())
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return sum(_is_held(descriptor, num_rows, int(key)) for key in keys.tolist())
    finally:
        os.close(descriptor)


def is_among(keys: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Of each key whether it is among some that are sorted."""
    if not len(held):
        return np.zeros(len(keys), dtype=bool)
    places = np.minimum(np.searchsorted(held, keys), len(held) - 1)
    return np.asarray(held[places] == keys)


def _is_held(descriptor: int, num_rows: int, key: int) -> bool:
    """Hashes lie evenly: a key is looked for where it would be expected, and further away where it is not there."""
    expected, reach = int(key / 2.0**64 * num_rows), int(_SPREADS * math.sqrt(num_rows)) + 8
    while True:
        first, last = max(0, expected - reach), min(num_rows, expected + reach)
        piece = os.pread(descriptor, (last - first) * _NUMBER_BYTES, first * _NUMBER_BYTES)
        found = np.frombuffer(piece, dtype="<u8")
        is_within = (first == 0 or int(found[0]) < key) and (last == num_rows or int(found[-1]) > key)
        if is_within:
            return bool(is_among(np.array([key], dtype=np.uint64), found)[0])
        if int(found[0]) == key or int(found[-1]) == key:
            return True
        reach *= 8
