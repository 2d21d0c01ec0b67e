"""The split: by groups, by near-copies, by hash, by record or by time; never by seed, never moved by later rows."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sintonia.prepare.audit import SETS
from sintonia.prepare.rows import Labelled, Rows
from sintonia.prepare.sets.recorded import Fractions, KeySets, Recorded
from sintonia.prepare.sets.split import SplitRows, Wish, fractions_for, split_rows


def _row(text: int, target: str, group: int | None = None, time: float = math.nan) -> Labelled:
    return Labelled(
        line=1,
        file="rows.csv",
        input=f"text {text}",
        target=target,
        text=f"text {text}",
        answer=target,
        text_key=f"{text + 1:016x}",
        group_key=None if group is None else f"{group + 1:016x}",
        time=time,
    )


_ROW = st.builds(_row, st.integers(0, 400), st.sampled_from("abcde"), st.none() | st.integers(0, 40))
_ROWS = st.lists(_ROW, min_size=1, max_size=150, unique_by=lambda row: (row.text_key, row.target))
_FEW = Fractions(validation=0.1, test=0.2)


def _split(
    rows: Sequence[Labelled], record: Recorded | None = None, clusters: Sequence[int] | None = None, **wish: str
) -> SplitRows:
    kept = Rows.keep(rows, has_classes=True)
    alone = np.arange(len(rows)) if clusters is None else np.array(clusters)
    return split_rows(kept, Wish(clusters=alone, recorded=record, **wish))


def _names(placed: SplitRows) -> list[str | None]:
    return [None if number < 0 else SETS[number] for number in placed.sets]


def _by_id(rows: list[Labelled], record: Recorded | None = None) -> dict[str, str | None]:
    return {row.id: split for row, split in zip(rows, _names(_split(rows, record)), strict=True)}


def _keys_of(row: Labelled) -> tuple[str, ...]:
    return (f"t{row.text_key}",) if row.group_key is None else (f"t{row.text_key}", f"g{row.group_key}")


def _known(**sets: str) -> KeySets:
    """`_known(_3="train")`: text or group 3 is in the training set."""
    keys = np.array([int(name[1:]) + 1 for name in sets], dtype=np.uint64)
    return KeySets.of(keys, np.array([SETS.index(split) for split in sets.values()]))


@given(rows=_ROWS)
def test_no_text_and_no_group_is_in_two_sets(rows: list[Labelled]) -> None:
    placed = _split(rows)
    sets_of: dict[str, set[str]] = defaultdict(set)
    for row, split, group in zip(rows, _names(placed), placed.groups, strict=True):
        for key in (*_keys_of(row), f"n{group}"):
            sets_of[key].add(str(split))
    assert [key for key, sets in sets_of.items() if len(sets) > 1] == []


@given(rows=_ROWS)
def test_a_first_split_places_every_row_and_trains_every_class(rows: list[Labelled]) -> None:
    placed = _split(rows)
    assert placed.bridging == placed.orphaned == {}
    assert None not in _names(placed)
    trained = {row.target for row, split in zip(rows, _names(placed), strict=True) if split == "train"}
    assert trained == {row.target for row in rows}


@given(rows=_ROWS, order=st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows: list[Labelled], order) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert _by_id(shuffled) == _by_id(rows)


@settings(max_examples=200)
@given(rows=_ROWS, later=_ROWS, is_before=st.booleans())
def test_added_rows_move_no_old_row(rows: list[Labelled], later: list[Labelled], is_before: bool) -> None:
    first = _split(rows)
    known = {row.id for row in rows}
    new = [row for row in later if row.id not in known]
    both = [*new, *rows] if is_before else [*rows, *new]
    now = _by_id(both, first.record)
    assert {row.id: now[row.id] for row in rows} == _by_id(rows)


@given(rows=_ROWS, later=_ROWS)
def test_with_a_record_nothing_leaks_and_nothing_is_lost(rows: list[Labelled], later: list[Labelled]) -> None:
    placed = _split(later, _split(rows).record)
    sets_of: dict[str, set[str]] = defaultdict(set)
    for position, (row, split) in enumerate(zip(later, _names(placed), strict=True)):
        assert (split is None) == (position in placed.bridging or position in placed.orphaned)
        for key in _keys_of(row) if split else ():
            sets_of[key].add(str(split))
    assert [key for key, sets in sets_of.items() if len(sets) > 1] == []


def test_a_row_between_two_sets_is_left_out() -> None:
    record = Recorded(fractions=_FEW, texts=_known(_1="train", _3="train"), groups=_known(_2="test"))
    placed = _split([_row(3, "a"), _row(1, "a", 2), _row(9, "a", 2)], record)
    assert list(placed.bridging) == [1]
    assert "test and train" in placed.bridging[1]
    assert _names(placed) == ["train", None, "test"]
    assert placed.orphaned == {}


def test_a_class_that_is_only_in_the_recorded_test_is_left_out() -> None:
    record = Recorded(fractions=_FEW, texts=_known(_1="test", _2="train"))
    placed = _split([_row(1, "rare"), _row(2, "common")], record)
    assert _names(placed) == [None, "train"]
    assert list(placed.orphaned) == [0]


@given(rows=_ROWS, size=st.integers(2, 6))
def test_near_copies_stay_together(rows: list[Labelled], size: int) -> None:
    placed = _split(rows, clusters=[position // size for position in range(len(rows))])
    sets_of: dict[int, set[str | None]] = defaultdict(set)
    for position, split in enumerate(_names(placed)):
        sets_of[position // size].add(split)
    assert all(len(sets) == 1 for sets in sets_of.values())


def test_a_near_copy_follows_the_recorded_row_and_one_of_two_sets_is_left_out() -> None:
    record = Recorded(fractions=_FEW, texts=_known(_1="test", _2="train", _3="train"))
    rows = [_row(1, "a"), _row(2, "a"), _row(3, "a"), _row(4, "a"), _row(5, "a")]
    follows = _split(rows, record, clusters=[0, 1, 2, 0, 1])
    assert _names(follows) == ["test", "train", "train", "test", "train"]
    torn = _split(rows, record, clusters=[0, 0, 2, 0, 2])
    assert _names(torn) == ["test", "train", "train", None, "train"]
    assert list(torn.bridging) == [3]


def test_new_rows_that_follow_two_sets_and_are_near_each_other_are_left_out() -> None:
    record = Recorded(fractions=_FEW, texts=_known(_1="test", _2="train"), groups=_known(_7="test", _8="train"))
    rows = [_row(1, "a"), _row(2, "a"), _row(3, "a", 7), _row(4, "a", 8)]
    placed = _split(rows, record, clusters=[0, 1, 2, 2])
    assert _names(placed) == ["test", "train", None, None]


def test_by_time_the_latest_rows_are_the_test_and_later_ones_join_it() -> None:
    rows = [_row(number, "ab"[number % 2], time=float(number * 37 % 1000)) for number in range(1000)]
    placed = _split(rows, time_column="day")
    times: dict[str | None, list[float]] = defaultdict(list)
    for row, split in zip(rows, _names(placed), strict=True):
        times[split].append(row.time)
    assert max(times["train"]) < min(times["validation"]) <= max(times["validation"]) < min(times["test"])
    assert abs(len(times["test"]) - 250) < 3
    later = [_row(5000 + number, "ab"[number % 2], time=2000.0 + number) for number in range(50)]
    again = _split([*rows, *later], placed.record, time_column="day")
    assert _names(again)[:1000] == _names(placed)
    assert set(_names(again)[1000:]) == {"test"}


def test_a_group_goes_where_its_latest_row_goes() -> None:
    rows = [_row(number, "ab"[number % 2], time=float(number)) for number in range(1000)]
    rows[5] = dataclasses.replace(rows[5], group_key=f"{1:016x}")
    rows[990] = dataclasses.replace(rows[990], group_key=f"{1:016x}")
    assert _names(_split(rows, time_column="day"))[5] == "test"


def test_a_class_of_few_groups_serves_training_then_test_then_validation() -> None:
    rows = [_row(number, "big") for number in range(200)]
    for count, expected in ((1, {"train"}), (2, {"train", "test"}), (3, {"train", "test", "validation"})):
        few = [_row(1000 + number, "few") for number in range(count)]
        assert set(_names(_split([*rows, *few]))[200:]) == expected


def test_sizes_follow_the_fractions() -> None:
    names = _names(_split([_row(number * 7919, "ab"[number % 2]) for number in range(10_000)]))
    assert abs(names.count("test") - 1500) < 110
    assert abs(names.count("validation") - 1000) < 90


def test_fractions_have_no_steps_and_follow_the_table() -> None:
    assert fractions_for(400) == Fractions(validation=0.15, test=0.25)
    assert fractions_for(8_000) == Fractions(validation=0.10, test=0.15)
    assert fractions_for(40_000) == Fractions(validation=0.025, test=0.05)
    for count in range(300, 30_000, 7):
        here, there = fractions_for(count), fractions_for(count + 7)
        assert 0 <= here.test - there.test < 0.005
        assert 0 <= here.validation - there.validation < 0.005
        assert here.test * count >= min(0.25 * count, 295)


def test_a_group_larger_than_the_test_goes_to_training() -> None:
    for number in range(20):
        rows = [_row(text, "ab"[text % 2], number) for text in range(500)]
        rows += [_row(1000 + text, "ab"[text % 2]) for text in range(500)]
        assert set(_names(_split(rows))[:500]) == {"train"}
