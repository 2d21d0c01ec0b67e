"""Differences between recipes over seeds: both kinds of noise are in the interval, and groups are respected."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.statistics import RecipeDifference, recipe_difference


def drawn(rng: np.random.Generator, num_seeds: int, gain: float, of_seeds: float, of_examples: float) -> np.ndarray:
    shape = (num_seeds, 200)
    shared = rng.normal(0, of_examples, (1, 200))
    return gain + rng.normal(0, of_seeds, (num_seeds, 1)) + shared + rng.normal(0, 0.2, shape)


@pytest.mark.parametrize("num_seeds", [3, 5])
@pytest.mark.parametrize(("of_seeds", "of_examples"), [(0.05, 0.05), (0.0, 0.5), (0.03, 0.4)])
def test_the_interval_holds_the_truth_as_often_as_it_says(num_seeds: int, of_seeds: float, of_examples: float) -> None:
    rng, missed = np.random.default_rng(1), 0
    for _ in range(200):
        found = recipe_difference(drawn(rng, num_seeds, 0.1, of_seeds, of_examples), range(200), draws=400)
        missed += not found.low <= 0.1 <= found.high
    assert missed <= 18  # 10 expected; 18 is the 99 % bound of the binomial


def test_seeds_that_share_the_examples_do_not_average_their_noise_away() -> None:
    shared = np.random.default_rng(2).normal(0, 0.5, 200)
    one = recipe_difference(np.tile(shared, (3, 1)), range(200))
    many = recipe_difference(np.tile(shared, (20, 1)), range(200))
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.05)


def test_copies_in_groups_do_not_narrow_the_interval() -> None:
    once = drawn(np.random.default_rng(3), 5, 0.0, 0.01, 0.5)
    copied, groups = np.repeat(once, 4, axis=1), np.repeat(np.arange(200), 4).tolist()
    alone, grouped, naive = (
        recipe_difference(*given) for given in ((once, range(200)), (copied, groups), (copied, range(800)))
    )
    assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high), abs=1e-9)
    assert naive.high - naive.low < 0.7 * (grouped.high - grouped.low)


def test_pairs_won_are_counted_with_ties_as_half() -> None:
    table = np.array([[0.2, 0.0], [0.0, 0.0], [-0.1, 0.0], [0.3, 0.3]])
    found = recipe_difference(table, ["a", "b"])
    assert (found.share_won, found.num_seeds) == (2.5 / 4, 4)
    assert found.estimate == pytest.approx(table.mean())


def test_a_recipe_must_win_three_pairs_of_four() -> None:
    won = RecipeDifference(estimate=0.02, low=0.01, high=0.03, share_won=0.8, num_seeds=5)
    assert won.is_better and not won.is_worse
    lucky = RecipeDifference(estimate=0.02, low=0.01, high=0.03, share_won=0.6, num_seeds=5)
    assert not lucky.is_better
    lost = RecipeDifference(estimate=-0.02, low=-0.03, high=-0.01, share_won=0.2, num_seeds=5)
    assert lost.is_worse and not lost.is_better
    open_still = RecipeDifference(estimate=0.02, low=-0.01, high=0.03, share_won=1.0, num_seeds=5)
    assert not open_still.is_better


def test_one_group_proves_nothing() -> None:
    found = recipe_difference(np.ones((3, 50)), ["same"] * 50)
    assert not found.is_better and found.low == -float("inf")


def test_same_seed_same_interval_and_no_noise_no_width() -> None:
    table = drawn(np.random.default_rng(5), 3, 0.1, 0.05, 0.1)
    assert recipe_difference(table, range(200)) == recipe_difference(table, range(200))
    flat = recipe_difference(np.full((3, 20), 0.5), range(20))
    assert (flat.low, flat.high) == pytest.approx((0.5, 0.5), abs=1e-12)


@pytest.mark.parametrize("shape", [(2, 50), (50,), (3, 0)])
def test_too_few_seeds_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"seeds|groups"):
        recipe_difference(np.zeros(shape), range(shape[-1]))


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        recipe_difference(np.full((3, 4), np.nan), range(4))
    with pytest.raises(ValueError, match="confidence"):
        recipe_difference(np.zeros((3, 4)), range(4), confidence=1.0)
