"""Columns of dates: read in one order, refused where two fit."""

from __future__ import annotations

import doctest

import pytest

from sintonia.errors import DataError
from sintonia.prepare import times
from sintonia.prepare.times import clocks_of
from sintonia.settings import DataSettings
from tests.unit.prepare.bench import Bench, many_rows


def test_the_examples_of_the_documentation_are_true() -> None:
    assert doctest.testmod(times).failed == 0


@pytest.mark.parametrize(
    ("texts", "name", "seconds"),
    [
        (["1970-01-02"], "ISO 8601", 86_400.0),
        (["1970-01-02T00:00:00+01:00"], "ISO 8601", 82_800.0),
        (["31/01/1970 12:30"], "day first", 30 * 86_400.0 + 45_000.0),
        (["31.01.1970"], "day first", 30 * 86_400.0),
        (["01-31-1970"], "month first", 30 * 86_400.0),
        (["1970/01/31"], "year first", 30 * 86_400.0),
        (["12.5", "3"], "number", 12.5),
    ],
)
def test_each_order_is_known(texts: list[str], name: str, seconds: float) -> None:
    ((found, clock),) = clocks_of(texts).items()
    assert (found, clock(texts[0])) == (name, seconds)


def test_what_holds_no_times_has_no_clock() -> None:
    assert clocks_of(["soon", "later", "2024-01-01"]) == {}
    assert clocks_of(["nan", "inf"]) == {}
    assert clocks_of([]) == {}


def _rows(bench: Bench, days: list[str]) -> DataSettings:
    rows = [{**row, "day": days[number % len(days)]} for number, row in enumerate(many_rows(400))]
    return DataSettings(path=str(bench.write(rows)), time="day")


def test_italian_dates_order_the_rows(bench: Bench) -> None:
    data = _rows(bench, [f"{1 + day:02d}/{1 + month:02d}/2024" for month in range(12) for day in range(28)])
    bench.prepare_data(data)
    assert {one.place.file for one in bench.sets()["test"]} == {"rows.jsonl"}
    assert bench.set_aside() == []


@pytest.mark.parametrize(
    ("days", "said"),
    [(["03/04/2024", "05/06/2024"], "read day first or month first"), (["soon"], "neither dates nor numbers")],
)
def test_dates_that_are_not_certain_are_refused_once(bench: Bench, days: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        bench.prepare_data(_rows(bench, days))
    assert len(str(caught.value)) < 400


def test_a_number_among_dates_is_set_aside(bench: Bench) -> None:
    data = _rows(bench, [*(f"2024-03-{day:02d}" for day in range(1, 20)), "1700000000"])
    bench.prepare_data(data)
    assert {one.reason for one in bench.set_aside()} == {"`day` holds no date or number like the others"}
    assert len(bench.set_aside()) == 20
