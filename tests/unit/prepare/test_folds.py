"""Ten parts of few rows: every row tested once a repeat, no group in two sets, classes spread, nothing by luck."""

from __future__ import annotations

from collections import Counter

import pytest

from sintonia.errors import DataError
from sintonia.prepare.sets.folds import FEWER_ROWS, FOLDS, REPEATS, Fold, make_folds
from sintonia.statistics.calibration import LEAST_EXAMPLES

KEYS = [f"key{number:03d}" for number in range(120)]


def alone(count: int) -> list[int]:
    """Each row is its own group."""
    return list(range(count))


def sizes(fold: Fold) -> Counter[str]:
    return Counter(fold.sets)


@pytest.fixture
def targets() -> list[str]:
    """Three classes: 84, 24 and 12 rows."""
    return ["rare" if k % 10 == 0 else "some" if k % 5 == 1 else "common" for k in range(120)]


def test_each_row_is_tested_once_a_repeat(targets: list[str]) -> None:
    folds = make_folds(KEYS, alone(120), targets)
    assert len(folds) == REPEATS * FOLDS
    assert len({fold.name for fold in folds}) == 10
    for repeat in range(REPEATS):
        tested = Counter(
            row for fold in folds if fold.repeat == repeat for row, held in enumerate(fold.sets) if held == "test"
        )
        assert tested == Counter(range(120))


def test_the_sets_have_their_sizes_and_every_class(targets: list[str]) -> None:
    for fold in make_folds(KEYS, alone(120), targets):
        assert 22 <= sizes(fold)["test"] <= 26
        assert 16 <= sizes(fold)["validation"] <= 20
        for split in ("train", "validation", "test"):
            counts = Counter(target for target, held in zip(targets, fold.sets, strict=True) if held == split)
            assert set(counts) == {"rare", "some", "common"}, (fold.name, split)
        tested = Counter(target for target, held in zip(targets, fold.sets, strict=True) if held == "test")
        assert abs(tested["rare"] - 12 / FOLDS) < 1 and abs(tested["common"] - 84 / FOLDS) < 2


def test_the_two_repeats_are_two_different_deals(targets: list[str]) -> None:
    folds = make_folds(KEYS, alone(120), targets)
    tests = [{row for row, held in enumerate(fold.sets) if held == "test"} for fold in folds]
    largest = max(len(one & two) for one in tests[:FOLDS] for two in tests[FOLDS:])
    assert largest <= 14


def test_a_group_lies_in_one_set_of_each_part(targets: list[str]) -> None:
    groups = [k // 4 for k in range(120)]
    for fold in make_folds(KEYS, groups, targets):
        held: dict[int, set[str]] = {}
        for group, split in zip(groups, fold.sets, strict=True):
            held.setdefault(group, set()).add(split)
        assert all(len(splits) == 1 for splits in held.values())
        assert 20 <= sizes(fold)["test"] <= 28 and sizes(fold)["validation"] >= 12


def test_the_order_of_the_rows_and_the_numbers_of_the_groups_do_not_matter(targets: list[str]) -> None:
    groups = [k // 2 for k in range(120)]
    folds = make_folds(KEYS, groups, targets)
    turned = make_folds(KEYS[::-1], [1000 - group for group in groups[::-1]], targets[::-1])
    assert [fold.sets for fold in folds] == [fold.sets[::-1] for fold in turned]


def test_a_few_rows_more_leave_most_rows_in_their_fold(targets: list[str]) -> None:
    before = make_folds(KEYS, alone(120), targets)
    more = [*KEYS, "zz1", "zz2", "zz3"]
    after = make_folds(more, alone(123), [*targets, "common", "some", "common"])
    stayed = [
        sum(one == two for one, two in zip(old.sets, new.sets, strict=False)) / 120
        for old, new in zip(before, after, strict=True)
    ]
    assert min(stayed) > 0.6


def test_training_is_served_before_validation() -> None:
    """A class of two groups: while one is tested the other is trained on; else one validates."""
    targets = ["two"] * 2 + ["many"] * 118
    held = [set(fold.sets[:2]) for fold in make_folds(KEYS, alone(120), targets)]
    assert held.count({"train", "test"}) == 4 and held.count({"train", "validation"}) == 6


def test_one_large_group_is_not_validation() -> None:
    targets = ["a" if k % 2 else "b" for k in range(120)]
    groups = [0] * 50 + list(range(1, 71))
    for fold in make_folds(KEYS, groups, targets):
        assert fold.sets[0] != "validation"
        assert 1 <= sizes(fold)["validation"] <= 27


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match="4 groups, too few for 5 folds"):
        make_folds(KEYS, [k % 4 for k in range(120)], ["a", "b"] * 60)
    folds = make_folds(KEYS, [k % 5 for k in range(120)], ["a", "a", "a", "b", "b"] * 24)
    assert all(min(sizes(fold)[split] for split in ("train", "validation", "test")) == 24 for fold in folds)


def test_a_class_that_could_not_be_learned_beside_another_is_refused() -> None:
    groups = [0] * 60 + list(range(1, 61))
    with pytest.raises(DataError, match="would learn 1 class only"):
        make_folds(KEYS, groups, ["a"] * 60 + ["b"] * 60)


@pytest.mark.parametrize("rows_each", [1, 7, 29, 37, 49])
def test_no_part_has_enough_for_a_temperature_so_the_model_on_all_rows_lacks_none(rows_each: int) -> None:
    """Where parts could fit one, the shipped model would need one too (`corridor/closing/shipping.py`)."""
    most = FEWER_ROWS - 1
    groups = [k // rows_each for k in range(most)]
    keys = [f"key{number:03d}" for number in range(most)]
    for targets in ([], ["ab"[k % 2] for k in range(most)]):
        assert max(sizes(fold)["validation"] for fold in make_folds(keys, groups, targets)) < LEAST_EXAMPLES
