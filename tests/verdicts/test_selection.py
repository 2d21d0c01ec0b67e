"""E9 of science.md 9: the best of ten configurations on validation, none of them better, is not called better.

The controls: the validation set that chose is fooled, and a configuration that is better is found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from sintonia.evaluate.compare import Answers, Rule, compare
from sintonia.metrics import METRICS
from sintonia.statistics import level_of_opening, selection_optimism

ACCURACY = METRICS["accuracy"]
SIMULATED, CONFIGURATIONS = 240, 10
NUM_VALIDATION, NUM_TEST, BASE_ACCURACY = 100, 400, 0.8
COMMON, OWN = 0.15, 0.025
"""Share of the answers that tuning changes whatever the configuration, and that each changes by itself: two of them
then disagree on about 5 %, as in science.md 1.4."""


def changed(rng: np.random.Generator, is_right: np.ndarray, share: float, gain: float = 0.0) -> np.ndarray:
    """Answers of which this share is changed at random: `gain` more are fixed than broken."""
    fixed, broken = (share + gain) / 2 / (1 - BASE_ACCURACY), (share - gain) / 2 / BASE_ACCURACY
    return is_right ^ (rng.random(is_right.shape) < np.where(is_right, broken, fixed))


@dataclass(frozen=True, kw_only=True)
class Search:
    """Right or wrong: the base's answers (examples,), the configurations' (configurations, examples)."""

    base: np.ndarray
    tuned: np.ndarray

    @property
    def best(self) -> int:
        return int(self.tuned[:, :NUM_VALIDATION].sum(axis=1).argmax())

    def outcome(self, part: slice, level: float) -> str:
        """What the product's rule says of the best configuration."""
        base, tuned = (np.where(right[part], "yes", "no") for right in (self.base, self.tuned[self.best]))
        groups = tuple(map(str, range(len(base))))
        answers = Answers(
            targets=("yes",) * len(base), base=tuple(base.tolist()), tuned=tuple(tuned.tolist()), groups=groups
        )
        return compare(ACCURACY, answers, Rule(level=level, margin=0.01, draws=400)).outcome

    @property
    def printed_optimism(self) -> float:
        """Points, from what is seen on validation alone."""
        seen = self.tuned[:, :NUM_VALIDATION]
        pairs = [(seen[i] != seen[j]).mean() for i in range(CONFIGURATIONS) for j in range(i)]
        return 100 * selection_optimism(math.sqrt(np.mean(pairs) / NUM_VALIDATION), CONFIGURATIONS)


def searched(rng: np.random.Generator, gain_of_one: float = 0.0) -> Search:
    base = rng.random(NUM_VALIDATION + NUM_TEST) < BASE_ACCURACY
    alike = changed(rng, base, COMMON)
    own = [changed(rng, alike, max(OWN, gain_of_one), gain_of_one if i == 6 else 0.0) for i in range(CONFIGURATIONS)]
    return Search(base=base, tuned=np.array(own))


@pytest.fixture(scope="module")
def without_gain() -> list[Search]:
    rng = np.random.default_rng(9)
    return [searched(rng) for _ in range(SIMULATED)]


def test_e9_the_best_of_ten_is_not_better_on_the_test(without_gain: list[Search]) -> None:
    test = slice(NUM_VALIDATION, None)
    found = [one.outcome(test, level_of_opening(1)) for one in without_gain]
    assert found.count("better") <= 0.05 * SIMULATED
    assert found.count("better") + found.count("worse") >= 1  # a rule that never speaks would pass too


def test_e9_the_set_that_chose_would_have_been_fooled(without_gain: list[Search]) -> None:
    fooled = sum(one.outcome(slice(NUM_VALIDATION), 0.05) == "better" for one in without_gain)
    assert fooled >= 0.08 * SIMULATED
    looks_better = sum(
        one.tuned[one.best, :NUM_VALIDATION].mean() > one.base[:NUM_VALIDATION].mean() for one in without_gain
    )
    assert looks_better >= 0.6 * SIMULATED


def test_e9_the_optimism_that_is_told_is_the_one_there_is(without_gain: list[Search]) -> None:
    told = np.array([one.printed_optimism for one in without_gain])
    assert ((told >= 1) & (told <= 3)).mean() >= 0.95
    flattery = [100 * (one.tuned[one.best, :NUM_VALIDATION].mean() - BASE_ACCURACY) for one in without_gain]
    assert told.mean() == pytest.approx(np.mean(flattery), abs=0.6)
    of_test = [100 * (one.tuned[one.best, NUM_VALIDATION:].mean() - BASE_ACCURACY) for one in without_gain]
    assert np.mean(of_test) == pytest.approx(0.0, abs=0.4)  # the test that did not choose flatters nobody


def test_e9_a_configuration_that_is_better_is_found() -> None:
    rng = np.random.default_rng(99)
    found = [searched(rng, gain_of_one=0.12) for _ in range(60)]
    assert sum(one.best == 6 for one in found) >= 54
    assert sum(one.outcome(slice(NUM_VALIDATION, None), level_of_opening(1)) == "better" for one in found) >= 54
