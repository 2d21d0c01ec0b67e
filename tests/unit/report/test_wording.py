"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from sintonia.records import Place
from sintonia.report import wording
from sintonia.report.page import coded, place_list


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (212, "3 min 32 s"),
        (3600, "1 h 0 min"),
        (7530, "2 h 6 min"),
    ],
)
def test_duration(seconds: float, shown: str) -> None:
    assert wording.duration(seconds) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        (0.312, "+31.2 points"),
        (-0.087, "−8.7 points"),
        (0.0, "0.0 points"),
        (-0.0001, "0.0 points"),
    ],
)
def test_points(fraction: float, shown: str) -> None:
    assert wording.points(fraction) == shown


def test_a_p_value_is_never_zero() -> None:
    assert wording.p_value(0.0) == "p\u00a0<\u00a00.0001" and wording.p_value(0.0132) == "p\u00a0=\u00a00.013"


@pytest.mark.parametrize(("num_bytes", "shown"), [(512, "512 bytes"), (190e6, "190 MB"), (1.314e9, "1.31 GB")])
def test_size(num_bytes: float, shown: str) -> None:
    assert wording.size(num_bytes) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (None, "none"),
        (5e-5, "5e-05"),
        (4.0, "4"),
        ({"input": "text"}, "input=text"),
        ({}, "none"),
    ],
)
def test_setting_value(value: object, shown: str) -> None:
    assert wording.setting_value(value) == shown


def test_counted_and_times() -> None:
    assert wording.counted(1, "example") == "1 example" and wording.counted(2185, "row") == "2,185 rows"
    assert [wording.times(number) for number in (1, 2, 4)] == ["once", "twice", "4 times"]


def test_metric_names() -> None:
    assert wording.metric_name("macro_f1") == "macro-F1" and wording.metric_name("accuracy") == "accuracy"


def test_places_name_a_file_once() -> None:
    places = tuple(Place(file="a.csv", line=line) for line in range(3, 11))
    assert place_list(places) == "a.csv:3, 4, 5, 6, 7, 8 and 2 more"
    assert place_list((Place(file="a.csv", line=1), Place(file="b.csv", line=2))) == "a.csv:1, b.csv:2"


def test_backticks_become_code_and_the_rest_is_escaped() -> None:
    assert coded("use `--task <x>` & go") == "use <code>--task &lt;x&gt;</code> &amp; go"
