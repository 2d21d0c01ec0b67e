"""E12-E15 of science.md: planted label errors are found and counted; nothing is claimed where it cannot be known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sintonia.prepare import write_smart_home
from sintonia.prepare.checks.d127_label_errors import CLAIM_AUC, LIST_AUC, REVIEWED, Suspects, check_label_errors
from sintonia.records import Finding, Place
from sintonia.statistics.label_noise import OutOfFold, assign_folds

SEEDS = range(20)
NUM_CLASSES = 8


def clusters(seed: int, spread: float, num_classes: int = NUM_CLASSES, count: int = 1600):
    """Unit features in Gaussian clusters, and their classes; a larger spread makes a harder task."""
    generator = np.random.default_rng((seed, 11))
    centres = generator.normal(size=(num_classes, 48))
    targets = generator.integers(0, num_classes, count)
    features = centres[targets] + spread * generator.normal(size=(count, 48))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), targets


def flipped(targets: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which some are another at random, and which ones."""
    generator = np.random.default_rng((seed, 12))
    is_wrong = np.zeros(len(targets), dtype=bool)
    is_wrong[generator.choice(len(targets), round(fraction * len(targets)), replace=False)] = True
    num_classes = int(targets.max()) + 1
    shift = generator.integers(1, num_classes, len(targets))
    return np.where(is_wrong, (targets + shift) % num_classes, targets), is_wrong


def examined(features: np.ndarray, targets: np.ndarray, groups=None) -> tuple[tuple[Finding, ...], Suspects]:
    places = [Place(file="rows.jsonl", line=line) for line in range(1, len(targets) + 1)]
    findings, suspects = check_label_errors(features, targets, groups or range(len(targets)), places)
    assert suspects is not None
    return findings, suspects


def out_of_fold_accuracy(features: np.ndarray, targets: np.ndarray, groups=None) -> float:
    numbers = np.unique(groups, return_inverse=True)[1] if groups else np.arange(len(targets))
    folds = assign_folds(numbers, targets, 0)
    probabilities = OutOfFold(features, folds, int(targets.max()) + 1).probabilities(targets)
    return float((probabilities.argmax(axis=1) == targets).mean())


def precision_and_recall(suspects: Suspects, is_wrong: np.ndarray) -> tuple[float, float]:
    found = is_wrong[suspects.positions]
    return float(found.mean()), float(found.sum() / is_wrong.sum())


@pytest.mark.parametrize("fraction", [0.05, 0.10, 0.20])
def test_e12_planted_errors_are_found_and_counted(fraction: float):
    figures = []
    for seed in SEEDS:
        features, targets = clusters(seed, spread=0.9)
        noisy, is_wrong = flipped(targets, fraction, seed)
        findings, suspects = examined(features, noisy)
        assert [one.severity for one in findings] == ["warning"] and "look wrong" in findings[0].message
        assert suspects.noise_fraction is not None
        precision, recall = precision_and_recall(suspects, is_wrong)
        first = is_wrong[suspects.positions[: int(is_wrong.sum())]].mean()
        figures.append((precision, recall, first, suspects.noise_fraction - fraction))
    precision, recall, first, error = np.array(figures).T
    assert precision.mean() >= 0.90 and recall.mean() >= 0.80 and first.mean() >= 0.90
    assert (precision >= 0.90).sum() >= 19 and (np.abs(error) <= 0.03).all()
    assert out_of_fold_accuracy(*clusters(0, spread=0.9)) >= 0.95


def test_e13_clean_labels_are_left_alone():
    for seed in SEEDS:
        findings, suspects = examined(*clusters(seed, spread=0.9))
        assert len(suspects.positions) <= 0.01 * 1600
        assert all(one.severity == "note" and "hardly any labels look wrong" in one.message for one in findings)


@pytest.mark.parametrize("fraction", [0.0, 0.10])
def test_e14_no_percentage_is_claimed_on_a_hard_task(fraction: float):
    for seed in SEEDS:
        features, targets = clusters(seed, spread=5.0, num_classes=4)
        assert out_of_fold_accuracy(features, targets) < 0.75
        noisy, _ = flipped(targets, fraction, seed)
        findings, suspects = examined(features, noisy)
        assert suspects.auc < LIST_AUC and suspects.noise_fraction is None
        assert len(suspects.positions) == REVIEWED
        assert findings[0].severity == "note" and "cannot tell wrong labels from hard ones" in findings[0].message
        assert "about" not in findings[0].message


@pytest.mark.parametrize("is_dropped", [True, False], ids=["dropped", "fixed"])
def test_e15_cleaning_does_not_lower_validation_accuracy(is_dropped: bool):
    not_worse, better = 0, 0
    for seed in SEEDS:
        features, targets = clusters(seed, spread=1.1, count=1000)
        train, validation = np.arange(600), np.arange(600, 1000)
        noisy, _ = flipped(targets[train], 0.20, seed)
        _, suspects = examined(features[train], noisy)
        kept = np.setdiff1d(train, suspects.positions) if is_dropped else train
        cleaned = noisy.copy()
        cleaned[suspects.positions] = suspects.suggested
        before = _accuracy(features, (train, noisy), validation, targets)
        after = _accuracy(features, (kept, cleaned[kept]), validation, targets)
        not_worse += after >= before
        better += after > before
    assert not_worse >= 18 and better >= 10


def _accuracy(features, learned, validation, targets) -> float:
    from sklearn.linear_model import LogisticRegression

    rows, labels = learned
    model = LogisticRegression(C=10.0, max_iter=300).fit(features[rows], labels)
    return float((model.predict(features[validation]) == targets[validation]).mean())


def test_errors_of_one_kind_are_counted_too():
    """Real errors are not spread evenly: here each class is taken for the next. The upper end of the range is right."""
    for seed in range(5):
        features, targets = clusters(seed, spread=0.9)
        is_wrong = np.random.default_rng((seed, 13)).random(len(targets)) < 0.10
        _, suspects = examined(features, np.where(is_wrong, (targets + 1) % NUM_CLASSES, targets))
        precision, recall = precision_and_recall(suspects, is_wrong)
        assert suspects.noise_range is not None and abs(suspects.noise_range[1] - 0.10) <= 0.03
        assert precision >= 0.90 and recall >= 0.80


def test_copies_of_a_wrong_row_do_not_hide_it():
    features, targets = clusters(3, spread=0.9, count=400)
    noisy, is_wrong = flipped(targets, 0.10, 3)
    copied, labels, wrong = np.tile(features, (8, 1)), np.tile(noisy, 8), np.tile(is_wrong, 8)
    _, together = examined(copied, labels, list(range(400)) * 8)
    _, apart = examined(copied, labels, list(range(3200)))
    assert precision_and_recall(together, wrong)[1] >= 0.80
    assert precision_and_recall(apart, wrong)[1] < 0.60


@pytest.mark.slow
def test_e12_and_e13_with_the_real_base_on_smart_home_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    write_smart_home(tmp_path / "commands.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "commands.jsonl").read_text(encoding="utf-8").splitlines()]
    intents = [row["intent"] for row in rows]
    common = sorted(set(intents), key=lambda name: (-intents.count(name), name))[:8]
    rows = [row for row in rows if row["intent"] in common]
    features = _minilm_features([row["text"] for row in rows])
    targets = np.array([common.index(row["intent"]) for row in rows])
    groups = [row["template"] for row in rows]
    assert out_of_fold_accuracy(features, targets, groups) >= 0.95
    _, clean = examined(features, targets, groups)
    assert len(clean.positions) <= 0.01 * len(rows) and clean.auc >= CLAIM_AUC
    for fraction in (0.05, 0.10, 0.20):
        figures = []
        for seed in SEEDS:
            noisy, is_wrong = flipped(targets, fraction, seed)
            _, suspects = examined(features, noisy, groups)
            assert suspects.noise_fraction is not None and abs(suspects.noise_fraction - fraction) <= 0.03
            figures.append(precision_and_recall(suspects, is_wrong))
        precision, recall = np.mean(figures, axis=0)
        assert precision >= 0.90 and recall >= 0.80, (fraction, precision, recall)


def _minilm_features(texts: list[str]) -> np.ndarray:
    from sintonia.models.catalog import find_entry
    from sintonia.models.forward import compute_features
    from sintonia.models.pooled import load_encoder, load_tokenizer
    from sintonia.models.sources import fetch
    from sintonia.models.tokens import tokenize

    folder = fetch(find_entry("minilm"))
    return compute_features(load_encoder(folder), tokenize(load_tokenizer(folder), texts, 128).ids)
