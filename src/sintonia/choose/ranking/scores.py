"""How well frozen features carry labels, without training: H-score, LogME, a probe. Pure functions of arrays.

They know no model, no text and no file. Features are float arrays (texts, width), targets int arrays (texts,).
"""

from __future__ import annotations

import warnings

import numpy as np

PROBE_STRENGTH = 10.0
"""Inverse regularisation of the probe; the features are brought to one scale first, so that it means the same."""
NUM_FOLDS = 5
_MOST_ROUNDS, _STILL = 11, 1e-3
"""Of the fixed point of LogME: most rounds, and the relative change from which on it stands still."""
_TINY, _LEAST = 1e-5, 1e-12
_NO_DIRECTION = 1e-10
"""Squared singular values below this share of the largest one are rounding."""


def h_score(features: np.ndarray, targets: np.ndarray) -> float:
    """The regularised H-score beyond chance: the share of the spread that lies between the classes; 1 at most.

    tr(pinv(S) (1 - shrink) G), with S the covariance shrunk by Ledoit and Wolf and G the covariance of the class
    means: Ibrahim, Ponomareva, Mazumder, Newer is not always better, ECML PKDD 2022; `hscore.py` of transformer-ranker.
    Of few texts labels at random have much of it, the more the wider the features are: of 240 texts in 16 classes, 192
    features of noise had more than 96 that separate them. So what labels get on average when they change places is
    taken off, exactly, and the rest is a share of what is left, as in an adjusted R squared.
    """
    from sklearn.covariance import ledoit_wolf

    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    classes, counts = np.unique(targets, return_counts=True)
    if len(classes) < 2 or not centred.any():
        return 0.0
    covariance, shrinkage = ledoit_wolf(centred, assume_centered=True)
    means = np.stack([centred[targets == one].mean(axis=0) for one in classes])
    inverse = np.linalg.pinv(covariance, hermitian=True) * (1.0 - shrinkage) / (len(centred) - 1)
    between = float(np.sum(inverse * ((means * counts[:, None]).T @ means)))
    most = len(classes) - 1
    chance = float(np.sum(inverse * (centred.T @ centred))) * most / (len(centred) - 1)
    return (between - chance) / max(most - chance, _TINY)


def log_me(features: np.ndarray, targets: np.ndarray) -> float:
    """LogME: the log evidence a text of a linear model of each class against the rest, mean over classes.

    You, Liu, Wang, Long, LogME, ICML 2021, by the fixed point of arXiv 2110.10545 (`LogME.py`, `_fit_fixed_point`).
    Unlike there, the directions that the features do not have (width above the number of texts) count with their
    prior, so that it is the evidence itself for any width.
    """
    wide = np.asarray(features, dtype=np.float64)
    left, lengths, _ = np.linalg.svd(wide, full_matrices=False)
    spread = lengths**2
    is_there = spread > _NO_DIRECTION * max(float(spread.max(initial=0.0)), 1e-300)
    left, spread = left[:, is_there], spread[is_there]
    found = []
    for one in np.unique(targets):
        goal = (targets == one).astype(np.float64)
        along = (left.T @ goal) ** 2
        found.append(_evidence(along, spread, (float(goal.sum()) - float(along.sum()), *wide.shape)))
    return float(np.mean(found)) if found else float("nan")


def _evidence(along: np.ndarray, spread: np.ndarray, known: tuple[float, int, int]) -> float:
    """The greatest log evidence over alpha and beta, a text.

    `along` are the squared lengths of the goal along the directions, `spread` the squared singular values; `known` are
    the squared length of the goal that no direction has, the number of texts, and the width.
    """
    outside, num_texts, width = max(known[0], 0.0), known[1], known[2]
    ratio = alpha = beta = 1.0
    for _ in range(_MOST_ROUNDS):
        gamma = float((spread / (spread + ratio)).sum())
        length, residual = _sums(along, spread, outside, ratio)
        alpha, beta = max(gamma / (length + _TINY), _LEAST), (num_texts - gamma) / (residual + _TINY)
        before, ratio = ratio, alpha / beta
        if abs(ratio - before) / before <= _STILL:
            break
    length, residual = _sums(along, spread, outside, ratio)
    determinant = float(np.log(alpha + beta * spread).sum()) + (width - len(spread)) * np.log(alpha)
    evidence = width / 2 * np.log(alpha) + num_texts / 2 * np.log(beta / (2 * np.pi)) - determinant / 2
    return float((evidence - beta / 2 * residual - alpha / 2 * length) / num_texts)


def _sums(along: np.ndarray, spread: np.ndarray, outside: float, ratio: float) -> tuple[float, float]:
    """Squared length of the mean weights, and what they leave of the goal, at alpha over beta = `ratio`."""
    length = float((spread * along / (ratio + spread) ** 2).sum())
    return length, float((along / (1 + spread / ratio) ** 2).sum()) + outside


def probe_correct(features: np.ndarray, targets: np.ndarray, folds: np.ndarray, num_labels: int) -> np.ndarray:
    """Whether a linear probe that was fitted on the other folds gives each text its label; bool (texts,).

    `folds` (texts,) keeps what belongs together in one fold. The features are centred and brought to a mean square of
    one, since bases differ in scale and the probe's strength does not.
    """
    from sklearn.exceptions import ConvergenceWarning

    from sintonia.models.probe import fit_probe

    wide = np.asarray(features, dtype=np.float64)
    wide = wide - wide.mean(axis=0)
    wide /= max(float(np.sqrt((wide**2).sum(axis=1).mean())), 1e-12)
    correct = np.zeros(len(targets), dtype=bool)
    for fold in np.unique(folds):
        held = folds == fold
        taught = targets[~held]
        if not len(taught):
            continue
        if len(np.unique(taught)) < 2:
            correct[held] = targets[held] == taught[0]
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            probe = fit_probe(wide[~held], taught, num_labels, PROBE_STRENGTH)
        correct[held] = probe.logits(wide[held]).argmax(axis=1) == targets[held]
    return correct
