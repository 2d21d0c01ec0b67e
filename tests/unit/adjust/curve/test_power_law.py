"""Planted power laws are found again, within their bounds, one by one and many at once."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.adjust.curve.power_law import LEAST_EXPONENT, MOST_EXPONENT, fit_many, fit_one
from tests.unit.adjust.curve.planted import error_at

SIZES = np.array([50.0, 100.0, 200.0, 400.0, 800.0])


@pytest.mark.parametrize(
    ("floor", "scale", "exponent"), [(0.05, 0.1, 0.5), (0.0, 0.2, 0.25), (0.2, 0.02, 1.2), (0.6, 1.4, 0.4)]
)
def test_a_planted_law_is_found_again(floor: float, scale: float, exponent: float) -> None:
    errors = error_at(SIZES, floor, scale, exponent, 800)
    law = fit_one(SIZES, errors, 800)
    many = fit_many(SIZES, np.stack([errors, errors + 0.01]), 800)
    assert [law.floor[0], law.scale[0], law.exponent[0]] == pytest.approx([floor, scale, exponent], abs=0.01)
    assert float(law.at(1_600)[0]) == pytest.approx(
        float(error_at(np.array([1_600.0]), floor, scale, exponent, 800)[0]), abs=1e-4
    )
    assert float(many.at(1_600)[0]) == pytest.approx(float(law.at(1_600)[0]), abs=0.002)


def test_the_bounds_hold_whatever_the_points_are() -> None:
    errors = np.random.default_rng(0).uniform(0, 1, (300, 5))
    laws = fit_many(SIZES, errors, 800)
    assert (laws.floor >= 0).all() and (laws.floor <= errors.min(axis=1) + 1e-12).all()
    assert (laws.scale >= 0).all()
    assert (laws.exponent >= LEAST_EXPONENT).all() and (laws.exponent <= MOST_EXPONENT + 1e-9).all()


def test_the_grid_is_as_good_as_the_search() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        errors = error_at(SIZES, 0.1, 0.1, 0.4, 800) + generator.normal(0, 0.01, 5)
        one, many = fit_one(SIZES, errors, 800), fit_many(SIZES, errors[None], 800)
        cost = [
            float((np.sqrt(SIZES) * (errors - [law.at(size)[0] for size in SIZES]) ** 2).sum()) for law in (one, many)
        ]
        assert cost[1] <= cost[0] * 1.02 + 1e-6
        assert cost[0] <= cost[1] + 1e-9


def test_how_many_are_needed_is_the_inverse() -> None:
    laws = fit_many(SIZES, error_at(SIZES, 0.1, 0.1, 0.5, 800)[None], 800)
    assert float(laws.needed(float(laws.at(1_300)[0]))[0]) == pytest.approx(1_300, rel=1e-6)
    assert float(laws.needed(0.05)[0]) == np.inf
