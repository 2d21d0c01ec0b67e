"""Does the order of rows carry information beyond their labels? A permutation test, and the shape of the change.

It knows no clock: whether an order is that of time is for a person to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 499
_RIDGE = 1.0
_OWN_CLASS = 2.0
_BINS = 200
_MOST_STEPS = 3
_CLEAR = 6.0

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OrderTest:
    """Whether a row's place can be predicted from its text and label."""

    p_value: float
    correlation: float
    """Between the place in the order and its leave-one-out prediction."""
    shape: Literal["steady", "blocks", "unclear"]
    """Whether a line describes the change clearly better than up to four blocks do, or the other way round."""


def order_test(features: Any, codes: Integers, seed: int = 0) -> OrderTest:
    """Tests that features are independent of the order given the class; rows are in their order.

    `features` sparse or dense (rows, words) with unit rows, `codes` class of each row. Kernel ridge regression of the
    place within the class, with a part for each class of its own, so that a change of the relation between inputs
    and classes is seen too; leave-one-out in closed form. Places are shuffled within classes: a file sorted by
    class is as good as a shuffled one.
    """
    places = _places_within(codes)
    gram = features @ features.T
    kernel = np.asarray(gram.todense() if hasattr(gram, "todense") else gram, dtype=np.float64)
    kernel *= 1.0 + _OWN_CLASS * (codes[:, None] == codes[None, :])
    kernel[np.diag_indices_from(kernel)] += _RIDGE
    inverse = _inverse(kernel)
    spread = np.diag(inverse)
    generator = np.random.default_rng(seed)
    shuffled = np.stack([places, *(_shuffled_within(places, codes, generator) for _ in range(PERMUTATIONS))], axis=1)
    predicted = shuffled - (inverse @ shuffled) / spread[:, None]
    agreement = _correlations(predicted, shuffled)
    p_value = float((agreement >= agreement[0]).sum() / (PERMUTATIONS + 1))
    return OrderTest(p_value=p_value, correlation=float(agreement[0]), shape=_shape(predicted[:, 0]))


def _inverse(kernel: Floats) -> Floats:
    """Of a symmetric positive matrix, in half the time of any other."""
    from scipy.linalg import lapack

    upper, _ = lapack.dpotrf(kernel, overwrite_a=False)
    found, _ = lapack.dpotri(upper, overwrite_c=True)
    return np.asarray(np.triu(found) + np.triu(found, 1).T)


def _places_within(codes: Integers) -> Floats:
    """Rank of each row among those of its class, from -1/2 to 1/2; 0 where the class has one row."""
    places = np.zeros(len(codes))
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        if len(rows) > 1:
            places[rows] = np.linspace(-0.5, 0.5, len(rows))
    return places


def _shuffled_within(places: Floats, codes: Integers, generator: np.random.Generator) -> Floats:
    order = np.lexsort((generator.random(len(codes)), codes))
    shuffled = np.empty_like(places)
    shuffled[np.argsort(codes, kind="stable")] = places[order]
    return shuffled


def _correlations(first: Floats, second: Floats) -> Floats:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    norms = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
    return np.asarray((first * second).sum(axis=0) / np.maximum(norms, 1e-12))


def _shape(predicted: Floats) -> Literal["steady", "blocks", "unclear"]:
    """A line through the predicted places against one to three steps (BIC; a difference of 6 is strong)."""
    num_rows = len(predicted)
    bins = np.array_split(predicted, min(_BINS, num_rows))
    sizes = np.array([len(one) for one in bins], dtype=float)
    means = np.array([one.mean() for one in bins])
    within = float(sum(((one - one.mean()) ** 2).sum() for one in bins))
    middle = np.cumsum(sizes) - sizes / 2
    slope, height = np.polyfit(middle, means, 1, w=np.sqrt(sizes))
    line = num_rows * np.log(within + (sizes * (means - slope * middle - height) ** 2).sum()) + 2 * np.log(num_rows)
    steps = [
        num_rows * np.log(within + left) + 2 * count * np.log(num_rows)
        for count, left in enumerate(_step_residuals(sizes, means), start=1)
    ]
    if abs(line - min(steps)) < _CLEAR:
        return "unclear"
    return "steady" if line < min(steps) else "blocks"


def _step_residuals(sizes: Floats, means: Floats) -> list[float]:
    """Squares left unexplained by the best 1, 2 and 3 steps (dynamic programme over the bins)."""
    weight, total, squares = (
        np.concatenate([[0.0], np.cumsum(one)]) for one in (sizes, sizes * means, sizes * means**2)
    )
    ends = np.arange(len(sizes) + 1)
    begin, end = np.meshgrid(ends, ends, indexing="ij")
    held = np.maximum(weight[end] - weight[begin], 1e-12)
    cost = squares[end] - squares[begin] - (total[end] - total[begin]) ** 2 / held
    cost[end <= begin] = np.inf
    best = cost[0]
    left = []
    for _ in range(_MOST_STEPS):
        best = (best[:, None] + cost).min(axis=0)
        left.append(float(best[-1]))
    return left
