"""Scores of frozen features: held to slow references that share no code with them, and to what they must find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.covariance import LedoitWolf

from sintonia.choose.ranking.scores import h_score, log_me, probe_correct


def clouds(num_texts: int, width: int, distance: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes around points that lie so far apart, with noise of one in each direction."""
    rng = np.random.default_rng(seed)
    targets = np.arange(num_texts) % 3
    centres = rng.normal(size=(3, width))
    centres *= distance / np.linalg.norm(centres, axis=1, keepdims=True)
    return centres[targets] + rng.normal(size=(num_texts, width)), targets


def slow_log_me(features: np.ndarray, targets: np.ndarray) -> float:
    """The evidence of Bayesian linear regression with dense matrices, its greatest value found by scipy."""
    num_texts, width = features.shape

    def minus_evidence(logs: np.ndarray, goal: np.ndarray) -> float:
        alpha, beta = np.exp(logs)
        precision = alpha * np.eye(width) + beta * features.T @ features
        mean = beta * np.linalg.solve(precision, features.T @ goal)
        inside = beta * ((features @ mean - goal) ** 2).sum() + alpha * mean @ mean
        total = width * np.log(alpha) + num_texts * np.log(beta / (2 * np.pi)) - np.linalg.slogdet(precision)[1]
        return float(-(total - inside) / 2 / num_texts)

    found = []
    for one in np.unique(targets):
        goal = (targets == one).astype(float)
        starts = [(0.0, 0.0), (3.0, 1.0), (6.0, 2.0)]
        found.append(-min(minimize(minus_evidence, start, args=(goal,), method="Nelder-Mead").fun for start in starts))
    return float(np.mean(found))


@pytest.mark.parametrize(("num_texts", "width"), [(120, 8), (40, 60)])
def test_log_me_is_the_greatest_evidence(num_texts: int, width: int) -> None:
    features, targets = clouds(num_texts, width, 4.0)
    assert log_me(features, targets) == pytest.approx(slow_log_me(features, targets), abs=2e-3)


def direct_h_score(features: np.ndarray, targets: np.ndarray) -> float:
    """The plain one, class by class, as in its paper."""
    fitted = LedoitWolf().fit(features)
    centre, between = features.mean(axis=0), np.zeros((features.shape[1],) * 2)
    for one in np.unique(targets):
        away = features[targets == one].mean(axis=0) - centre
        between += (targets == one).sum() * np.outer(away, away) / (len(features) - 1)
    assert 0.01 < fitted.shrinkage_ < 1  # else a forgotten factor would not show
    return float(np.trace(np.linalg.inv(fitted.covariance_) @ between) * (1 - fitted.shrinkage_))


@pytest.mark.parametrize(("num_texts", "width"), [(90, 12), (40, 60)])
def test_the_h_score_is_that_of_direct_matrices_beyond_labels_that_change_places(num_texts: int, width: int) -> None:
    features, targets = clouds(num_texts, width, 3.0, seed=2)
    generator = np.random.default_rng(0)
    chance = np.mean([direct_h_score(features, generator.permutation(targets)) for _ in range(1000)])
    expected = (direct_h_score(features, targets) - chance) / (2 - chance)
    assert h_score(features, targets) == pytest.approx(expected, abs=0.02) and expected > 0.2


def bent(width: int, distance: float, targets: np.ndarray, seed: int) -> np.ndarray:
    """Features whose spread falls as in real ones, with classes this far apart in the first of them."""
    generator = np.random.default_rng(seed)
    centres = np.zeros((targets.max() + 1, width))
    centres[:, :20] = generator.normal(size=(len(centres), 20))
    centres *= distance / np.linalg.norm(centres, axis=1, keepdims=True)
    spread = np.arange(1, width + 1) ** -0.5
    return (generator.normal(size=(len(targets), width)) + centres[targets]) * spread


@pytest.mark.parametrize(("num_texts", "num_classes"), [(60, 4), (120, 4), (120, 16), (240, 16)])
def test_of_few_texts_wide_noise_never_beats_features_that_separate(num_texts: int, num_classes: int) -> None:
    """The plain score takes the noise, for its width; the other way round, width is no fault either."""
    targets = np.arange(num_texts) % num_classes
    plain, mended = 0, 0
    for seed in range(5):
        good, noise = bent(96, 1.5, targets, seed), bent(192, 0.0, targets, seed)
        plain += direct_h_score(good, targets) < direct_h_score(noise, targets)
        mended += h_score(good, targets) > h_score(noise, targets)
        wide_good, narrow_noise = bent(192, 3.0, targets, seed), bent(96, 0.0, targets, seed)
        assert h_score(wide_good, targets) > h_score(narrow_noise, targets)
        assert abs(h_score(noise, targets)) < 0.25
    assert mended == 5
    assert plain >= 3, "else this shows nothing"


@pytest.mark.parametrize("score", [h_score, log_me])
def test_what_separates_the_classes_scores_higher(score) -> None:
    near, targets = clouds(150, 10, 0.5)
    far, _ = clouds(150, 10, 5.0)
    shuffled = np.random.default_rng(3).permutation(targets)
    assert score(far, targets) > score(near, targets) > score(near, shuffled)
    assert score(far, targets) - score(far, shuffled) > 3 * (score(near, targets) - score(near, shuffled)) > 0


def test_the_probe_knows_held_out_texts_and_no_shuffled_label() -> None:
    features, targets = clouds(300, 10, 5.0)
    folds = np.arange(300) // 3 % 5
    shuffled = np.random.default_rng(1).permutation(targets)
    assert probe_correct(features, targets, folds, 3).mean() > 0.95
    assert probe_correct(features, shuffled, folds, 3).mean() < 0.45


def test_the_probe_does_not_see_the_fold_that_it_answers() -> None:
    """Each text has a direction of its own, and its twin is in the same fold: nothing can be carried over."""
    features = np.repeat(np.eye(30), 2, axis=0)
    targets = np.repeat(np.random.default_rng(0).integers(0, 2, 30), 2)
    together, apart = np.repeat(np.arange(30) % 5, 2), np.tile([0, 1], 30)
    assert probe_correct(features, targets, together, 2).mean() < 0.75
    assert probe_correct(features, targets, apart, 2).mean() == 1.0


def test_the_probe_is_the_same_whatever_the_scale_of_the_features() -> None:
    features, targets = clouds(120, 10, 1.5)
    folds = np.arange(120) // 3 % 5
    plain = probe_correct(features, targets, folds, 3)
    assert (plain == probe_correct(1000 * features + 7, targets, folds, 3)).all()


def test_features_that_say_nothing_give_numbers() -> None:
    targets = np.arange(20) % 2
    for features in (np.zeros((20, 4)), np.ones((20, 4))):
        assert h_score(features, targets) == pytest.approx(0.0, abs=1e-6)
        assert np.isfinite(log_me(features, targets))
        assert len(probe_correct(features, targets, targets * 0 + np.arange(20) % 5, 2)) == 20


def test_a_class_that_one_fold_alone_holds_is_wrong_there() -> None:
    features, targets = clouds(30, 5, 5.0)
    targets[:2], folds = 3, np.r_[[0, 0], np.arange(28) % 5]
    assert not probe_correct(features, targets, folds, 4)[:2].any()
