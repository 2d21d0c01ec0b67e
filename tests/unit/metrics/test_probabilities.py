"""Log loss and Brier score against scikit-learn, and the table of each class against scikit-learn and Wilson."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, confusion_matrix, log_loss, precision_recall_fscore_support

from sintonia.metrics import METRICS, confusions, per_class
from sintonia.statistics import clustered_wilson, wilson

Numbers = np.ndarray

LABELS = ["a", "b", "c", "never"]


def ungrouped(successes: Numbers, trials: Numbers) -> tuple[float, float]:
    return wilson(successes.sum(), trials.sum())


def drawn(seed: int, size: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (examples, 3), and targets drawn as positions."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([0.5, 0.5, 0.5], size=size)
    return probabilities, rng.integers(0, 3, size=size)


@pytest.mark.parametrize("seed", range(5))
def test_log_loss_and_brier_agree_with_scikit_learn(seed: int) -> None:
    probabilities, goal = drawn(seed)
    targets, rows = [LABELS[one] for one in goal], np.arange(len(goal))
    nats = (-np.log(np.maximum(probabilities[rows, goal], np.finfo(float).eps))).tolist()
    errors = ((probabilities - np.eye(3)[goal]) ** 2).sum(axis=1).tolist()
    expected = log_loss(goal, probabilities, labels=[0, 1, 2])
    assert METRICS["log_loss"].function(targets, nats) == pytest.approx(expected, abs=1e-9)
    expected = brier_score_loss(goal, probabilities, labels=[0, 1, 2], scale_by_half=False)
    assert METRICS["brier"].function(targets, errors) == pytest.approx(expected, abs=1e-9)


def test_losses_that_cannot_be_are_refused() -> None:
    for wrong in (float("nan"), float("inf"), -0.1):
        with pytest.raises(ValueError, match="finite"):
            METRICS["log_loss"].function(["a"], [wrong])
    for wrong in (float("nan"), 2.1, -0.1):
        with pytest.raises(ValueError, match="0 and 2"):
            METRICS["brier"].function(["a"], [wrong])


@pytest.mark.parametrize("seed", range(5))
def test_classes_agree_with_scikit_learn_and_wilson(seed: int) -> None:
    probabilities, goal = drawn(seed)
    targets, predictions = [LABELS[one] for one in goal], [LABELS[one] for one in probabilities.argmax(axis=1)]
    alone = [str(number) for number in range(len(targets))]
    rows = per_class(targets, predictions, LABELS, alone, ungrouped)
    expected = precision_recall_fscore_support(targets, predictions, labels=LABELS, zero_division=0)
    found = [[getattr(row, name).value for row in rows] for name in ("precision", "recall", "f1")]
    assert [row.label for row in rows] == LABELS
    assert np.allclose(found, expected[:3], atol=1e-9, rtol=0)
    assert [row.num_examples for row in rows] == expected[3].tolist()
    hits = sum(one == other == "a" for one, other in zip(targets, predictions, strict=True))
    ends = binomtest(hits, targets.count("a")).proportion_ci(method="wilson")
    assert (rows[0].recall.low, rows[0].recall.high) == pytest.approx((ends.low, ends.high), abs=1e-9)
    ends = binomtest(hits, predictions.count("a")).proportion_ci(method="wilson")
    assert (rows[0].precision.low, rows[0].precision.high) == pytest.approx((ends.low, ends.high), abs=1e-9)
    assert all(row.f1.low < row.f1.value < row.f1.high for row in rows[:3])


def test_a_class_of_nothing_says_nothing_and_strangers_come_last() -> None:
    rows = per_class(["a", "z"], ["a", "y"], ["b", "a"], ["1", "2"], clustered_wilson)
    assert [row.label for row in rows] == ["b", "a", "y", "z"]
    nothing = rows[0].recall
    assert (rows[0].num_examples, nothing.value, nothing.low, nothing.high) == (0, 0.0, 0.0, 1.0)


def test_examples_of_one_group_weigh_as_one() -> None:
    """Planted: sixty copies of one example are no sixty examples."""
    targets, predictions = ["a"] * 60, ["a"] * 60
    (alone,) = per_class(targets, predictions, ["a"], [str(number) for number in range(60)], clustered_wilson)
    (together,) = per_class(targets, predictions, ["a"], ["one"] * 60, clustered_wilson)
    assert alone.recall.low > 0.9 and together.recall.low < 0.3


def test_the_interval_of_f1_holds_what_it_promises() -> None:
    """True F1 by construction; 95 % of 400 simulated sets, give or take four standard errors."""
    rng, covered, size = np.random.default_rng(0), 0, 200
    chances = {("a", "a"): 0.3, ("a", "b"): 0.1, ("b", "a"): 0.05, ("b", "b"): 0.55}
    truth = 2 * 0.3 / (0.4 + 0.35)
    for _ in range(400):
        pairs = [list(chances)[one] for one in rng.choice(4, size=size, p=list(chances.values()))]
        targets, predictions = zip(*pairs, strict=True)
        alone = [str(number) for number in range(size)]
        f1 = per_class(targets, predictions, ["a"], alone, clustered_wilson)[0].f1
        covered += f1.low <= truth <= f1.high
    assert covered / 400 == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 400))


def test_confusions_are_the_largest_cells_off_the_diagonal() -> None:
    probabilities, goal = drawn(7)
    targets, predictions = [LABELS[one] for one in goal], [LABELS[one] for one in probabilities.argmax(axis=1)]
    cells = confusion_matrix(targets, predictions, labels=LABELS[:3])
    found = confusions(targets, predictions, most=2)
    expected = sorted((count for place, count in np.ndenumerate(cells) if place[0] != place[1]), reverse=True)[:2]
    assert [count for *_, count in found] == expected
    assert all(cells[LABELS.index(one), LABELS.index(other)] == count for one, other, count in found)
    assert confusions(["a"], ["a"]) == ()
