"""Subsets are nested, hold whole groups, keep each class, and are as large as was asked."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sintonia.adjust.curve.subsets import nested_subsets, sizes_for, spread_over_folds


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    """600 examples in groups of one to five; the last of four classes is rare."""
    generator = np.random.default_rng(0)
    groups = np.sort(generator.integers(0, 250, 600))
    classes = np.where(np.arange(250) % 40 == 0, 3, np.arange(250) % 3)
    return groups, classes[groups]


def test_sizes_are_halves_and_none_is_too_small() -> None:
    assert sizes_for(10_000, 3) == (312, 625, 1_250, 2_500, 5_000, 10_000)
    assert sizes_for(1_000, 77)[0] == 154
    assert sizes_for(600, 77) == ()
    for count in range(160, 900, 37):
        sizes = sizes_for(count, 3)
        assert len(sizes) >= 4 and sizes[0] >= 40 and sizes[-1] == count


def test_subsets_are_nested_whole_and_of_the_size(data: tuple[np.ndarray, np.ndarray]) -> None:
    groups, targets = data
    sizes = (60, 150, 300, 600)
    found = nested_subsets(groups, targets, sizes, seed=0)
    for size, subset in zip(sizes, found, strict=True):
        assert abs(len(subset) - size) <= 5
        inside, outside = set(groups[subset].tolist()), set(np.delete(groups, subset).tolist())
        assert not inside & outside
        assert set(targets[subset].tolist()) == {0, 1, 2, 3}
    for small, large in pairwise(found):
        assert set(small.tolist()) <= set(large.tolist())
    assert len(found[-1]) == 600


def test_classes_keep_their_shares(data: tuple[np.ndarray, np.ndarray]) -> None:
    groups, targets = data
    subset = nested_subsets(groups, targets, (200,), seed=3)[0]
    shares = [np.bincount(part, minlength=4) / len(part) for part in (targets[subset], targets)]
    assert shares[0] == pytest.approx(shares[1], abs=0.06)


def test_another_seed_is_another_draw(data: tuple[np.ndarray, np.ndarray]) -> None:
    first, again, other = (nested_subsets(*data, (100,), seed)[0].tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_folds_keep_groups_together(data: tuple[np.ndarray, np.ndarray]) -> None:
    groups, targets = data
    folds = spread_over_folds(groups, targets, 5, seed=0)
    assert set(folds.tolist()) == set(range(5))
    for group in np.unique(groups):
        assert len(set(folds[groups == group].tolist())) == 1
    assert np.bincount(folds).min() > 80
