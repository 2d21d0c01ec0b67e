"""The split: by groups, by hash, by record; never by seed, never moved by rows that come later."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from sintonia.prepare.examples import Labelled
from sintonia.prepare.split import Fractions, Recorded, fractions_for, keys_of, split_rows


def _row(text: int, target: str, group: int | None = None, line: int = 1) -> Labelled:
    return Labelled(
        line=line,
        input=f"text {text}",
        target=target,
        text_key=f"{text:016x}",
        group_key=None if group is None else f"{group:016x}",
    )


_ROW = st.builds(_row, st.integers(0, 400), st.sampled_from("abcde"), st.none() | st.integers(0, 40))
_ROWS = st.lists(_ROW, min_size=1, max_size=150, unique_by=lambda row: (row.text_key, row.target))


def _by_id(rows: list[Labelled], record: Recorded | None = None) -> dict[str, str | None]:
    placed = split_rows(rows, record)
    return {row.id: split for row, split in zip(rows, placed.sets, strict=True)}


@given(rows=_ROWS)
def test_no_text_and_no_group_is_in_two_sets(rows: list[Labelled]) -> None:
    placed = split_rows(rows, None)
    sets_of: dict[str, set[str]] = defaultdict(set)
    for row, split, group in zip(rows, placed.sets, placed.groups, strict=True):
        for key in (*keys_of(row), group):
            sets_of[key].add(str(split))
    assert [key for key, sets in sets_of.items() if len(sets) > 1] == []


@given(rows=_ROWS)
def test_a_first_split_places_every_row_and_trains_every_class(rows: list[Labelled]) -> None:
    placed = split_rows(rows, None)
    assert placed.bridging == placed.orphaned == {}
    assert None not in placed.sets
    trained = {row.target for row, split in zip(rows, placed.sets, strict=True) if split == "train"}
    assert trained == {row.target for row in rows}


@given(rows=_ROWS, order=st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows: list[Labelled], order) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert _by_id(shuffled) == _by_id(rows)


@settings(max_examples=200)
@given(rows=_ROWS, later=_ROWS, is_before=st.booleans())
def test_added_rows_move_no_old_row(rows: list[Labelled], later: list[Labelled], is_before: bool) -> None:
    first = split_rows(rows, None)
    known = {row.id for row in rows}
    new = [row for row in later if row.id not in known]
    both = [*new, *rows] if is_before else [*rows, *new]
    now = _by_id(both, first.record)
    assert {row.id: now[row.id] for row in rows} == _by_id(rows)


@given(rows=_ROWS, later=_ROWS)
def test_with_a_record_nothing_leaks_and_nothing_is_lost(rows: list[Labelled], later: list[Labelled]) -> None:
    placed = split_rows(later, split_rows(rows, None).record)
    sets_of: dict[str, set[str]] = defaultdict(set)
    for position, (row, split) in enumerate(zip(later, placed.sets, strict=True)):
        assert (split is None) == (position in placed.bridging or position in placed.orphaned)
        for key in keys_of(row) if split else ():
            sets_of[key].add(str(split))
    assert [key for key, sets in sets_of.items() if len(sets) > 1] == []


def test_a_row_between_two_sets_is_left_out() -> None:
    record = Recorded(
        fractions=Fractions(validation=0.1, test=0.2),
        sets={f"t:{1:016x}": "train", f"g:{2:016x}": "test", f"t:{3:016x}": "train"},
    )
    placed = split_rows([_row(3, "a"), _row(1, "a", 2), _row(9, "a", 2)], record)
    assert list(placed.bridging) == [1]
    assert "test and train" in placed.bridging[1]
    assert placed.sets == ("train", None, "test")
    assert placed.orphaned == {}


def test_a_class_that_is_only_in_the_recorded_test_is_left_out() -> None:
    record = Recorded(
        fractions=Fractions(validation=0.1, test=0.2), sets={f"t:{1:016x}": "test", f"t:{2:016x}": "train"}
    )
    placed = split_rows([_row(1, "rare"), _row(2, "common")], record)
    assert placed.sets == (None, "train")
    assert list(placed.orphaned) == [0]


def test_a_class_of_few_groups_serves_training_then_test_then_validation() -> None:
    rows = [_row(number, "big") for number in range(200)]
    for count, expected in ((1, {"train"}), (2, {"train", "test"}), (3, {"train", "test", "validation"})):
        few = [_row(1000 + number, "few") for number in range(count)]
        placed = split_rows([*rows, *few], None)
        assert set(placed.sets[200:]) == expected


def test_sizes_follow_the_fractions() -> None:
    placed = split_rows([_row(number, "ab"[number % 2]) for number in range(10_000)], None)
    assert abs(placed.sets.count("test") - 1500) < 110
    assert abs(placed.sets.count("validation") - 1000) < 90


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
        assert set(split_rows(rows, None).sets[:500]) == {"train"}
