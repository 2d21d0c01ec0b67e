"""Linear classifiers with a closed form, out of fold: what can be fitted while a person waits a second.

Arrays in, arrays out: no text, no model, no finding. Rows are judged only by fits that have not seen them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SHRINKAGES = (0.1, 0.5)
"""Shares of the covariance that are made round: the lesser suits many rows, the greater few rows or weak features."""
_RIDGE = 1.0

Features = NDArray[np.float32]
Integers = NDArray[np.int64]


def discriminant_answers(features: Features, targets: Integers, folds: Integers, shrinkage: float) -> Integers:
    """The class that linear discriminant analysis gives each row out of its fold; shape (rows,).

    A linear probe of Gaussian classes with one covariance, shrunk towards a round one (Friedman, Regularized
    discriminant analysis, 1989). With many classes it is much nearer to logistic regression than ridge regression on
    one-hot labels: banking77, 2,000 rows: .85 against .87 and .81.
    """
    wide = features.astype(np.float32)
    wide = wide - wide.mean(axis=0)
    counts, sums = _by_class(wide, targets, int(targets.max()) + 1)
    gram, answers = _products(wide), np.zeros(len(targets), dtype=np.int64)
    for fold in np.unique(folds):
        outside = folds == fold
        less, away = _by_class(wide[outside], targets[outside], len(counts))
        held, known = counts - less, gram - _products(wide[outside])
        means = (sums - away) / np.maximum(held, 1.0)[:, None]
        within = (known - (means * held[:, None]).T @ means) / held.sum()
        width, spread = len(within), float(np.trace(within)) / len(within)
        within = (1 - shrinkage) * within + (shrinkage * spread + 1e-9) * np.eye(width)
        weights = np.linalg.solve(within, means.T)
        with np.errstate(divide="ignore"):
            bias = np.log(held / held.sum()) - 0.5 * np.einsum("kd,dk->k", means, weights)
        answers[outside] = (wide[outside] @ weights + bias).argmax(axis=1)
    return answers


def ridge_answers(words: Any, targets: Integers, folds: Integers) -> Integers:
    """The class that ridge regression on one-hot labels gives each row out of its fold; `words` is sparse.

    It works on products of rows with rows: their number, and not that of the words, is what it costs.
    """
    products, answers = (words @ words.T).toarray().astype(np.float64), np.zeros(len(targets), dtype=np.int64)
    one_hot = np.eye(int(targets.max()) + 1)[targets]
    for fold in np.unique(folds):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        share = one_hot[inside].mean(axis=0)
        known = products[np.ix_(inside, inside)] + _RIDGE * np.eye(len(inside))
        weights = np.linalg.solve(known, one_hot[inside] - share)
        answers[outside] = (products[np.ix_(outside, inside)] @ weights + share).argmax(axis=1)
    return answers


def _by_class(features: Features, targets: Integers, num_classes: int) -> tuple[NDArray[np.float64], ...]:
    """Rows of each class, and the sum of their features."""
    sums = np.zeros((num_classes, features.shape[1]))
    np.add.at(sums, targets, features)
    return np.bincount(targets, minlength=num_classes).astype(np.float64), sums


def _products(features: Features) -> NDArray[np.float64]:
    return (features.T @ features).astype(np.float64)
