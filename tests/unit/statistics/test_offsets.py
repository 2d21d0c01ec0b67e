"""Offsets raise the metric where classes are rare, and are seldom taken for better where nothing is to be gained."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import hstack

from sintonia.adjust.combine import pick
from sintonia.metrics import METRICS
from sintonia.records import Combination, TriedCombination
from sintonia.statistics import cluster_bootstrap
from sintonia.statistics.offsets import cross_fitted_answers, fit_offsets

MACRO_F1 = METRICS["macro_f1"]


def planted(seed: int, shares: tuple[float, ...], count: int, signal: float = 1.1):
    """Logits of a well fitted model of Gaussian classes that overlap, and the targets; without a signal, of noise."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(len(shares), size=count, p=shares)
    targets[: len(shares)] = np.arange(len(shares))
    seen = signal * np.eye(len(shares))[targets] + rng.normal(size=(count, len(shares)))
    return (signal * seen + np.log(shares) if signal else seen), targets, np.array(shares)


def scorer(targets: np.ndarray):
    """Macro-F1, as the metric has it, by counting positions: the fits ask for it some hundred times."""

    def score(rows: np.ndarray, answers: np.ndarray) -> float:
        goal = targets[rows]
        num_hits, num_goal, num_said = (np.bincount(one, minlength=9) for one in (goal[goal == answers], goal, answers))
        return float((2 * num_hits / np.maximum(num_goal + num_said, 1))[num_goal > 0].mean())

    return score


def kept(logits: np.ndarray, targets: np.ndarray, shares: np.ndarray) -> tuple[float, bool]:
    """What offsets gain on examples they were not fitted on, and whether that is enough to keep them."""
    groups = [str(k // 2) for k in range(len(targets))]
    answers = cross_fitted_answers(logits, shares, groups, scorer(targets))
    names = targets.astype(str).tolist()
    before, after = (MACRO_F1.counts(names, one.astype(str).tolist()) for one in (logits.argmax(axis=1), answers))
    width = before.shape[1]

    def difference(totals: np.ndarray) -> np.ndarray:
        return MACRO_F1.from_counts(totals[:, width:]) - MACRO_F1.from_counts(totals[:, :width])

    found = cluster_bootstrap(hstack([before, after]), groups, difference, 400)
    tried = TriedCombination(
        combination=Combination(kind="thresholds", turns=(1,)),
        value=0.0,
        gain=found.estimate,
        standard_error=found.standard_error(),
    )
    return found.estimate, pick([tried]).wins


def test_the_quick_score_is_the_metric() -> None:
    logits, targets, _ = planted(0, (0.7, 0.2, 0.1), 90)
    answers = logits.argmax(axis=1)
    expected = MACRO_F1.function(targets.astype(str).tolist(), answers.astype(str).tolist())
    assert scorer(targets)(np.arange(90), answers) == pytest.approx(expected)


@pytest.mark.parametrize("shares", [(0.92, 0.08), (0.6, 0.3, 0.06, 0.04)])
def test_rare_classes_gain(shares: tuple[float, ...]) -> None:
    found = [kept(*planted(seed, shares, 1500)) for seed in range(10)]
    assert np.mean([gain for gain, _ in found]) > 0.03
    assert np.mean([is_kept for _, is_kept in found]) >= 0.5


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.3, 0.25, 0.23, 0.22)])
@pytest.mark.parametrize("signal", [1.1, 0.0])
def test_little_is_kept_where_nothing_is_to_gain(shares: tuple[float, ...], signal: float) -> None:
    found = [kept(*planted(seed, shares, 300, signal)) for seed in range(30)]
    assert np.mean([is_kept for _, is_kept in found]) <= 0.1


def test_no_offset_is_the_choice_among_equals() -> None:
    logits = np.array([[3.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 3.0]])
    targets = np.array([0, 0, 1, 1])
    assert fit_offsets(logits, np.array([0.5, 0.5]), scorer(targets)).tolist() == [0.0, 0.0]


def test_two_classes_get_a_threshold_and_more_a_correction_for_rarity() -> None:
    logits, targets, shares = planted(0, (0.9, 0.1), 400, 1.0)
    offsets = fit_offsets(logits, shares, scorer(targets))
    assert offsets[1] > 0 and offsets.sum() == pytest.approx(0.0)
    logits, targets, shares = planted(1, (0.7, 0.25, 0.05), 400, 1.0)
    offsets = fit_offsets(logits, shares, scorer(targets))
    assert offsets[0] == 0.0 and 0 < offsets[1] < offsets[2]
    assert offsets[2] / offsets[1] == pytest.approx(np.log(14) / np.log(2.8))


def test_groups_stay_whole_and_answers_are_those_of_other_folds() -> None:
    logits, targets, shares = planted(3, (0.9, 0.1), 200)
    every = cross_fitted_answers(logits, shares, ["one"] * len(targets), scorer(targets))
    assert (every == logits.argmax(axis=1)).all()
