"""Metrics of embeddings against scikit-learn and scipy, and what they may read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import ndcg_score

from sintonia.metrics import METRICS
from sintonia.records import Scorecard


def _card(*predictions: str) -> Scorecard:
    blank = tuple("" for _ in predictions)
    return Scorecard(subject="x", split="test", scores=(), ids=predictions, targets=blank, predictions=predictions)


def _ranks_of(scores: np.ndarray, is_right: np.ndarray) -> str:
    order = np.argsort(-scores)
    return " ".join(str(int(k) + 1) for k in np.flatnonzero(is_right[order]))


def test_ndcg_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    scores, is_right = generator.random((40, 30)), generator.random((40, 30)) < 0.1
    is_right[:, 0] = True
    ranks = [_ranks_of(one, right) for one, right in zip(scores, is_right, strict=True)]
    assert METRICS["ndcg_at_10"].function([""] * 40, ranks) == pytest.approx(ndcg_score(is_right, scores, k=10))


def test_recall_counts_what_is_in_the_first_places() -> None:
    ranks = ["1", "2", "10 11", "11"]
    assert METRICS["recall_at_1"].function([""] * 4, ranks) == pytest.approx(1 / 4)
    assert METRICS["recall_at_10"].function([""] * 4, ranks) == pytest.approx((1 + 1 + 1 / 2 + 0) / 4)


def test_spearman_is_that_of_scipy_with_ties() -> None:
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 6, 200).astype(float)
    answers = targets + generator.normal(0, 2, 200).round(1)
    found = METRICS["spearman"].function([repr(float(one)) for one in targets], [repr(float(one)) for one in answers])
    assert found == pytest.approx(spearmanr(targets, answers).statistic, abs=1e-12)


def test_spearman_of_several_numbers_is_their_mean() -> None:
    targets, answers = ["1.0 3.0", "2.0 2.0", "3.0 1.0"], ["1.0 1.0", "2.0 2.0", "3.0 3.0"]
    assert METRICS["spearman"].function(targets, answers) == pytest.approx(0.0)


def test_one_answer_to_all_has_no_order() -> None:
    assert METRICS["spearman"].function(["1.0", "2.0", "3.0"], ["0.5"] * 3) == 0.0


def test_ranks_are_not_read_as_numbers_nor_numbers_as_ranks() -> None:
    ranks, cosines = _card("1", "2 5"), _card("0.5", "1.0")
    assert METRICS["ndcg_at_10"].answers(ranks) and not METRICS["spearman"].answers(ranks)
    assert METRICS["spearman"].answers(cosines) and not METRICS["recall_at_1"].answers(cosines)
