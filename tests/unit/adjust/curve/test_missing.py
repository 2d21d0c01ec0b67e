"""A kind that is planted worse is found, a clean control has none, and groups are not taken for so many examples."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.adjust.curve import Scored, find_missing


def _scored(generator: np.random.Generator, shares: np.ndarray, groups: np.ndarray | None = None) -> Scored:
    wrong = (generator.random(len(shares)) < shares).astype(float)
    names = np.arange(len(shares)) if groups is None else groups
    return Scored(errors=wrong, sizes=np.ones(len(shares)), groups=tuple(names.astype(str)))


def test_a_planted_kind_is_found_with_its_numbers() -> None:
    generator = np.random.default_rng(0)
    kinds = np.array(["refund", "card", "loan", "other"] * 75)
    scored = _scored(generator, np.where(kinds == "refund", 0.5, 0.1))
    found = find_missing(scored, {"class": kinds.tolist()}, {"class": {"refund": 12}})
    assert [one.value for one in found] == ["refund"]
    assert found[0].num_examples == 75
    assert found[0].num_train == 12
    assert found[0].error.low < 0.5 < found[0].error.high
    assert found[0].other_error == pytest.approx(0.1, abs=0.04)


def test_without_a_planted_kind_there_is_hardly_ever_one() -> None:
    named = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        columns = {name: generator.integers(0, 5, 300).astype(str).tolist() for name in ("class", "length", "topic")}
        named += bool(find_missing(_scored(generator, np.full(300, 0.2)), columns))
    assert named <= 6


def test_copies_in_groups_are_no_evidence() -> None:
    named = {False: 0, True: 0}
    for seed in range(40):
        generator = np.random.default_rng(seed)
        groups = np.repeat(np.arange(30), 10)
        wrong = np.repeat((generator.random(30) < 0.3).astype(float), 10)
        kinds = np.repeat(generator.integers(0, 3, 30), 10).astype(str).tolist()
        for is_grouped in (False, True):
            names = groups if is_grouped else np.arange(300)
            scored = Scored(errors=wrong, sizes=np.ones(300), groups=tuple(names.astype(str)))
            named[is_grouped] += bool(find_missing(scored, {"kind": kinds}))
    assert named[True] <= 4
    assert named[False] >= 15


def test_losses_are_weighed_by_their_bytes() -> None:
    generator = np.random.default_rng(0)
    lengths = generator.integers(10, 300, 240).astype(float)
    kinds = np.array(["table", "text"] * 120)
    bits = lengths * np.where(kinds == "table", 2.0, 1.0) * generator.normal(1, 0.3, 240)
    scored = Scored(errors=bits, sizes=lengths, groups=tuple(str(k) for k in range(240)))
    found = find_missing(scored, {"kind": kinds.tolist()})
    assert [one.value for one in found] == ["table"]
    assert found[0].error.value == pytest.approx(2.0, abs=0.1)
    assert found[0].num_train is None


def test_kinds_too_small_to_tell_are_left_out() -> None:
    kinds = ["rare"] * 4 + ["usual"] * 96
    scored = Scored(errors=np.array([1.0] * 4 + [0.0] * 96), sizes=np.ones(100), groups=tuple(map(str, range(100))))
    assert find_missing(scored, {"class": kinds}) == ()
