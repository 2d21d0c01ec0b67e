"""E36 of science.md 9: two recipes that are equally good, five seeds each, are not called different.

The controls: one pair of runs alone often is different, and a recipe that is better is found.
"""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.statistics import RecipeDifference, level_of_opening, midp, recipe_difference

SIMULATED, NUM_SEEDS, NUM_EXAMPLES = 240, 5, 300
SPREADS = (0.01, 0.025, 0.04)
"""How much the true accuracy of a run varies with its seed: little, as usual, as with few examples."""


def runs(rng: np.random.Generator, ease: np.ndarray, spread: float, accuracy: float) -> np.ndarray:
    """Right or wrong, shape (seeds, examples): `ease` says how easy each example is for every run."""
    levels = accuracy + rng.normal(0, spread, (NUM_SEEDS, 1))
    return (rng.random((NUM_SEEDS, len(ease))) < np.clip(levels + ease, 0, 1)).astype(float)


def compared(rng: np.random.Generator, spread: float, gain: float, copies: int = 1) -> tuple[np.ndarray, list[int]]:
    """Differences by seed, and the groups: `copies` equal rows each."""
    num_groups = NUM_EXAMPLES // copies
    ease = rng.choice([-0.3, 0.1], num_groups, p=[0.25, 0.75])
    differences = runs(rng, ease, spread, 0.75 + gain) - runs(rng, ease, spread, 0.75)
    return np.repeat(differences, copies, axis=1), np.repeat(np.arange(num_groups), copies).tolist()


def told(rng: np.random.Generator, number: int, gain: float, copies: int = 1) -> RecipeDifference:
    return recipe_difference(*compared(rng, SPREADS[number % len(SPREADS)], gain, copies), draws=500)


@pytest.mark.parametrize("copies", [1, 4])
def test_e36_equal_recipes_are_not_called_different(copies: int) -> None:
    rng = np.random.default_rng(36)
    found = [told(rng, number, 0.0, copies) for number in range(SIMULATED)]
    assert sum(one.is_better for one in found) <= 0.05 * SIMULATED
    assert sum(one.is_better or one.is_worse for one in found) <= 0.08 * SIMULATED
    assert sum(one.is_better or one.is_worse for one in found) >= 1  # the level is used, not just kept


def test_e36_one_pair_of_runs_says_too_much() -> None:
    """The noise of seeds alone: significant, and no news about the recipe."""
    rng, num_found = np.random.default_rng(361), 0
    for _ in range(SIMULATED):
        first = compared(rng, 0.04, 0.0)[0][0]
        num_found += midp(int((first > 0).sum()), int((first < 0).sum())) < level_of_opening(1)
    assert num_found >= 0.12 * SIMULATED


def test_e36_a_better_recipe_is_found_and_a_worse_one_too() -> None:
    rng = np.random.default_rng(363)
    better = [told(rng, number, 0.12) for number in range(60)]
    assert sum(one.is_better for one in better) >= 54
    worse = [told(rng, number, -0.12) for number in range(60)]
    assert sum(one.is_worse for one in worse) >= 54
    assert not any(one.is_worse for one in better) and not any(one.is_better for one in worse)


def test_e36_two_lucky_seeds_of_five_do_not_make_a_recipe() -> None:
    table = np.zeros((NUM_SEEDS, NUM_EXAMPLES))
    table[:2] = 0.5
    found = recipe_difference(table, range(NUM_EXAMPLES))
    assert found.estimate == pytest.approx(0.2) and not found.is_better
