"""The words: the answer, goals that can be reached and that cannot, the order of advice."""

from __future__ import annotations

import pytest

from sintonia.adjust.curve import Asked, Known, fit_curve, learning_curve, too_few
from sintonia.adjust.curve.telling import advice_of, told_curve, told_goal
from sintonia.records import Interval, Shortfall
from tests.unit.adjust.curve.planted import planted_curve

STEEP, FLAT = (0.05, 0.15, 0.6), (0.2, 0.002, 0.5)
SHORT = Shortfall(
    column="class",
    value="refund",
    num_examples=20,
    num_train=9,
    error=Interval(value=0.5, low=0.3, high=0.7),
    other_error=0.1,
    adjusted_p=0.001,
)


def _asked(known: Known | None = None, goal: float | None = None) -> Asked:
    return Asked(
        subject="probe",
        metric="accuracy",
        num_train=800,
        num_validation=170,
        known=known or Known(tuned=0.9),
        missing=(SHORT,),
        goal=goal,
    )


def test_a_curve_is_told_whole() -> None:
    curve = learning_curve(planted_curve(STEEP), _asked(goal=0.85))
    assert curve.answer == "yes"
    assert curve.told[0].startswith("YES, twice the examples (1,600) would gain about")
    assert "the goal of 85 % accuracy needs about" in curve.told[1]
    assert any("with 1,600 examples about" in line and "with 3,200 about" in line for line in curve.told)
    assert any("the tuned model at 90% on validation" in line for line in curve.told)
    assert curve.advice[-1].startswith("where examples are missing, collect those first: class refund: 50% wrong")
    assert curve.band[-1].num_examples == 3_200
    assert curve.measure == "1 - accuracy"


def test_of_one_training_a_size_it_is_said_what_the_intervals_leave_out() -> None:
    luck = "one training a size: the luck of a seed is not in the intervals"
    once, five = (fit_curve(planted_curve(STEEP, num_draws=number), 800) for number in (1, 5))
    assert luck in told_curve(once, "fine-tune")
    assert luck not in told_curve(five, "fine-tune") and luck not in told_curve(five, "probe")


@pytest.mark.parametrize(
    ("goal", "told"),
    [
        (0.5, "is reached already"),
        (0.85, "needs about"),
        (0.93, "more than 4 times the 800 examples"),
    ],
)
def test_goals(goal: float, told: str) -> None:
    assert told in told_goal(fit_curve(planted_curve((0.0, 0.2, 0.5), num_scored=3_000), 800), goal)


def test_a_goal_beyond_the_floor_is_said_to_be_out_of_reach() -> None:
    words = told_goal(fit_curve(planted_curve((0.2, 0.02, 1.0), num_scored=4_000), 800), 0.95)
    assert "flattens at about" in words and "will not get there" in words


def test_the_goal_is_within_its_range() -> None:
    words = told_goal(fit_curve(planted_curve((0.05, 0.15, 0.5), num_scored=4_000), 800), 0.85)
    low, high = words.rpartition("(")[2].rstrip(")").replace(",", "").split(" to ")
    assert int(low) <= 1_800  # .05 + .15 (n / 800)^-.5 = .15 at n = 1,800
    assert high == "more than 3200" or int(high) >= 1_800


def test_labels_come_before_training_and_training_before_examples() -> None:
    known = Known(noise_fraction=0.12, codes=frozenset({"T203"}))
    advice = advice_of("yes", known, (SHORT,), is_chat=False)
    starts = ("correct the labels first: about 12%", "mend the training first (T203)", "label more", "where examples")
    assert all(line.startswith(start) for line, start in zip(advice, starts, strict=True))
    assert advice_of("yes", Known(noise_fraction=0.03), (), is_chat=True)[0].startswith("collect more")
    assert "T211" in advice_of("can't tell", Known(codes=frozenset({"T211"})), (), is_chat=True)[0]
    assert "another base" in advice_of("no", Known(), (), is_chat=False)[0]


def test_too_few_examples_say_how_many_are_needed() -> None:
    curve = too_few(_asked(), num_labels=3)
    assert curve.answer == "can't tell"
    assert curve.told[0].startswith("CAN'T TELL: a curve needs four sizes from 40 examples on")
    assert curve.points == () and curve.floor is None
