"""Calibration of scorecards: what the record holds, and when something is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sintonia.evaluate.inspect.calibration import calibrate, calibration_finding
from sintonia.evaluate.score import make_scorecard
from sintonia.records import Calibration, Example, Place, Scorecard
from sintonia.statistics.calibration import Temperature, calibration_error, scaled_probabilities, squared_errors

LABELS = ("a", "b", "c", "d")
PLACE = Place(file="a.csv", line=1)
FITTED = Temperature(value=1.4, num_examples=150)


def scored(scale: float, temperature: float | None = None, num_examples: int = 400, seed: int = 0) -> Scorecard:
    """The scorecard of a predictor whose logits are `scale` times what they should be."""
    randomness = np.random.default_rng(seed)
    logits = randomness.normal(0, 2.0, (num_examples, 4))
    goal = (logits + randomness.gumbel(size=logits.shape)).argmax(axis=1)
    chances = scaled_probabilities(scale * logits, temperature)
    rows = [Example(id=f"x{k}", input="", target=LABELS[one], group=f"x{k}", place=PLACE) for k, one in enumerate(goal)]
    card = make_scorecard("tuned", "test", rows, LABELS, chances)
    return replace(card, squared_errors=tuple(squared_errors(chances, goal).tolist()))


def calibrated(card: Scorecard, temperature: Temperature = FITTED, before: Scorecard | None = None) -> Calibration:
    found = calibrate(before, card, temperature)
    assert found is not None
    return found


def test_a_calibrated_model_is_left_alone() -> None:
    found = calibrated(scored(1.0))
    assert not found.is_miscalibrated
    assert calibration_finding(found) is None


def test_the_record_holds_what_the_scorecard_says() -> None:
    before, after = scored(3.0), scored(3.0, 3.0)
    found = calibrated(after, Temperature(value=3.0, num_examples=150), before)
    assert found.nll == pytest.approx(np.mean(after.losses))
    assert found.brier == pytest.approx(np.mean(after.squared_errors))
    assert (found.temperature, found.num_validation, found.num_examples) == (3.0, 150, 400)
    assert sum(one.num_examples for one in found.bins) == 400
    by_bins = sum(one.num_examples * abs(one.accuracy.value - one.confidence) for one in found.bins) / 400
    assert found.error == pytest.approx(by_bins, abs=1e-12)
    right = [a == b for a, b in zip(before.targets, before.predictions, strict=True)]
    assert found.raw_error == pytest.approx(calibration_error(before.confidences, right))
    assert found.raw_error > 3 * found.error
    assert all(one.low < one.confidence <= one.high + 1e-12 for one in found.bins)


def test_a_model_that_is_too_sure_is_named_with_its_numbers() -> None:
    said = calibration_finding(calibrated(scored(3.0)))
    assert said is not None
    assert (said.code, said.severity) == ("E311", "warning")
    assert "too sure" in said.message
    assert "does not hold" in said.hint


def test_a_model_that_is_not_sure_enough_is_named_too() -> None:
    said = calibration_finding(calibrated(scored(0.3)))
    assert said is not None
    assert "not sure enough" in said.message


def test_a_small_gap_is_a_note() -> None:
    found = calibrated(scored(1.35, num_examples=4000))
    said = calibration_finding(found)
    assert said is not None
    assert (said.severity, found.is_miscalibrated) == ("note", True)


def test_too_few_validation_examples_are_the_remedy() -> None:
    said = calibration_finding(calibrated(scored(3.0), Temperature(value=None, num_examples=60)))
    assert said is not None
    assert "60" in said.hint
    assert "100 or more" in said.hint


def test_of_several_models_no_number_of_validation_examples_is_told() -> None:
    found = calibrate(None, scored(3.0), None)
    assert found is not None and (found.temperature, found.num_validation) == (None, None)
    said = calibration_finding(found)
    assert said is not None and "no correction was learned" in said.hint and "0 examples" not in said.hint


def test_what_is_off_both_ways_is_not_called_too_sure() -> None:
    """Sure of what it knows least: the mean is right and the gaps are not."""
    sure = [0.95] * 200 + [0.55] * 200
    right = [True] * 110 + [False] * 90 + [True] * 190 + [False] * 10
    card = scored(1.0)
    answers = tuple(goal if is_right else "none of them" for goal, is_right in zip(card.targets, right, strict=True))
    said = calibration_finding(calibrated(replace(card, confidences=tuple(sure), predictions=answers)))
    assert said is not None
    assert "confidences are off" in said.message


def test_without_labels_or_confidences_there_is_nothing_to_tell() -> None:
    card = scored(1.0)
    assert calibrate(None, replace(card, confidences=()), FITTED) is None
    assert calibrate(None, replace(card, num_bytes=(3,) * 400), FITTED) is None


def test_a_card_without_squared_errors_has_no_brier_score() -> None:
    assert calibrated(replace(scored(1.0), squared_errors=())).brier is None


def test_repeats_of_an_example_are_no_more_evidence() -> None:
    card = scored(1.0, num_examples=200)
    columns = ("ids", "targets", "predictions", "losses", "confidences", "squared_errors")
    twice = replace(card, **{name: getattr(card, name) * 2 for name in columns})
    once, again = calibrated(card), calibrated(twice)
    assert (again.error, again.floor, again.num_examples) == pytest.approx((once.error, once.floor, 200))
