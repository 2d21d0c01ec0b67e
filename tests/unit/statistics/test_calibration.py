"""Calibration error, its floor, Brier score and temperature, against independent computations."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import brier_score_loss, log_loss

from sintonia.statistics.calibration import (
    as_logits,
    calibration_error,
    error_floor,
    fit_temperature,
    reliability,
    scaled_probabilities,
    squared_errors,
    tempered,
)


def drawn(seed: int, num_examples: int, scale: float = 1.0, num_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and targets drawn from their softmax; `scale` then multiplies the logits."""
    randomness = np.random.default_rng(seed)
    logits = randomness.normal(0, 1.5, (num_examples, num_classes))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.array([randomness.choice(num_classes, p=row) for row in chances])
    return scale * logits, targets


def plain_error(confidences: np.ndarray, is_correct: np.ndarray) -> float:
    """As `temperature_scaling.py` of Guo et al. computes it, bin by bin."""
    edges = np.linspace(0, 1, 16)
    total = 0.0
    for low, high in pairwise(edges.tolist()):
        is_in = (confidences > low) & (confidences <= high)
        if is_in.any():
            total += abs(confidences[is_in].mean() - is_correct[is_in].mean()) * is_in.mean()
    return total


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_that_of_the_reference(seed: int) -> None:
    randomness = np.random.default_rng(seed)
    sure = randomness.random(300)
    right = randomness.random(300) < sure**2
    assert calibration_error(sure, right) == pytest.approx(plain_error(sure, right), abs=1e-12)


def test_edges_belong_to_the_bin_below_and_zero_to_the_first() -> None:
    found = reliability([0.0, 1 / 15, 2 / 15, 1.0], [False, True, False, True])
    assert found.counts.tolist() == [2, 1, *[0] * 11, 0, 1]
    assert found.counts.sum() == 4


def test_confidences_that_are_none_are_refused() -> None:
    for wrong in ([], [1.2], [-0.1], [math.nan]):
        with pytest.raises(ValueError, match="confidence"):
            calibration_error(wrong, [True] * len(wrong))
    with pytest.raises(ValueError, match="answers"):
        calibration_error([0.5, 0.5], [True])


@pytest.mark.parametrize(("num_examples", "percentile"), [(200, 0.091), (1000, 0.042)])
def test_the_floor_falls_with_the_number_of_examples(num_examples: int, percentile: float) -> None:
    """The figures of science.md 1.8 are of another predictor: the size must agree, not the digits."""
    logits, _ = drawn(1, num_examples)
    sure = scaled_probabilities(logits, None).max(axis=1)
    assert error_floor(sure) == pytest.approx(percentile, rel=0.35)


def test_the_floor_is_the_percentile_of_drawn_answers() -> None:
    randomness = np.random.default_rng(3)
    sure = randomness.uniform(0.3, 1.0, 250)
    errors = [plain_error(sure, randomness.random(250) < sure) for _ in range(3000)]
    assert error_floor(sure, draws=3000) == pytest.approx(np.quantile(errors, 0.95), rel=0.04)
    assert error_floor(sure) == error_floor(sure)


def test_answers_of_one_example_are_drawn_together() -> None:
    """Twice the same answers are no more examples: the floor stays where it was."""
    sure = np.random.default_rng(4).uniform(0.3, 1.0, 200)
    once, twice = error_floor(sure), np.tile(sure, 2)
    assert error_floor(twice, np.tile(np.arange(200), 2)) == pytest.approx(once, abs=1e-12)
    assert error_floor(twice) < 0.85 * once


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_the_temperature_is_the_minimum(scale: float) -> None:
    logits, targets = drawn(5, 400, scale)

    def by_hand(logarithm: float) -> float:
        chances = np.exp(logits / math.exp(logarithm))
        return float(log_loss(targets, chances / chances.sum(axis=1, keepdims=True), labels=range(4)))

    plain = minimize_scalar(by_hand, bounds=(-1.2, 1.8), method="bounded", options={"xatol": 1e-10})
    found = fit_temperature(logits, targets)
    assert found.value is not None
    assert by_hand(math.log(found.value)) == pytest.approx(plain.fun, abs=1e-9)
    assert math.log(found.value) == pytest.approx(plain.x, abs=1e-6)
    assert by_hand(math.log(found.value)) <= plain.fun + 1e-14


def test_the_temperature_stays_within_its_bounds() -> None:
    logits = np.tile([4.0, 0.0], (120, 1))
    right, wrong = np.zeros(120, dtype=np.int64), np.ones(120, dtype=np.int64)
    assert fit_temperature(logits, right).value == pytest.approx(math.exp(-1.2))
    assert fit_temperature(logits, wrong).value == pytest.approx(math.exp(1.8))


def test_few_examples_give_no_temperature() -> None:
    logits, targets = drawn(6, 120)
    targets[:30] = -1  # classes that the model does not know
    assert fit_temperature(logits, targets).value is None
    assert fit_temperature(logits, targets).num_examples == 90
    assert fit_temperature(logits, np.maximum(targets, 0)).value is not None
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.full((120, 4), np.nan), np.maximum(targets, 0))


def test_a_temperature_changes_no_answer() -> None:
    logits, _ = drawn(7, 300, 3.0)
    assert (scaled_probabilities(logits, 2.7).argmax(axis=1) == logits.argmax(axis=1)).all()
    assert scaled_probabilities(logits, 2.7) == pytest.approx(scaled_probabilities(logits / 2.7, None), abs=1e-12)


def test_the_brier_score_is_that_of_scikit_learn() -> None:
    logits, targets = drawn(8, 200, 2.0)
    chances = scaled_probabilities(logits, None)
    brier = brier_score_loss(targets, chances, labels=range(4), scale_by_half=False)
    assert squared_errors(chances, targets).mean() == pytest.approx(brier, abs=1e-9)


def test_probabilities_are_tempered_as_their_logits_are() -> None:
    logits, _ = drawn(9, 50, 2.0)
    chances = scaled_probabilities(logits, None)
    assert tempered(chances, 1.7) == pytest.approx(scaled_probabilities(logits, 1.7), abs=1e-9)
    assert tempered(chances, None) is chances
    assert np.isfinite(as_logits(np.array([[1.0, 0.0]]))).all()


def test_a_class_the_model_does_not_know_costs_all_of_the_brier_score() -> None:
    chances = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert squared_errors(chances, np.array([-1, -1])).tolist() == [1.5, 2.0]
