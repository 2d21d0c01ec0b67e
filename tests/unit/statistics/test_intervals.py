"""Wilson's interval against scipy, its grouped form, and the room left by the unseen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from sintonia.statistics import clustered_wilson, unseen_fraction, wilson


@pytest.mark.parametrize(("right", "total"), [(0, 10), (10, 10), (1, 3), (295, 310), (50, 100)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_agrees_with_scipy(right: int, total: int, confidence: float) -> None:
    expected = binomtest(right, total).proportion_ci(confidence, method="wilson")
    assert wilson(right, total, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("right", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(right: int, total: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(right, total)


def test_groups_of_one_are_at_least_plain_wilson() -> None:
    right = np.array([1.0] * 70 + [0.0] * 30)
    low, high = clustered_wilson(right, np.ones(100))
    assert (low, high) == pytest.approx(wilson(70, 100), abs=0.002)
    assert low <= wilson(70, 100)[0]


def test_identical_rows_of_a_group_count_once() -> None:
    right = np.array([4.0] * 50 + [0.0] * 25)
    found = clustered_wilson(right, np.full(75, 4.0))
    assert found == pytest.approx(wilson(50, 75), abs=0.002)


def test_all_right_in_groups_counts_groups() -> None:
    assert clustered_wilson(np.full(20, 5.0), np.full(20, 5.0)) == wilson(20, 20)
    assert clustered_wilson(np.array([7.0]), np.array([10.0]))[0] < 0.2


def test_unseen_fraction_is_the_exact_bound() -> None:
    assert (1 - unseen_fraction(80, 0.95)) ** 80 == pytest.approx(0.025, abs=1e-12)
    assert unseen_fraction(1, 0.95) == pytest.approx(0.975)
    with pytest.raises(ValueError, match="at least one"):
        unseen_fraction(0)
