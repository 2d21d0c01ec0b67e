"""What is added to the logits of each class before the largest one is the answer (threshold moving, prior correction).

Pure functions on arrays. One number is fitted, however many classes there are: of two classes a threshold, of more the
strength of a correction for how common each class is (logit adjustment, Menon et al. 2021, arXiv 2007.07314). One free
number a class would fit the noise of the rare classes, of which validation holds a handful each. It says nothing about
probabilities: those stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Positions = NDArray[np.int64]
Score = Callable[[Positions, Positions], float]
"""(positions of some examples, answers to them) to a score of which more is better."""

NUM_FOLDS = 5
STRENGTHS = tuple(round(step / 10, 1) for step in range(-10, 21))
"""Of the correction: 0 is none, 1 makes all classes equally common, below 0 common ones are favoured."""
_MOST_THRESHOLDS = 64
_TIE = 1e-12


def fit_offsets(logits: Array, shares: Array, score: Score, chosen: Positions | None = None) -> Array:
    """The offsets (classes,) of the family that score best on the chosen examples, of equals those nearest to none.

    `logits` (examples, classes); `shares` (classes,) is how common each class is in training. Without `chosen` all
    examples are looked at.
    """
    rows = np.arange(len(logits)) if chosen is None else chosen
    family = sorted(_family(logits[rows], shares), key=lambda one: float(np.abs(one).sum()))
    best, highest = np.zeros(logits.shape[1]), -np.inf
    for offsets in family:
        found = score(rows, (logits[rows] + offsets).argmax(axis=1))
        if found > highest + _TIE:
            best, highest = offsets, found
    return best


def cross_fitted_answers(logits: Array, shares: Array, groups: Sequence[Hashable], score: Score) -> Positions:
    """The answers (examples,) with offsets that were fitted on other groups: what offsets give on new examples."""
    folds = folds_of(groups)
    answers = logits.argmax(axis=1)
    for fold in range(NUM_FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(inside) and len(outside):
            answers[outside] = (logits[outside] + fit_offsets(logits, shares, score, inside)).argmax(axis=1)
    return np.asarray(answers, dtype=np.int64)


def _family(logits: Array, shares: Array) -> list[Array]:
    if logits.shape[1] == 2:
        margins = np.unique(logits[:, 0] - logits[:, 1])
        between = (margins[1:] + margins[:-1]) / 2
        picked = np.unique(np.linspace(0, max(len(between) - 1, 0), _MOST_THRESHOLDS).round().astype(int))
        return [np.zeros(2), *(np.array([-one / 2, one / 2]) for one in between[picked[: len(between)]])]
    correction = np.log(np.maximum(shares, _TIE))
    rarity = np.where(shares > 0, correction.max() - correction, 0.0)
    return [strength * rarity for strength in STRENGTHS]


def folds_of(groups: Sequence[Hashable]) -> Positions:
    """Of each example its fold; groups stay whole, and folds have about as many of them."""
    position: dict[Hashable, int] = {}
    index = np.array([position.setdefault(one, len(position)) for one in groups])
    return np.asarray(np.random.default_rng(0).permutation(len(position))[index] % NUM_FOLDS, dtype=np.int64)
