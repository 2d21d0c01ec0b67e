"""The task `classify`: one label for one text, or for two. It knows its columns, targets, loss and metrics, and no
file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sintonia.records import Example

if TYPE_CHECKING:
    from torch import Tensor

NAME = "classify"
IN_WORDS = "classifying text"
HUB_TAG = "text-classification"
BASE: Literal["encoder", "language"] = "encoder"
USUAL_BASE = "minilm"
METHOD = "full"
LEVEL: Literal["text", "token"] = "text"
HAS_CLASSES = True
LONGEST = 256

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


def usual_metric(is_imbalanced: bool, _form: str) -> tuple[str, str]:
    """Macro-F1 where a class is rare: accuracy would not see that it is missed."""
    return ("macro_f1", "a class is rare") if is_imbalanced else ("accuracy", "no class is rare")


def whole_content(asked: Any, _answer: Any) -> dict[str, Any] | None:
    """Both texts of a pair; of one text nothing, since input and target hold all of it."""
    return {"texts": list(asked["texts"])} if isinstance(asked, dict) else None


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


def inputs(example: Example) -> str | tuple[str, str]:
    """The text, or both."""
    texts = (example.content or {}).get("texts")
    return (texts[0], texts[1]) if texts else example.input


def fit(examples: Sequence[Example], _labels: Sequence[str]) -> dict[str, Any]:
    """Of pairs that they are pairs; of labels nothing is to be known but their names."""
    is_of_pairs = bool(examples) and not isinstance(inputs(examples[0]), str)
    return {"texts": 2} if is_of_pairs else {}


def num_outputs(labels: Sequence[str], _fitted: Mapping[str, Any]) -> int:
    """One for each label."""
    return len(labels)


def encode(examples: Sequence[Example], labels: Sequence[str], _fitted: Mapping[str, Any]) -> np.ndarray:
    """The position of each label."""
    return encode_targets([one.target for one in examples], labels)


def losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each target."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    likelihoods = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return np.asarray(-likelihoods[np.arange(len(targets)), targets])


def answers(logits: np.ndarray, labels: Sequence[str], _fitted: Mapping[str, Any]) -> tuple[str, ...]:
    """The likeliest label of each."""
    return tuple(labels[int(k)] for k in logits.argmax(axis=1))


def constant_logits(targets: np.ndarray, labels: Sequence[str], _fitted: Mapping[str, Any]) -> np.ndarray:
    """Logarithms of how common each label is; one that never comes counts once."""
    counts = np.bincount(targets, minlength=len(labels)) + 1.0
    return np.asarray(np.log(counts / counts.sum()))


def are_right(answers: Sequence[str], examples: Sequence[Example], _fitted: Mapping[str, Any]) -> tuple[bool, ...]:
    """Whether each label is the one that was given."""
    return tuple(answer == one.target for answer, one in zip(answers, examples, strict=True))
