"""E4 and E26 on the audit alone: labels without signal block, rare classes are named and change the metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sintonia.prepare import prepare
from sintonia.prepare.checks.d110_label_signal import find_missing_signal, label_signal
from sintonia.records import Prepared
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from tests.tiny import write_rows
from tests.unit.prepare.bench import many_rows

SEEDS = 20


def _features(seed: int, spread: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """300 rows of four classes around their centres; `spread` 0 puts all centres in one place."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, 4, 300)
    centres = spread * generator.normal(size=(4, 64))
    features = centres[targets] + generator.normal(size=(300, 64))
    return features.astype(np.float32), targets, [str(k) for k in range(300)]


def test_e4_random_labels_block_and_true_ones_do_not() -> None:
    blocked = passed = 0
    for seed in range(SEEDS):
        features, targets, groups = _features(seed, spread=0.3)
        shuffled = np.random.default_rng(100 + seed).permutation(targets)
        found, none = (
            find_missing_signal(label_signal(features, labels, groups, 4), len(labels))
            for labels in (shuffled, targets)
        )
        blocked += [one.severity for one in found] == ["stop"]
        passed += none == ()
    assert blocked >= 19  # a test at 5 % lets one of twenty through
    assert passed == SEEDS


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))

    def run(labels: list[str]) -> Prepared:
        rows = [
            {"text": row["text"], "label": label} for row, label in zip(many_rows(len(labels)), labels, strict=True)
        ]
        recipe = Recipe(data=DataSettings(path=str(write_rows(tmp_path / "rows.jsonl", rows))))
        return prepare(recipe, RunFolder.create(tmp_path / "run", recipe), is_check=True)

    return run


@pytest.mark.parametrize("rare", [3, 12])
def test_e26_a_rare_class_is_named_and_macro_f1_is_the_metric(prepared, rare: int) -> None:
    found = prepared(["common"] * 300 + ["usual"] * (300 - rare) + ["seldom"] * rare)
    findings = {one.code: one for one in found.findings}
    assert found.primary_metric == "macro_f1"
    assert "`seldom`" in findings["D104"].message
    assert "collect" in findings["D104"].hint
    assert ("D105" in findings) == (rare == 3)


def test_e26_one_class_of_nearly_all_rows(prepared) -> None:
    found = prepared(["no"] * 520 + ["yes"] * 80)
    assert found.primary_metric == "macro_f1"
    assert "`yes`" in next(one for one in found.findings if one.code == "D104").message


def test_e26_even_classes_are_left_alone(prepared) -> None:
    found = prepared(["no"] * 350 + ["yes"] * 250)
    assert found.primary_metric == "accuracy"
    assert not {"D104", "D105"} & {one.code for one in found.findings}
