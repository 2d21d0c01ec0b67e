"""Linear heads on frozen features, fitted on training rows only: of labels logistic regression, of numbers ridge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

STRENGTHS = (1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Probe:
    """Weight (labels, hidden) and bias (labels,) of a linear classifier, float32."""

    weight: np.ndarray
    bias: np.ndarray
    strength: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Logits (texts, labels)."""
        return np.asarray(features @ self.weight.T + self.bias)


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """How a probe of labels is fitted."""

    strength: float
    """Inverse regularisation."""
    weights: np.ndarray | None = None
    """How much a row of each label counts, (labels,); all the same without."""
    has_bias: bool = True
    """Without, the bias is zeros."""


def fit_probe(
    features: np.ndarray,
    targets: np.ndarray,
    num_labels: int,
    strength: float,
    weights: np.ndarray | None = None,
) -> Probe:
    """The probe with inverse regularisation `strength`; a label without training rows can never win.

    `weights` (labels,) says how much a row of each label counts; all the same without.
    """
    return fit_labels(features, targets, num_labels, ProbeSettings(strength, weights))


def fit_labels(features: np.ndarray, targets: np.ndarray, num_labels: int, settings: ProbeSettings) -> Probe:
    """The same as these settings say."""
    strength, weights, has_bias = settings.strength, settings.weights, settings.has_bias
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-3, fit_intercept=has_bias)
    model.fit(features, targets, None if weights is None else weights[targets])
    weight = np.zeros((num_labels, features.shape[1]), dtype=np.float32)
    bias = np.full(num_labels, -30.0, dtype=np.float32)
    if len(model.classes_) == 2:
        halves = np.concatenate([-model.coef_, model.coef_]) / 2
        weight[model.classes_], bias[model.classes_] = halves, np.array([-1, 1]) * model.intercept_ / 2
    else:
        weight[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    found = Probe(weight=weight, bias=bias, strength=strength)
    return found if has_bias else _without_bias(found, features)


def _without_bias(probe: Probe, features: np.ndarray) -> Probe:
    """What constants are left, of labels and claims that nothing was fitted for, as weights along the mean feature."""
    mean = features.mean(axis=0)
    weight = probe.weight + np.outer(probe.bias, mean / max(float(mean @ mean), 1e-12))
    return Probe(weight=weight.astype(np.float32), bias=np.zeros_like(probe.bias), strength=probe.strength)


def fit_linear(
    features: np.ndarray, targets: np.ndarray, num_outputs: int, strength: float, *, has_bias: bool = True
) -> Probe:
    """A linear head for targets as a task encodes them; without `has_bias` its bias is zeros.

    Positions of labels (integers) are learned as by `fit_probe`, numbers (floats, one column an output) by least
    squares, claims (booleans, one column an output) each by itself.
    """
    if targets.dtype.kind in "iu":
        return fit_labels(features, targets, num_outputs, ProbeSettings(strength, has_bias=has_bias))
    columns = targets.reshape(len(targets), -1)
    if targets.dtype.kind == "f":
        model = Ridge(alpha=1.0 / strength, fit_intercept=has_bias).fit(features, columns)
        weight, bias = np.atleast_2d(model.coef_), np.broadcast_to(model.intercept_, columns.shape[1:])
        return Probe(weight=weight.astype(np.float32), bias=bias.astype(np.float32), strength=strength)
    fits = [_fit_claim(features, column, strength, has_bias) for column in columns.T]
    weight, bias = np.stack([one[0] for one in fits]), np.array([one[1] for one in fits], dtype=np.float32)
    found = Probe(weight=weight, bias=bias, strength=strength)
    return found if has_bias else _without_bias(found, features)


def _fit_claim(features: np.ndarray, column: np.ndarray, strength: float, has_bias: bool) -> tuple[np.ndarray, float]:
    """Weight and bias of a claim; one that always holds, or never, is told by its bias alone."""
    if column.all() or not column.any():
        num_rows = len(column) + 1.0
        return np.zeros(features.shape[1], dtype=np.float32), float(np.log(num_rows) * (1 if column.all() else -1))
    both = fit_labels(features, column.astype(np.int64), 2, ProbeSettings(strength, has_bias=has_bias))
    return both.weight[1] - both.weight[0], float(both.bias[1] - both.bias[0])
