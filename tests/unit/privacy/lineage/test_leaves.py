"""Leaves of rows: sorted, rooted, and looked up by few reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sintonia.privacy.lineage.leaves import as_bytes, key_of_text, leaves_of, merkle_root, num_held, read_leaves


def _random(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, (2, count), dtype=np.uint64)


def test_equal_rows_are_one_leaf_and_the_order_does_not_matter() -> None:
    keys, contents = np.array([5, 3, 5, 5]), np.array([1, 2, 1, 9])
    leaves = leaves_of(keys, contents)
    assert leaves.tolist() == [[3, 5, 5], [2, 1, 9]]
    assert np.array_equal(leaves, leaves_of(keys[::-1], contents[::-1]))


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_a_root_changes_with_any_row(count: int) -> None:
    leaves = leaves_of(*_random(count))
    root = merkle_root(leaves)
    assert len(root) == 64
    assert merkle_root(leaves_of(*_random(count))) == root
    more = leaves_of(*np.concatenate([leaves, [[7], [7]]], axis=1))
    assert merkle_root(more) != root
    for place in (0, count // 2, count - 1) if count else ():
        other = leaves.copy()
        other[1, place] ^= np.uint64(1)
        assert merkle_root(other) != root
        assert merkle_root(np.delete(leaves, place, axis=1)) != root


@pytest.mark.parametrize("count", [1, 2, 50, 5000])
def test_each_key_is_found_and_no_other(tmp_path: Path, count: int) -> None:
    leaves, path = leaves_of(*_random(count)), tmp_path / "leaves.bin"
    path.write_bytes(as_bytes(leaves))
    assert np.array_equal(read_leaves(path), leaves)
    assert num_held(path, leaves[0][:400]) == len(leaves[0][:400])
    assert num_held(path, leaves[0]) == count
    absent = np.setdiff1d(_random(600, seed=1)[0], leaves[0])
    assert num_held(path, absent[:500]) == 0
    assert num_held(path, absent) == 0
    assert num_held(path, np.unique(np.concatenate([absent[:10], leaves[0][:1]]))) == 1


def test_keys_that_do_not_lie_evenly_are_found_too(tmp_path: Path) -> None:
    leaves, path = leaves_of(np.arange(20_000), np.arange(20_000)), tmp_path / "leaves.bin"
    path.write_bytes(as_bytes(leaves))
    assert num_held(path, np.array([0, 9_999, 19_999, 20_000, 2**63], dtype=np.uint64)) == 3


def test_texts_that_differ_in_what_rarely_matters_have_one_key() -> None:
    assert key_of_text("Turn ON the light!") == key_of_text("turn on the light")
    assert key_of_text("turn on") != key_of_text("turn off")
