"""The task `multilabel`: any number of labels for a text, none included. It knows its targets, loss and answers, and no
file.

Each label is a question of its own; from when on it is answered is found in `evaluate/scoring/thresholds.py`. A target
is the names of the labels in alphabetical order, with ` ; ` between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sintonia.records import Example

if TYPE_CHECKING:
    from torch import Tensor

NAME = "multilabel"
IN_WORDS = "several labels for a text"
HUB_TAG = "text-classification"
BASE: Literal["encoder", "language"] = "encoder"
USUAL_BASE = "minilm"
METHOD = "full"
LEVEL: Literal["text", "token"] = "text"
HAS_CLASSES = False
HAS_THRESHOLDS = True
"""What is added to each output before it answers is fitted on validation."""
LONGEST = 256
MICRO_TOKENS = 4096
"""Most tokens of an encoder computed at once: more falls out of the caches of a laptop."""
PROBE_EXAMPLES = 512
"""Most training examples whose loss is followed in evaluation mode."""

SEPARATOR = " ; "
METRICS: tuple[str, ...] = ("micro_f1_of_labels", "macro_f1_of_labels", "exact_sets")


def followed_metric(primary_metric: str) -> str:
    """The metric by which training chooses its best weights: that of the verdict.

    >>> followed_metric("exact_sets")
    'exact_sets'
    """
    return primary_metric


def usual_metric(_is_imbalanced: bool, _form: str) -> tuple[str, str]:
    """How many of the labels are found, and found rightly."""
    return METRICS[0], "an example may have several labels, each counts the same"


def whole_content(_asked: Any, answer: Any) -> dict[str, Any]:
    """The names of the labels."""
    return {"labels": list(answer)}


def written(names: Iterable[str]) -> str:
    """Labels as targets and predictions have them.

    >>> written(["sport", "politics", "sport"])
    'politics ; sport'
    """
    return SEPARATOR.join(sorted(set(names)))


def names_in(text: str) -> list[str]:
    """The labels of a target or of a prediction; none of an empty one.

    >>> names_in("politics ; sport"), names_in("")
    (['politics', 'sport'], [])
    """
    return text.split(SEPARATOR) if text else []


def inputs(example: Example) -> str:
    """The text."""
    return example.input


def fit(examples: Sequence[Example], _labels: Sequence[str]) -> dict[str, Any]:
    """The names of the labels that the training examples have, in alphabetical order."""
    return {"labels": sorted({name for one in examples for name in names_in(one.target)})}


def num_outputs(_labels: Sequence[str], fitted: Mapping[str, Any]) -> int:
    """One for each label."""
    return len(fitted["labels"])


def encode(examples: Sequence[Example], _labels: Sequence[str], fitted: Mapping[str, Any]) -> np.ndarray:
    """Which labels each example has, bool (examples, labels); one that training never had has no column."""
    position = {name: k for k, name in enumerate(fitted["labels"])}
    found = np.zeros((len(examples), len(position)), dtype=np.bool_)
    for row, one in zip(found, examples, strict=True):
        row[[position[name] for name in names_in(one.target) if name in position]] = True
    return found


def loss_sum(logits: Tensor, targets: Tensor, _weights: Tensor | None = None) -> Tensor:
    """Sum of the negative log-likelihoods of all labels, each by itself."""
    import torch  # late: reading a file needs no torch

    return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="sum")


def losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The same of each example, in nats."""
    wide = logits.astype(np.float64)
    return np.asarray(np.logaddexp(0.0, np.where(targets, -wide, wide)).sum(axis=1))


def answers(logits: np.ndarray, _labels: Sequence[str], fitted: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels whose logit is above 0."""
    names = np.array(fitted["labels"], dtype=object)
    return tuple(written(names[row]) for row in logits > 0)


def are_right(answers: Sequence[str], examples: Sequence[Example], _fitted: Mapping[str, Any]) -> tuple[bool, ...]:
    """Whether all labels are those that were given."""
    return tuple(answer == one.target for answer, one in zip(answers, examples, strict=True))


def constant_logits(targets: np.ndarray, _labels: Sequence[str], _fitted: Mapping[str, Any]) -> np.ndarray:
    """How common each label is, as a logit; one example more has it, and one more has it not."""
    num_with = targets.sum(axis=0) + 1.0
    return np.asarray(np.log(num_with / (len(targets) + 2.0 - num_with)))
