"""The rung that reads the names of the labels: the base compares a text with them, and no training row is looked at.

It opens no base and knows no other rung.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sintonia.models.forward import compute_features, log_softmax
from sintonia.models.open import OpenBase
from sintonia.models.tokens import tokenize
from sintonia.records import Example
from sintonia.tasks.classify import LABEL_TEMPLATES, readable

SCALE = 20.0
"""Cosines are sharpened by this before they are read as logits; it changes no answer."""


class Ground(Protocol):
    """What the rung stands on: the pristine base and the names of the labels."""

    @property
    def base(self) -> OpenBase: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    def features(self, examples: Sequence[Example]) -> np.ndarray: ...


def zero_shot(ground: Ground, setting: float, examples: Sequence[Example]) -> np.ndarray:
    """Cosine of the text and of a sentence made from the label's name, as probabilities (examples, labels)."""
    templates = LABEL_TEMPLATES if setting < 0 else (LABEL_TEMPLATES[int(setting)],)
    cosines = text_features(ground, examples) @ mean_view(label_views(ground, templates)).T
    return np.asarray(np.exp(log_softmax(SCALE * cosines)))


def text_features(ground: Ground, examples: Sequence[Example]) -> np.ndarray:
    """Frozen features of all that an example says, (examples, hidden): of two texts that are compared, of both."""
    features, hidden = ground.features(examples), ground.base.model.hidden_size
    if features.shape[1] == hidden:
        return features
    return (features[:, :hidden] + features[:, hidden : 2 * hidden]) / 2


def label_views(ground: Ground, templates: Sequence[str]) -> list[np.ndarray]:
    """What the base sees in the names of the labels, for each template; (labels, hidden) each."""
    names, base = [readable(label) for label in ground.labels], ground.base
    texts = [[template.format(label=name) for name in names] for template in templates]
    return [compute_features(base.model, tokenize(base.tokenizer, some, base.max_tokens).ids) for some in texts]


def mean_view(views: Sequence[np.ndarray]) -> np.ndarray:
    """Their mean, of length one for each label."""
    mean = np.mean(views, axis=0)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12))
