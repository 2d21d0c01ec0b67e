"""Approximate randomisation against the full enumeration of swaps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sintonia.metrics import METRICS
from sintonia.statistics import approximate_randomisation, clustered_midp

MACRO_F1 = METRICS["macro_f1"]


def p_of(targets: list[str], base: list[str], tuned: list[str], groups: list[str], name: str = "macro_f1") -> float:
    metric = METRICS[name]
    counts = (metric.counts(targets, base), metric.counts(targets, tuned))
    return approximate_randomisation(counts, groups, metric.from_counts)


def enumerated(targets: list[str], base: list[str], tuned: list[str], groups: list[str]) -> float:
    def difference(one: list[str], other: list[str]) -> float:
        return abs(MACRO_F1.function(targets, other) - MACRO_F1.function(targets, one))

    names, observed, as_large = sorted(set(groups)), difference(base, tuned), 0
    for flips in itertools.product((False, True), repeat=len(names)):
        flipped = {name for name, is_flipped in zip(names, flips, strict=True) if is_flipped}
        pairs = [(y, x) if group in flipped else (x, y) for x, y, group in zip(base, tuned, groups, strict=True)]
        as_large += difference([x for x, _ in pairs], [y for _, y in pairs]) >= observed - 1e-12
    return as_large / 2 ** len(names)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_all_swaps_of_whole_groups(seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets, base, tuned = (rng.choice(list("abc"), 24).tolist() for _ in range(3))
    groups = [str(i // 2 if i < 8 else i // 4) for i in range(24)]
    expected = enumerated(targets, base, tuned, groups)
    assert p_of(targets, base, tuned, groups) == pytest.approx(expected, abs=0.02)


def test_identical_predictions_give_one() -> None:
    answers = ["a", "b", "b", "a"]
    assert p_of(["a", "b", "a", "a"], answers, answers, list("wxyz")) == 1.0


def test_smallest_p_value_counts_the_real_draw() -> None:
    targets = ["a", "b"] * 40
    p_value = p_of(targets, ["b", "a"] * 40, targets, [str(i) for i in range(80)])
    assert p_value == pytest.approx(1 / 10_001)


def test_one_group_proves_nothing() -> None:
    targets = ["a", "b"] * 40
    assert p_of(targets, ["b", "a"] * 40, targets, ["same"] * 80) == 1.0


def test_is_more_careful_than_midp_and_close_to_it() -> None:
    rng = np.random.default_rng(9)
    is_tuned_right, is_base_right = rng.random(200) < 0.75, rng.random(200) < 0.65
    targets = ["a"] * 200
    tuned, base = (np.where(right, "a", "b").tolist() for right in (is_tuned_right, is_base_right))
    exact = clustered_midp(is_tuned_right.astype(int) - is_base_right.astype(int))
    drawn = p_of(targets, base, tuned, [str(i) for i in range(200)], "accuracy")
    assert exact < drawn < exact + 0.03
