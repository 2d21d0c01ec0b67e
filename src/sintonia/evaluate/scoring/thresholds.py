"""From what logit on each of several labels is answered, when an example may have any number of them.

Pure functions on arrays. Even odds are the threshold unless another one does better on examples that it was not fitted
on: first one that all labels share, then one for a label by itself, where enough groups have it. The best F1 score of a
label that the model cannot tell lies where everything is answered, so that what is not checked on other examples does
harm. Losses and probabilities know nothing of thresholds.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from sintonia.statistics.calibration import LEAST_EXAMPLES
from sintonia.statistics.offsets import NUM_FOLDS, folds_of

Array = NDArray[np.float64]
Claims = NDArray[np.bool_]

LEAST_WITH_LABEL = 10
"""Groups of examples that have a label, and as many that have it not, for a threshold of its own."""
LEAST_GAIN = 0.01
"""By how much F1 has to rise on other examples for a threshold to be moved."""


def fit_thresholds(logits: Array, targets: Claims, groups: Sequence[Hashable]) -> Array:
    """What to add to the logits (examples, labels) so that a label is answered above 0; (labels,).

    With fewer than 100 examples nothing is added.
    """
    offsets = np.zeros(logits.shape[1])
    if len(logits) < LEAST_EXAMPLES or not targets.any():
        return offsets
    folds, moved = folds_of(groups), np.array(logits, dtype=np.float64)
    columns = [part.reshape(-1, 1) for part in (logits, targets)]
    shared = _crossed(*columns, np.repeat(folds, logits.shape[1])).reshape(logits.shape)
    if _f1(shared, targets) >= _f1(moved, targets) + LEAST_GAIN:
        moved, offsets = shared, offsets - _best(logits.ravel(), targets.ravel())
    own = _crossed(logits, targets, folds)
    for label in np.flatnonzero(_have_enough(targets, groups)):
        if _f1(own[:, label], targets[:, label]) >= _f1(moved[:, label], targets[:, label]) + LEAST_GAIN:
            offsets[label] = -_best(logits[:, label], targets[:, label])
    return offsets


def cross_fitted(logits: Array, targets: Claims, groups: Sequence[Hashable]) -> Array:
    """The logits with thresholds that were fitted on other groups: what thresholds give on new examples."""
    folds, moved = folds_of(groups), np.array(logits, dtype=np.float64)
    for fold in range(NUM_FOLDS):
        outside = folds == fold
        if outside.any() and not outside.all():
            inside = [groups[k] for k in np.flatnonzero(~outside)]
            moved[outside] += fit_thresholds(logits[~outside], targets[~outside], inside)
    return moved


def _crossed(logits: Array, targets: Claims, folds: NDArray[np.int64]) -> Array:
    """The logits less the best threshold of each label on the other folds."""
    moved = np.array(logits, dtype=np.float64)
    for fold in range(NUM_FOLDS):
        outside = folds == fold
        for label in range(logits.shape[1]):
            if outside.any() and targets[~outside, label].any():
                moved[outside, label] -= _best(logits[~outside, label], targets[~outside, label])
    return moved


def _have_enough(targets: Claims, groups: Sequence[Hashable]) -> Claims:
    """Which labels enough groups have, and enough have not."""
    position: dict[Hashable, int] = {}
    index = np.array([position.setdefault(one, len(position)) for one in groups])
    num_with = np.zeros((len(position), targets.shape[1]))
    np.add.at(num_with, index, targets)
    groups_with = (num_with > 0).sum(axis=0)
    return np.asarray(np.minimum(groups_with, len(position) - groups_with) >= LEAST_WITH_LABEL)


def _f1(logits: Array, targets: Claims) -> float:
    answered = logits > 0
    return float(2 * (answered & targets).sum() / max(int(answered.sum() + targets.sum()), 1))


def _best(logits: Array, targets: Claims) -> float:
    """The threshold with the best F1 score, halfway between two logits; of equals the one nearest to 0."""
    order = np.argsort(-logits, kind="stable")
    ordered, hits = logits[order], np.cumsum(targets[order])
    scores = 2 * hits / (np.arange(1, len(order) + 1) + targets.sum())
    is_between = np.append(ordered[1:] < ordered[:-1], True)  # equal logits are answered together
    following = np.append(ordered[1:], ordered[-1] - 1.0)
    between = (ordered + following) / 2
    is_best = is_between & (scores >= scores[is_between].max() - 1e-12)
    candidates = between[is_best]
    return float(candidates[np.abs(candidates).argmin()])
