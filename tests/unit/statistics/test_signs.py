"""Sign flips and the sign test: exactness, their edges, and that they keep the level that they promise."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.statistics import sign_flip, sign_test
from sintonia.statistics.signs import MOST_EXACT


def test_five_of_one_sign_are_one_chance_in_sixteen() -> None:
    assert sign_flip([1, 2, 3, 4, 5]) == 2 / 2**5
    assert sign_flip([-1, -2, -3, -4, -5, 0, 0]) == 2 / 2**5


def test_nothing_proves_nothing() -> None:
    assert sign_flip([]) == sign_flip([0.0, 0.0]) == sign_flip([0.3, -0.3]) == 1.0
    assert sign_flip([0.1, 0.2, -0.3]) == 1.0  # zero but for rounding
    assert sign_flip([40.0]) == 1.0
    assert sign_test(0, 0) == sign_test(3, 3) == sign_test(0, 0, 50) == 1.0


def test_the_unit_of_the_scores_does_not_matter() -> None:
    values = np.random.default_rng(1).normal(0.4, 1, 25).round(2)
    assert sign_flip(values) == sign_flip(values * 1e-7) == sign_flip(-values * 1e7)


def test_drawn_signs_agree_with_counted_ones() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0.4, 1, MOST_EXACT - 1), [1e-9, -1e-9]])
    few, many = sign_flip(values[:-2]), sign_flip(values)
    assert 0.01 < few < 0.2
    assert many == pytest.approx(few, abs=4 * (few / 10_000) ** 0.5)
    assert sign_flip(values, seed=3) != many
    assert sign_flip(np.ones(200)) == 1 / 10_001


def test_ten_examples_keep_the_level_where_students_t_would_not() -> None:
    """Symmetric but far from normal; a gain of the size of the spread is found."""
    rng = np.random.default_rng(3)
    null = [sign_flip(rng.standard_t(1.5, 12)) for _ in range(1_000)]
    assert 25 <= sum(p < 0.05 for p in null) <= 70
    assert sum(sign_flip(rng.normal(1.2, 1, 12)) < 0.05 for _ in range(50)) >= 44


def test_ties_speak_against_a_difference() -> None:
    assert sign_test(30, 10) < sign_test(30, 10, 20) < sign_test(30, 10, 100)
    assert sign_test(30, 10, 21) == sign_test(30, 10, 20) == sign_test(10, 30, 20) == sign_test(40, 20)


@pytest.mark.parametrize("differences", [[1.0, float("nan")], [1.0, float("inf")], [[1.0, 2.0]]])
def test_what_is_no_difference_is_refused(differences) -> None:
    with pytest.raises(ValueError, match="finite"):
        sign_flip(differences)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        sign_test(1, 1, -1)
