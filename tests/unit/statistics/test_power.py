"""Detectable effects, needed examples and levels: the constants of DESIGN.md and science.md."""

from __future__ import annotations

import math

import pytest

from sintonia.statistics import (
    examples_needed,
    fewest_disagreements,
    level_of_opening,
    midp,
    minimum_detectable_effect,
)

FIRST = level_of_opening(1)


def test_levels_are_those_of_the_ledger_and_sum_to_five_percent() -> None:
    assert [round(level_of_opening(k), 4) for k in (1, 2, 3, 4)] == [0.0304, 0.0076, 0.0034, 0.0019]
    assert sum(level_of_opening(k) for k in range(1, 100_000)) == pytest.approx(0.05, abs=1e-6)
    with pytest.raises(ValueError, match="from 1"):
        level_of_opening(0)


def test_constants_at_the_first_opening() -> None:
    assert minimum_detectable_effect(0.3, 1000, FIRST) / math.sqrt(0.3 / 1000) == pytest.approx(3.01, abs=0.005)
    assert examples_needed(1.0, 0.001, FIRST) / 1e6 == pytest.approx(9.04, abs=0.005)


def test_constants_at_five_percent() -> None:
    assert minimum_detectable_effect(0.2, 500, 0.05) == pytest.approx(0.056, abs=0.0005)
    assert examples_needed(1.0, 0.001, 0.05) / 1e6 == pytest.approx(7.85, abs=0.01)


def test_needed_examples_make_the_difference_detectable() -> None:
    needed = examples_needed(0.2, 0.04, FIRST)
    assert minimum_detectable_effect(0.2, needed, FIRST) <= 0.04
    assert minimum_detectable_effect(0.2, needed - 1, FIRST) > 0.04


def test_later_openings_see_less() -> None:
    effects = [minimum_detectable_effect(0.3, 300, level_of_opening(k)) for k in (1, 2, 3)]
    assert effects == sorted(effects) and effects[0] < effects[2]


@pytest.mark.parametrize("level", [0.05, FIRST, level_of_opening(3), 1 / 32])
def test_fewest_disagreements_is_where_midp_passes(level: float) -> None:
    fewest = fewest_disagreements(level)
    assert midp(fewest, 0) < level <= midp(fewest - 1, 0)


def test_no_disagreement_is_not_infinite_precision() -> None:
    assert minimum_detectable_effect(0.0, 100, FIRST) == pytest.approx(0.06)
    assert minimum_detectable_effect(1.0, 1, FIRST) == 1.0


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="zero"):
        examples_needed(0.1, 0.0, FIRST)
    with pytest.raises(ValueError, match="level"):
        minimum_detectable_effect(0.1, 10, 0.0)
    with pytest.raises(ValueError, match="examples"):
        minimum_detectable_effect(0.1, 0, FIRST)
