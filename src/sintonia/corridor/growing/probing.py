"""A learning curve of the cheap kind: a linear probe of frozen features, fitted to nested subsets of the training set.

Each draw holds a fold of the training set out, and scores it together with the validation set, so that every training
example is scored too by probes that were not fitted on its group. Arrays in, what was measured out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sintonia.adjust.curve.measured import Draw, Measured
from sintonia.adjust.curve.subsets import nested_subsets, sizes_for, spread_over_folds
from sintonia.metrics import METRICS
from sintonia.metrics.metric import Metric
from sintonia.models.forward import log_softmax
from sintonia.models.probe import STRENGTHS, fit_probe
from sintonia.statistics.calibration import SMALLEST, squared_errors

_MANY_FOLDS, _FEW_FOLDS = 10, 5
_CHEAP = 20_000
"""Training examples times classes, up to which ten folds take seconds."""
_DEAR, _FEW_DRAWS = 200_000, 3
"""The same from which on only three of the five folds are held out: a fit takes half a minute then."""
_VERY_CHEAP, _REPEATS = 4_000, 3
"""The same for ten folds three times over, which is what few examples need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Training and validation examples of a classifier as arrays, training first."""

    features: np.ndarray
    """(examples, hidden), of the frozen base."""
    targets: np.ndarray
    """Positions of the labels (examples,)."""
    groups: np.ndarray
    """Numbers; what is alike has the same (examples,)."""
    num_train: int
    labels: tuple[str, ...]
    metric: str

    def train_of(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and targets of these examples."""
        return self.features[positions], self.targets[positions]


def num_folds(ground: Ground) -> int:
    """In how many folds the training set is held out."""
    return _MANY_FOLDS if ground.num_train * len(ground.labels) <= _CHEAP else _FEW_FOLDS


def num_repeats(ground: Ground) -> int:
    """How many times all folds are made anew."""
    return _REPEATS if ground.num_train * len(ground.labels) <= _VERY_CHEAP else 1


def probe_sizes(ground: Ground) -> tuple[int, ...]:
    """How many training examples the probes are fitted to; empty where there are too few for a curve."""
    return sizes_for(ground.num_train - -(-ground.num_train // num_folds(ground)), len(ground.labels))


def probe_curve(ground: Ground, seed: int = 0) -> Measured:
    """Errors of probes after each size; their strength is chosen anew at each size, on the first draw."""
    groups, targets = ground.groups[: ground.num_train], ground.targets[: ground.num_train]
    sizes, draws = probe_sizes(ground), list[Draw]()
    strengths: list[float] = []
    for kept, scored in held_out(ground, seed):
        subsets = [kept[one] for one in nested_subsets(groups[kept], targets[kept], sizes, seed + len(draws))]
        strengths = strengths or [best_strength(ground, subset, scored) for subset in subsets]
        counts = [probe_counts(ground, one, scored, c) for one, c in zip(subsets, strengths, strict=True)]
        draws.append(Draw(scored=scored, sizes=tuple(map(len, subsets)), counts=tuple(counts)))
    return Measured(metric=ground.metric, draws=tuple(draws), groups=ground.groups)


def held_out(ground: Ground, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each draw the training examples that may be fitted to, and the examples that are scored."""
    groups, targets = ground.groups[: ground.num_train], ground.targets[: ground.num_train]
    count, validation = num_folds(ground), np.arange(ground.num_train, len(ground.targets))
    is_dear = ground.num_train * len(ground.labels) > _DEAR
    for repeat in range(num_repeats(ground)):
        folds = spread_over_folds(groups, targets, count, seed + 1_000 * repeat)
        for fold in range(_FEW_DRAWS if is_dear else count):
            yield np.flatnonzero(folds != fold), np.concatenate([np.flatnonzero(folds == fold), validation])


def best_strength(ground: Ground, subset: np.ndarray, scored: np.ndarray) -> float:
    """The strength of a probe fitted to `subset` that does best on the scored examples."""
    rule = METRICS[ground.metric]

    def goodness(strength: float) -> float:
        totals = probe_counts(ground, subset, scored, strength).sum(axis=0, keepdims=True)
        return rule.goodness(float(rule.from_counts(totals)[0]))

    return max(STRENGTHS, key=goodness)


def probe_counts(ground: Ground, subset: np.ndarray, scored: np.ndarray, strength: float) -> np.ndarray:
    """What the metric adds up of each scored example (scored, columns), by a probe fitted to `subset`."""
    features, targets = ground.train_of(subset)
    if len(np.unique(targets)) < 2:
        logits = np.where(np.arange(len(ground.labels)) == targets[0], 0.0, -30.0) * np.ones((len(scored), 1))
    else:
        logits = fit_probe(features, targets, len(ground.labels), strength).logits(ground.features[scored])
    rule, goal = METRICS[ground.metric], ground.targets[scored]
    answers = _answers(rule, logits, goal, ground.labels)
    # Columns may stand for the labels there are: an example of each is counted along, and taken out again.
    every = [(label, label if rule.reads == "predictions" else 0.0) for label in ground.labels]
    targets_of = [ground.labels[int(k)] for k in goal] + [label for label, _ in every]
    counted = rule.counts(targets_of, answers + [one for _, one in every])
    return np.asarray(counted.toarray()[: len(goal)], dtype=np.float64)


def _answers(rule: Metric, logits: np.ndarray, goal: np.ndarray, labels: tuple[str, ...]) -> list[object]:
    """What the metric reads: labels, or what the probabilities are worth."""
    probabilities = np.exp(log_softmax(logits))
    if rule.reads == "nats":
        return [float(one) for one in -np.log(np.maximum(probabilities[np.arange(len(goal)), goal], SMALLEST))]
    if rule.reads == "squared_errors":
        return [float(one) for one in squared_errors(probabilities, goal)]
    return [labels[int(k)] for k in probabilities.argmax(axis=1)]
