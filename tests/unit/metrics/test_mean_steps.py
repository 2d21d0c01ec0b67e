"""How many steps answers are off, of labels that have an order."""

from __future__ import annotations

import pytest

from sintonia.metrics import adding, asked_for
from sintonia.metrics.mean_steps import NAME, mean_steps
from sintonia.metrics.table import METRICS

ORDER = ("bad", "fair", "good", "great")


def test_a_mistake_costs_its_steps() -> None:
    metric = mean_steps(ORDER)
    assert metric.function(["bad", "good", "great"], ["great", "good", "good"]) == pytest.approx(4 / 3)
    assert metric.function(["bad"], ["something else"]) == 3.0
    assert metric.function(["something else"], ["something else"]) == 0.0
    assert metric.goodness(1.0) < metric.goodness(0.5)


def test_accuracy_is_blind_to_what_it_sees() -> None:
    near, far = ["fair", "bad"], ["great", "great"]
    accuracy = METRICS["accuracy"]
    assert accuracy.function(["bad", "fair"], near) == accuracy.function(["bad", "fair"], far)
    assert mean_steps(ORDER).function(["bad", "fair"], near) < mean_steps(ORDER).function(["bad", "fair"], far)


def test_it_is_there_for_a_run_that_asks() -> None:
    assert NAME not in METRICS
    with adding(*asked_for(None, None, (1, 2, 3))):
        assert METRICS[NAME].function(["1"], ["3"]) == 2.0
    assert NAME not in METRICS
