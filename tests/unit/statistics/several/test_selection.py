"""The optimism of the best of several: against what happens, and against the figures of science.md 1.4."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sintonia.statistics import selection_optimism


@pytest.mark.parametrize(
    ("num_candidates", "expected"), [(1, 0.0), (2, 1 / math.sqrt(math.pi)), (3, 1.5 / math.sqrt(math.pi))]
)
def test_the_largest_of_few_normal_numbers_is_known(num_candidates: int, expected: float) -> None:
    assert selection_optimism(math.sqrt(2), num_candidates) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("num_examples", "num_candidates", "points"),
    [(100, 3, 1.1), (100, 10, 2.0), (100, 30, 2.5), (200, 10, 1.8), (500, 10, 1.1), (1000, 10, 0.7), (1000, 30, 0.9)],
)
def test_it_is_near_what_was_measured(num_examples: int, num_candidates: int, points: float) -> None:
    """science.md 1.4: accuracy .80, two candidates disagree on about 5 % of the examples."""
    assert 100 * selection_optimism(math.sqrt(0.05 / num_examples), num_candidates) == pytest.approx(points, abs=0.75)


@pytest.mark.parametrize("num_candidates", [2, 10, 40])
def test_it_is_what_picking_the_best_does(num_candidates: int) -> None:
    rng, spread = np.random.default_rng(1), 0.02
    shared = rng.normal(0, 0.05, (20_000, 1))  # how hard the examples are: all candidates have it in common
    scores = shared + rng.normal(0, spread, (20_000, num_candidates))
    flattery = (scores.max(axis=1) - shared[:, 0]).mean()
    assert selection_optimism(spread * math.sqrt(2), num_candidates) == pytest.approx(flattery, abs=0.0006)


def test_more_candidates_flatter_more_and_never_beyond_the_bound() -> None:
    found = [selection_optimism(math.sqrt(2), count) for count in (1, 2, 5, 20, 100, 10_000)]
    assert found == sorted(found)
    bounds = [math.sqrt(2 * math.log(count)) + 1e-9 for count in (1, 2, 5, 20, 100, 10_000)]
    assert all(one <= bound for one, bound in zip(found, bounds, strict=True))


def test_impossible_questions_are_refused() -> None:
    for sd_difference, num_candidates in ((-0.1, 3), (0.1, 0)):
        with pytest.raises(ValueError, match="candidates"):
            selection_optimism(sd_difference, num_candidates)
