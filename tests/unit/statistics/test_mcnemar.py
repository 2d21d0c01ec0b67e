"""McNemar's mid-p against the exact binomial sums, by hand and by enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from sintonia.statistics import clustered_midp, midp


def exact_midp(fixed: int, broken: int) -> float:
    total, fewer = fixed + broken, min(fixed, broken)
    chances = [math.comb(total, k) / 2**total for k in range(fewer + 1)]
    return 2 * sum(chances) - chances[-1]


def enumerated_midp(differences: list[int]) -> float:
    observed = abs(sum(differences))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(differences))
    ]
    larger, equal = sum(s > observed for s in sums), sum(s == observed for s in sums)
    return (larger + equal / 2) / len(sums) if observed else 1.0


@pytest.mark.parametrize(("fixed", "broken"), [(6, 0), (9, 1), (30, 14), (1, 0), (7, 7), (250, 190)])
def test_midp_is_the_binomial_sum(fixed: int, broken: int) -> None:
    assert midp(fixed, broken) == pytest.approx(exact_midp(fixed, broken), abs=1e-9)
    assert midp(fixed, broken) == midp(broken, fixed)


def test_midp_of_nothing_is_one() -> None:
    assert midp(0, 0) == 1.0
    assert midp(5, 5) == 1.0


def test_midp_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        midp(-1, 3)


def test_groups_of_one_are_mcnemar() -> None:
    for fixed, broken in [(6, 0), (12, 5), (40, 40), (0, 9)]:
        differences = [1] * fixed + [-1] * broken + [0] * 7
        assert clustered_midp(differences) == pytest.approx(midp(fixed, broken), abs=1e-12)


def test_groups_match_enumeration_of_all_signs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        differences = rng.integers(-4, 5, size=9).tolist()
        nonzero = [value for value in differences if value]
        assert clustered_midp(differences) == pytest.approx(enumerated_midp(nonzero), abs=1e-12)


def test_one_group_proves_nothing() -> None:
    assert clustered_midp([300]) == 0.5
    assert clustered_midp([0]) == 1.0


def test_large_counts_stay_probabilities() -> None:
    assert 0 <= midp(5000, 10) < 1e-300
    assert 0 <= clustered_midp([4] * 900 + [-3] * 200) < 1e-9
