"""The task `classify`: one label for one text. It knows its columns, targets, loss and metrics, and no file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

NAME = "classify"

COLUMNS: dict[str, tuple[str, ...]] = {
    "input": (
        "text",
        "input",
        "sentence",
        "utterance",
        "query",
        "question",
        "message",
        "content",
        "body",
        "comment",
        "review",
        "title",
        "tweet",
        "document",
        "prompt",
        "testo",
        "frase",
        "messaggio",
        "domanda",
        "commento",
        "recensione",
        "titolo",
    ),
    "target": (
        "label",
        "target",
        "intent",
        "class",
        "category",
        "sentiment",
        "topic",
        "tag",
        "type",
        "output",
        "etichetta",
        "classe",
        "categoria",
        "intento",
        "sentimento",
        "tipo",
    ),
}
"""The roles of columns, with the names they go by (English and Italian), best first."""

METRICS: tuple[str, ...] = ("accuracy", "macro_f1", "log_loss", "brier")

MICRO_TOKENS = 4096
"""Most tokens of an encoder computed at once: more falls out of the caches of a laptop."""

PROBE_EXAMPLES = 512
"""Most training examples whose loss is followed in evaluation mode."""

WEIGHT_POWER = 0.5
"""By what power of the inverse share of its class an example counts: the root.

Measured with probes of MiniLM on eight sets, eight splits each. Where a class is rare, macro-F1 gains 4.3 points at 0.5
and 5.1 at 1 (means of five sets); accuracy rises in four of them and falls by 2.4 and by 6.1 points in the fifth. Where
none is rare, macro-F1 loses nothing and 0.5 points (means of three). The root has most of the gain for little harm."""

LABEL_TEMPLATES: tuple[str, ...] = ("{label}", "This text is about {label}", "The category is {label}")
"""Sentences that stand for a label in the zero-shot rung."""


def followed_metric(primary_metric: str) -> str:
    """The metric by which training chooses its best weights: one of the labels that are answered.

    >>> followed_metric("brier"), followed_metric("macro_f1")
    ('accuracy', 'macro_f1')
    """
    return "accuracy" if primary_metric in ("log_loss", "brier") else primary_metric


def readable(label: str) -> str:
    """A label name as words: `HassTurnOn` becomes `hass turn on`, `card_arrival` becomes `card arrival`."""
    words: list[str] = []
    for character in label.replace("_", " ").replace("-", " "):
        if character.isupper() and words and words[-1].islower():
            words.append(" ")
        words.append(character.lower() if character.isupper() else character)
    return " ".join("".join(words).split()) or label


def encode_targets(targets: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """The position of each target in `labels`, int64; -1 for a target that is not among them."""
    position = {label: index for index, label in enumerate(labels)}
    return np.array([position.get(target, -1) for target in targets], dtype=np.int64)


def class_weights(targets: np.ndarray, num_labels: int) -> np.ndarray:
    """How much an example of each class counts in a balanced loss, float64 (labels,); 1 on average over `targets`.

    It falls with the root of how common the class is (see `WEIGHT_POWER`). So the learning rate means what it meant
    before. A class without examples gets 1, which nothing multiplies.

    >>> class_weights(np.array([0, 0, 0, 0, 1]), 2).round(3).tolist()
    [0.833, 1.667]
    """
    counts = np.bincount(targets, minlength=num_labels).astype(np.float64)
    weights = np.maximum(counts, 1.0) ** -WEIGHT_POWER
    return np.asarray(np.where(counts > 0, weights * counts.sum() / (counts * weights).sum(), 1.0))


def loss_sum(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Sum of the negative log-likelihoods; a sum, so that micro-batches add up to the effective batch.

    `weights` (labels,) says how much an example of each class counts. What is divided by is the number of examples, not
    the weights of the batch: these would make an example count by the company it is in.
    """
    import torch  # late: reading a file needs the columns of the task, not torch

    return torch.nn.functional.cross_entropy(logits, targets, weights, reduction="sum")
