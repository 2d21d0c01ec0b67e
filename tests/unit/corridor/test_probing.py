"""Probes on made-up features: no example is scored by a probe that saw its group, and planted answers are found."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sintonia.adjust.curve import answer_of, fit_curve
from sintonia.corridor.growing.probing import Ground, held_out, probe_curve, probe_sizes


def make_ground(num_train: int = 400, spread: float = 2.0, metric: str = "accuracy", seed: int = 0) -> Ground:
    """Three clouds in 30 dimensions; the wider they are, the more examples it takes to tell them apart."""
    generator = np.random.default_rng(seed)
    count = num_train + num_train // 5
    centres = generator.normal(size=(3, 30))
    targets = generator.integers(0, 3, count)
    features = (centres[targets] + spread * generator.normal(size=(count, 30))).astype(np.float32)
    return Ground(
        features=features / np.linalg.norm(features, axis=1, keepdims=True),
        targets=targets,
        groups=np.arange(count) // 2,
        num_train=num_train,
        labels=("a", "b", "c"),
        metric=metric,
    )


def test_no_group_is_fitted_to_and_scored() -> None:
    ground = make_ground()
    draws = list(held_out(ground))
    assert len(draws) == 30
    for kept, scored in draws:
        assert not set(ground.groups[kept].tolist()) & set(ground.groups[scored].tolist())
        assert set(range(400, 480)) <= set(scored.tolist())
        assert kept.max() < 400


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss", "brier"])
def test_errors_fall_with_examples(metric: str) -> None:
    ground = make_ground(metric=metric)
    measured = probe_curve(ground)
    errors = measured.errors()[0]
    assert measured.sizes.tolist() == pytest.approx(probe_sizes(ground), abs=2)  # whole groups of two
    assert errors[-1] < errors[0]
    assert fit_curve(measured, 400).is_relative == (metric in ("log_loss", "brier"))


def test_wrong_labels_leave_nothing_to_gain() -> None:
    ground = make_ground(num_train=800)
    shuffled = np.random.default_rng(1).permutation(ground.targets)
    answer, _ = answer_of(fit_curve(probe_curve(dataclasses.replace(ground, targets=shuffled)), 800))
    assert answer != "yes"


def test_same_seed_same_curve() -> None:
    first, again, other = (probe_curve(make_ground(), seed).errors().tolist() for seed in (0, 0, 1))
    assert first == again != other
