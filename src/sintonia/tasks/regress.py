"""The task `regress`: numbers for a text, or for two. It knows their scale, loss and answers, and no file.

Numbers are learned with the mean of the training targets at 0 and their standard deviation at 1; what is answered, and
every score, is in the unit of the person's numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sintonia.records import Example

if TYPE_CHECKING:
    from torch import Tensor

NAME = "regress"
IN_WORDS = "numbers for texts"
HUB_TAG = "text-classification"
BASE: Literal["encoder", "language"] = "encoder"
USUAL_BASE = "minilm"
METHOD = "full"
LEVEL: Literal["text", "token"] = "text"
HAS_CLASSES = False
LONGEST = 256
MICRO_TOKENS = 4096
"""Most tokens of an encoder computed at once: more falls out of the caches of a laptop."""
PROBE_EXAMPLES = 512
"""Most training examples whose loss is followed in evaluation mode."""

METRICS: tuple[str, ...] = (
    "mean_absolute_error",
    "root_mean_squared_error",
    "r_squared",
    "pearson",
    "spearman",
)

NEAR = 0.5
"""An answer within so many standard deviations of each number is called right, where right and wrong are counted."""


def followed_metric(primary_metric: str) -> str:
    """The metric by which training chooses its best weights: that of the verdict.

    >>> followed_metric("spearman")
    'spearman'
    """
    return primary_metric


def usual_metric(_is_imbalanced: bool, _form: str) -> tuple[str, str]:
    """How far off the answers are, in the unit of the numbers."""
    return METRICS[0], "how far off the answers are on average, in the unit of the numbers; lower is better"


def whole_content(asked: Any, answer: Any) -> dict[str, Any]:
    """The text or the two texts, and the numbers."""
    return {"texts": list(asked["texts"]), "numbers": numbers_of(answer)}


def numbers_of(answer: Any) -> list[float]:
    """One number, or several."""
    return [float(one) for one in answer] if isinstance(answer, list | tuple) else [float(answer)]


def written(numbers: Sequence[float]) -> str:
    """Numbers as targets and predictions have them.

    >>> written([1.5, 2.0]), read(written([1.5, 2.0]))
    ('1.5 2.0', (1.5, 2.0))
    """
    return " ".join(repr(float(one)) for one in numbers)


def read(text: str) -> tuple[float, ...]:
    """The numbers of a target or of a prediction."""
    return tuple(float(one) for one in text.split())


def inputs(example: Example) -> str | tuple[str, str]:
    """The text, or both."""
    texts = (example.content or {}).get("texts") or [example.input]
    return texts[0] if len(texts) == 1 else (texts[0], texts[1])


def fit(examples: Sequence[Example], _labels: Sequence[str]) -> dict[str, Any]:
    """Mean and standard deviation of each number; of numbers that are all alike, 1."""
    values = _values(examples)
    spread = values.std(axis=0)
    return {"mean": values.mean(axis=0).tolist(), "deviation": np.where(spread > 0, spread, 1.0).tolist()}


def num_outputs(_labels: Sequence[str], fitted: Mapping[str, Any]) -> int:
    """One for each number."""
    return len(fitted["mean"])


def encode(examples: Sequence[Example], _labels: Sequence[str], fitted: Mapping[str, Any]) -> np.ndarray:
    """Numbers on the scale of training, float32 (examples, numbers)."""
    return ((_values(examples) - fitted["mean"]) / fitted["deviation"]).astype(np.float32)


def loss_sum(logits: Tensor, targets: Tensor, _weights: Tensor | None = None) -> Tensor:
    """Sum over examples of half the squared error, the mean over its numbers: nats, but for a constant, if the errors
    are normal with a deviation of 1."""
    return ((logits - targets) ** 2).mean(dim=1).sum() / 2


def losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The same of each example."""
    return np.asarray(((logits.astype(np.float64) - targets) ** 2).mean(axis=1) / 2)


def answers(logits: np.ndarray, _labels: Sequence[str], fitted: Mapping[str, Any]) -> tuple[str, ...]:
    """The numbers in the person's unit."""
    values = logits.astype(np.float64) * fitted["deviation"] + fitted["mean"]
    return tuple(written(row) for row in values.tolist())


def are_right(answers: Sequence[str], examples: Sequence[Example], fitted: Mapping[str, Any]) -> tuple[bool, ...]:
    """Whether every number is within half a standard deviation of what it should be."""
    near = NEAR * np.array(fitted["deviation"])
    off = np.abs(np.array([read(one) for one in answers]) - _values(examples))
    return tuple((off <= near).all(axis=1).tolist()) if len(examples) else ()


def constant_logits(targets: np.ndarray, _labels: Sequence[str], _fitted: Mapping[str, Any]) -> np.ndarray:
    """The mean of each number."""
    return np.asarray(targets.astype(np.float64).mean(axis=0))


def _values(examples: Sequence[Example]) -> np.ndarray:
    return np.array([read(one.target) for one in examples], dtype=np.float64)
