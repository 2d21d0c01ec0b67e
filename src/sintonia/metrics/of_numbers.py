"""Metrics of numbers: how far off, how much is explained, how well in line. All are pure.

Targets and predictions are texts with one number or several (`tasks/regress.py`); of several, the mean over them is
taken where each has the same unit or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics.metric import Array, Metric, check_lengths, mean_counts, mean_from_counts


def _values(texts: Sequence[Any]) -> Array:
    """Shape (examples, numbers)."""
    return np.array([[float(one) for one in str(text).split()] for text in texts], dtype=np.float64)


def _absolute(targets: Sequence[str], answers: Sequence[Any]) -> Any:
    check_lengths(targets, answers)
    return mean_counts(np.abs(_values(answers) - _values(targets)).mean(axis=1).tolist())


def _squared(targets: Sequence[str], answers: Sequence[Any]) -> Any:
    check_lengths(targets, answers)
    return mean_counts(((_values(answers) - _values(targets)) ** 2).mean(axis=1).tolist())


def _root(totals: Array) -> Array:
    return np.asarray(np.sqrt(mean_from_counts(totals)))


def _errors_and_moments(targets: Sequence[str], answers: Sequence[Any]) -> Any:
    """For each number: squared error, target, its square; and 1 at the end."""
    check_lengths(targets, answers)
    goal, said = _values(targets), _values(answers)
    columns = [part[:, k] for k in range(goal.shape[1]) for part in ((said - goal) ** 2, goal, goal**2)]
    return csr_array(np.column_stack([*columns, np.ones(len(goal))]))


def _explained(totals: Array) -> Array:
    count, parts = totals[..., -1], np.moveaxis(totals[..., :-1].reshape(*totals.shape[:-1], -1, 3), -1, 0)
    errors, total, squares = parts
    spread = squares - total**2 / count[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.where(spread > 1e-12, 1 - errors / spread, 0.0)
    return np.asarray(explained.mean(axis=-1))


def _products(goal: Array, said: Array) -> Any:
    """For each number: both, their squares and their product; and 1 at the end. Shifted and scaled, which changes no
    correlation, so that what does not vary is exactly 0."""
    goal, said = _standardised(goal), _standardised(said)
    columns = [part[:, k] for k in range(goal.shape[1]) for part in (goal, said, goal**2, said**2, goal * said)]
    return csr_array(np.column_stack([*columns, np.ones(len(goal))]))


def _standardised(values: Array) -> Array:
    spread, size = values.std(axis=0), np.abs(values).max(axis=0)
    varies = spread > 1e-9 * np.maximum(size, 1e-300)
    return np.asarray(np.where(varies, (values - values.mean(axis=0)) / np.where(varies, spread, 1.0), 0.0))


def _linear(targets: Sequence[str], answers: Sequence[Any]) -> Any:
    check_lengths(targets, answers)
    return _products(_values(targets), _values(answers))


def _correlation(totals: Array) -> Array:
    """The mean over the numbers; 0 where nothing varies."""
    count = totals[..., -1][..., None]
    goal, said, goal_squares, said_squares, products = np.moveaxis(
        totals[..., :-1].reshape(*totals.shape[:-1], -1, 5), -1, 0
    )
    shared = products - goal * said / count
    spread = (goal_squares - goal**2 / count) * (said_squares - said**2 / count)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(spread > 1e-18, shared / np.sqrt(np.maximum(spread, 1e-300)), 0.0)
    return np.asarray(np.clip(found, -1.0, 1.0).mean(axis=-1))


MEAN_ABSOLUTE_ERROR = Metric(
    name="mean_absolute_error",
    title="mean absolute error",
    counts=_absolute,
    from_counts=mean_from_counts,
    higher_is_better=False,
    range=(0.0, float("inf")),
    blind_to="whether the errors are many small ones or a few large ones, and to which side they go; of several "
    "numbers with different units, the one with the largest unit rules",
    is_mean_of_correct=False,
    reads="numbers",
    usual_margin=0.02,
    is_margin_relative=True,
    unit="plain",
)
ROOT_MEAN_SQUARED_ERROR = Metric(
    name="root_mean_squared_error",
    title="root mean squared error",
    counts=_squared,
    from_counts=_root,
    higher_is_better=False,
    range=(0.0, float("inf")),
    blind_to="whether one large error or many small ones make it, and to which side they go",
    is_mean_of_correct=False,
    reads="numbers",
    usual_margin=0.02,
    is_margin_relative=True,
    unit="plain",
)
R_SQUARED = Metric(
    name="r_squared",
    title="explained share of the variance (R squared)",
    counts=_errors_and_moments,
    from_counts=_explained,
    higher_is_better=True,
    range=(float("-inf"), 1.0),
    blind_to="how large the errors are in the unit of the numbers: it depends on how much the numbers differ",
    is_mean_of_correct=False,
    reads="numbers",
    unit="plain",
)
PEARSON = Metric(
    name="pearson",
    title="Pearson correlation",
    counts=_linear,
    from_counts=_correlation,
    higher_is_better=True,
    range=(-1.0, 1.0),
    blind_to="a scale or a shift that is wrong throughout: answers that are all twice too large correlate perfectly",
    is_mean_of_correct=False,
    reads="numbers",
    unit="plain",
)
