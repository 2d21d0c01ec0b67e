"""The benchmark of learning curves: nothing leaks between its sets, and its figures are what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.curve import Rows, make_case, summary, true_gain


@pytest.fixture
def rows() -> Rows:
    """1,200 rows in groups of up to four."""
    generator = np.random.default_rng(0)
    groups = np.unique(generator.integers(0, 600, 1_200), return_inverse=True)[1]
    targets = generator.integers(0, 3, 1_200)
    features = generator.normal(size=(1_200, 4)).astype(np.float32)
    return Rows(
        texts=[str(k) for k in range(1_200)], targets=targets, groups=groups, labels=("a", "b", "c"), features=features
    )


def test_no_group_is_on_two_sides(rows: Rows) -> None:
    case = make_case(rows, 300, seed=0)
    assert case is not None
    assert len(case.visible) == 300
    assert len(case.hidden) >= 300
    parts = [set(rows.groups[one].tolist()) for one in (case.visible, case.validation, case.hidden, case.test)]
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_a_set_too_small_has_no_case(rows: Rows) -> None:
    assert make_case(rows, 800, seed=0) is None


def _cell(answer: str, told: float, then: float) -> dict[str, Any]:
    return {
        "n": 500,
        "num_test": 605,
        "answer": answer,
        "told": [told, told - 0.02, told + 0.02],
        "same": [0.30, then],
        "others": [0.32, then],
    }


def test_the_figures() -> None:
    cells = [_cell("yes", 0.25, 0.26), _cell("no", 0.27, 0.24), _cell("can't tell", 0.30, 0.30)]
    assert true_gain(cells[0]) == pytest.approx(0.05)
    found = summary(cells)
    assert found["mean_error_points"] == pytest.approx((1 + 3 + 0) / 3)
    assert found["bias_points"] == pytest.approx((-1 + 3 + 0) / 3)
    assert found["covered"] == pytest.approx(2 / 3)
    assert found["given"] == pytest.approx(2 / 3)
    assert found["right"] == pytest.approx(1 / 2)
    assert found["truly_yes"] == 2
