"""Out-of-fold class probabilities in closed form, and the planted-error test that says how far to trust them.

Arrays in, arrays out: it knows no text and no finding, decides no severity and never changes a label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
PLANTED_FRACTION = 0.05
LOOKS_AS_WRONG = 0.9
_PLANTED_AT_LEAST = 600
_MOST_ROUNDS = 15
_PLANTING = 7_312_041
"""Part of the seed: planted errors must not fall on rows that somebody drew with the same plain seed."""
_RIDGE = 1.0
_QUANTILES = (0.3, 0.5, 0.7)
"""Where the errors already there are measured to correct the area; the least of them, so as not to flatter."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PlantedTest:
    """What became of labels that were made wrong on purpose (science.md 3.2)."""

    auc: float
    """Chance that a planted error looks wronger than another label, whatever that is worth."""
    corrected_auc: float
    """The same against right labels. Errors that were there before cannot be told from planted ones: with 20 % of them
    a perfect scorer would show .90, and .80 with two classes."""
    looks_wrong_below: float
    """Nine in ten planted errors have a given label of this probability or less."""
    noise_range: tuple[float, float]
    """Share of all labels that are wrong, by how many look as wrong as half, and as nine in ten, of the planted."""

    @property
    def noise_fraction(self) -> float:
        """The middle of the range: what is hard makes the upper end too high, what errors share the lower too low."""
        return sum(self.noise_range) / 2


def assign_folds(groups: Integers, targets: Integers, seed: int) -> Integers:
    """A fold for each row: groups stay together, and each class is spread as evenly as its groups allow."""
    names, first, index = np.unique(groups, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    by_class = shuffled[np.argsort(targets[first][shuffled], kind="stable")]
    fold_of_name = np.empty(len(names), dtype=np.int64)
    fold_of_name[by_class] = np.arange(len(names)) % FOLDS
    return fold_of_name[index]


class OutOfFold:
    """Ridge regression on one-hot labels, refitted at once for other labels: only the labels change, not the folds."""

    def __init__(self, features: NDArray[np.float32], folds: Integers, num_classes: int) -> None:
        self._num_classes = num_classes
        self._folds = [self._prepare(features, folds, fold) for fold in np.unique(folds)]
        self._num_rows = len(folds)

    @staticmethod
    def _prepare(features: NDArray[np.float32], folds: Integers, fold: int) -> tuple[Integers, ...]:
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        centre = features[inside].mean(axis=0)
        known, new = features[inside] - centre, features[outside] - centre
        gram = (known.T @ known).astype(np.float64) + _RIDGE * np.eye(known.shape[1])
        return inside, outside, known, new, np.linalg.inv(gram)

    def probabilities(self, targets: Integers) -> Floats:
        """(rows, classes): softmax of the out-of-fold scores, its temperature fitted to the given labels."""
        scores = np.zeros((self._num_rows, self._num_classes))
        for inside, outside, known, new, inverse in self._folds:
            one_hot = np.zeros((len(inside), self._num_classes), dtype=np.float32)
            one_hot[np.arange(len(inside)), targets[inside]] = 1.0
            share = one_hot.mean(axis=0)
            scores[outside] = new @ (inverse @ (known.T @ (one_hot - share))) + share
        return _calibrated(scores, targets)


def planted_test(model: OutOfFold, targets: Integers, num_classes: int, seed: int) -> PlantedTest:
    """Makes 5 % of the labels wrong, in memory, a few times over, and looks whether they stand out."""
    count = max(2, round(PLANTED_FRACTION * len(targets)))
    rounds = min(_MOST_ROUNDS, max(2, math.ceil(_PLANTED_AT_LEAST / count)))
    planted, others = [], []
    for turn in range(rounds):
        generator = np.random.default_rng((seed, turn, _PLANTING))
        rows = generator.choice(len(targets), count, replace=False)
        changed = targets.copy()
        changed[rows] = (changed[rows] + generator.integers(1, num_classes, count)) % num_classes
        confidence = given_confidence(model.probabilities(changed), changed)
        planted.append(confidence[rows])
        others.append(np.delete(confidence, rows))
    wrong, rest = np.sort(np.concatenate(planted)), np.sort(np.concatenate(others))
    area = _area(wrong, rest)
    already = min(_share_below(rest, wrong, quantile) for quantile in _QUANTILES)
    already /= 1 + already / (num_classes - 1)
    # An error planted on a wrong label may make it right, so not all that were planted are errors.
    planted_wrong = 1 - already / (num_classes - 1)
    ends = [_share_below(rest, wrong, quantile * planted_wrong) * planted_wrong for quantile in (0.5, LOOKS_AS_WRONG)]
    return PlantedTest(
        auc=area,
        corrected_auc=min(1.0, 0.5 + (area - 0.5) / max(planted_wrong - already, 0.1)),
        looks_wrong_below=float(np.quantile(wrong, LOOKS_AS_WRONG * planted_wrong)),
        noise_range=(min(ends), max(ends)),
    )


def _share_below(rest: Floats, wrong: Floats, quantile: float) -> float:
    """Share of `rest` below a quantile of `wrong`, as if all of it were of that kind."""
    below = np.searchsorted(rest, np.quantile(wrong, quantile), side="right") / len(rest)
    return min(1.0, float(below) / quantile)


def given_confidence(probabilities: Floats, targets: Integers) -> Floats:
    """Probability of the given label of each row."""
    return np.asarray(probabilities[np.arange(len(targets)), targets])


def _area(low: Floats, high: Floats) -> float:
    """Chance that a value of `low` is below one of `high`, both sorted; ties count half."""
    below = np.searchsorted(high, low, side="left")
    equal = np.searchsorted(high, low, side="right") - below
    return float(1 - (below + equal / 2).mean() / len(high))


def _calibrated(scores: Floats, targets: Integers) -> Floats:
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(targets))
    scores = scores - scores.max(axis=1, keepdims=True)

    def loss(log_scale: float) -> float:
        scaled = scores * math.exp(log_scale)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, targets]).mean())

    best = minimize_scalar(loss, bounds=(-3.0, 6.0), method="bounded", options={"xatol": 0.01})
    weights = np.exp(scores * math.exp(best.x))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
