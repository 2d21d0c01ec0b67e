"""Metrics of sets of labels, held against scikit-learn on random sets and counted by hand on small ones."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from sintonia.metrics import METRICS

MICRO, MACRO, EXACT = (METRICS[name] for name in ("micro_f1_of_labels", "macro_f1_of_labels", "exact_sets"))
NAMES = np.array(["a", "b c", "d", "e"], dtype=object)


def written(rows: np.ndarray) -> list[str]:
    return [" ; ".join(NAMES[row]) for row in rows]


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_scikit_learn(seed: int) -> None:
    randomness = np.random.default_rng(seed)
    wanted, said = (randomness.random((40, 4)) < 0.4 for _ in range(2))
    wanted[0] = True  # each label is wanted somewhere
    targets, answers = written(wanted), written(said)
    assert MICRO.function(targets, answers) == pytest.approx(f1_score(wanted, said, average="micro", zero_division=0))
    assert MACRO.function(targets, answers) == pytest.approx(f1_score(wanted, said, average="macro", zero_division=0))
    assert EXACT.function(targets, answers) == pytest.approx((wanted == said).all(axis=1).mean())


def test_counts_of_examples_add_up() -> None:
    targets, answers = ["a ; d", "", "b c"], ["a", "d", "b c"]
    assert MICRO.counts(targets, answers).toarray().tolist() == [[2, 1, 1], [0, 1, 0], [1, 1, 1]]
    assert EXACT.hits(targets, answers) == (False, False, True)


def test_the_order_of_labels_says_nothing() -> None:
    assert EXACT.function(["a ; d"], ["d ; a"]) == 1.0


def test_where_nothing_is_wanted() -> None:
    assert MICRO.function(["", ""], ["", ""]) == 1.0
    assert MICRO.function(["", ""], ["a", ""]) == 0.0
    assert MACRO.function(["", ""], ["a", ""]) == 0.0
    assert EXACT.function(["", ""], ["a", ""]) == 0.5


def test_a_label_that_nobody_wants_costs_micro_and_not_macro() -> None:
    assert MACRO.function(["a", "a"], ["a", "a ; z"]) == 1.0
    assert MICRO.function(["a", "a"], ["a", "a ; z"]) == pytest.approx(0.8)


@pytest.mark.parametrize("metric", [MICRO, MACRO, EXACT], ids=lambda one: one.name)
def test_base_and_tuned_have_the_same_columns(metric) -> None:
    targets = ["a", "b c ; d"]
    assert metric.counts(targets, ["", ""]).shape == metric.counts(targets, ["a ; z", "q"]).shape
