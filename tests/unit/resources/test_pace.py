"""The time that is left is promised late enough to be true, and counts the validations to come."""

from __future__ import annotations

from sintonia.resources.pace import LEAST_STEPS, Pace


def _pace(*seconds: float) -> Pace:
    pace = Pace()
    for one in seconds:
        pace.stepped(one, 8)
    return pace


def test_nothing_is_promised_before_five_steps() -> None:
    assert LEAST_STEPS == 5
    assert _pace(*[1.0] * 4).seconds_left(10, 0) is None
    assert _pace(*[1.0] * 5).seconds_left(10, 0) == 10.0


def test_one_slow_step_does_not_change_the_promise() -> None:
    assert _pace(60.0, 1.0, 1.0, 1.0, 1.0).seconds_left(10, 0) == 10.0


def test_validations_to_come_are_counted() -> None:
    pace = _pace(*[1.0] * 5)
    for seconds in (3.0, 4.0, 100.0):
        pace.validated(seconds)
    assert pace.validation_seconds == 4.0
    assert pace.seconds_left(10, 2) == 18.0


def test_the_pace_is_that_of_the_recent_steps() -> None:
    pace = _pace(*[10.0] * 100, *[2.0] * 50)
    assert pace.seconds_left(1, 0) == 2.0
    assert pace.examples_per_second == 4.0
    assert Pace().examples_per_second == 0.0
