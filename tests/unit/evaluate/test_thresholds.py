"""Thresholds of sets of labels: where they help, where they would do harm, and that they are told without looking."""

from __future__ import annotations

import numpy as np
import pytest

from sintonia.evaluate.scoring.thresholds import LEAST_WITH_LABEL, cross_fitted, fit_thresholds


def f1(logits: np.ndarray, targets: np.ndarray) -> float:
    said = logits > 0
    return float(2 * (said & targets).sum() / max(said.sum() + targets.sum(), 1))


def made(count: int, shift: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Two labels that logits follow; all logits are `shift` too low. Each example is a group."""
    randomness = np.random.default_rng(seed)
    targets = randomness.random((count, 2)) < (0.4, 0.2)
    logits = np.where(targets, 2.0, -2.0) + randomness.normal(size=(count, 2))
    return logits - shift, targets, list(range(count))


def test_logits_that_are_too_low_are_found_again() -> None:
    logits, targets, groups = made(400, shift=5.0)
    assert f1(logits, targets) < 0.1
    assert f1(logits + fit_thresholds(logits, targets, groups), targets) > 0.9
    assert f1(cross_fitted(logits, targets, groups), targets) > 0.9
    assert fit_thresholds(logits, targets, groups) == pytest.approx([5.0, 5.0], abs=1.5)


def test_where_even_odds_are_right_little_is_moved() -> None:
    logits, targets, groups = made(400, shift=0.0)
    assert np.abs(fit_thresholds(logits, targets, groups)).max() < 0.5


def test_few_examples_move_nothing() -> None:
    logits, targets, groups = made(99, shift=5.0)
    assert not fit_thresholds(logits, targets, groups).any()
    logits, targets, groups = made(200, shift=5.0)
    assert not fit_thresholds(logits, np.zeros_like(targets), groups).any()


def test_one_label_that_is_too_low_is_moved_alone_if_enough_groups_have_it() -> None:
    logits, targets, groups = made(400, shift=0.0)
    logits[:, 1] -= 4.0
    offsets = fit_thresholds(logits, targets, groups)
    assert offsets[1] == pytest.approx(4.0, abs=1.5) and abs(offsets[0]) < 1.5
    few = np.flatnonzero(targets[:, 1])[: LEAST_WITH_LABEL - 1]
    targets[:, 1] = np.isin(np.arange(400), few)
    assert fit_thresholds(logits, targets, groups)[1] == fit_thresholds(logits, targets, groups)[0]


def test_a_label_that_the_model_misses_in_one_group_is_not_answered_everywhere() -> None:
    logits, targets, groups = made(200, shift=0.0)
    targets[:, 1] = np.arange(200) < 25
    logits[:, 1] = np.where(targets[:, 1], -6.0, -4.0)
    shared = [0 if k < 25 else k for k in groups]
    assert f1(cross_fitted(logits, targets, shared), targets) > f1(logits, targets) - 0.02
    assert not fit_thresholds(logits, targets, shared).any()


def test_cross_fitting_shows_no_gain_where_there_is_none() -> None:
    randomness = np.random.default_rng(0)
    logits, targets = randomness.normal(size=(300, 20)) - 2.0, randomness.random((300, 20)) < 0.05
    groups = list(range(300))
    inside = f1(logits + fit_thresholds(logits, targets, groups), targets)
    assert f1(cross_fitted(logits, targets, groups), targets) <= inside


def test_groups_stay_whole_and_nothing_is_changed_in_place() -> None:
    logits, targets, _ = made(300, shift=4.0)
    kept = logits.copy()
    moved = cross_fitted(logits, targets, [k // 2 for k in range(300)])
    assert (logits == kept).all()
    steps = (moved - logits).round(9)
    assert (steps[::2] == steps[1::2]).all()
    assert len(np.unique(steps[:, 0])) > 1
