"""A linear probe: multinomial logistic regression on frozen features, fitted on training rows only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

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
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-3)
    model.fit(features, targets, None if weights is None else weights[targets])
    weight = np.zeros((num_labels, features.shape[1]), dtype=np.float32)
    bias = np.full(num_labels, -30.0, dtype=np.float32)
    if len(model.classes_) == 2:
        halves = np.concatenate([-model.coef_, model.coef_]) / 2
        weight[model.classes_], bias[model.classes_] = halves, np.array([-1, 1]) * model.intercept_ / 2
    else:
        weight[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    return Probe(weight=weight, bias=bias, strength=strength)
