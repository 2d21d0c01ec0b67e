"""What a task is: everything that the rooms ask of one without knowing it. No task lives here.

A task is a module (of this package, or of a package of somebody else's that declares the entry point `sintonia.tasks`)
that has these names. A task is handed live models and opens none; it reads no file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeGuard

import numpy as np

from sintonia.records import Example

if TYPE_CHECKING:
    from torch import Tensor

Input = str | tuple[str, str]
"""What an encoder reads: a text, or two as one sequence with two segments."""
Fitted = Mapping[str, Any]
"""Plain values that were learned from training targets, and are kept beside the weights."""
Offsets = Sequence[tuple[int, int]]
"""The characters of a text that each of its tokens stands for; (0, 0) for tokens that stand for none."""


class Task(Protocol):
    """What every task says of itself."""

    NAME: str
    IN_WORDS: str
    """What a base for it is good at: `classifying text`."""
    HUB_TAG: str
    """What the hub calls such a task, for the card: `text-classification`."""
    BASE: Literal["encoder", "language"]
    """The kind of base that it takes."""
    USUAL_BASE: str
    """Name in the catalog of the base that is taken where none is asked for."""
    METHOD: str
    """The method when none is asked for."""
    METRICS: tuple[str, ...]
    """What it can be judged by; the first one is as good as any where nothing speaks for another."""
    MICRO_TOKENS: int
    """Most tokens computed at once, where memory allows."""
    PROBE_EXAMPLES: int
    """Most training examples whose loss is followed in evaluation mode."""
    HAS_CLASSES: bool
    """Whether a target is one of a few labels, each of which every set should have."""
    LONGEST: int
    """Tokens that are read of an example where nothing else is asked for."""

    def followed_metric(self, primary_metric: str) -> str:
        """The metric by which training chooses its best weights."""
        ...

    def usual_metric(self, is_imbalanced: bool, form: str) -> tuple[str, str]:
        """The primary metric where none is asked for, and why in words; `form` is how the rows are written down."""
        ...

    def whole_content(self, asked: Any, answer: Any) -> dict[str, Any] | None:
        """What an example keeps of a row, where two texts cannot hold it."""
        ...


class HeadTask(Task, Protocol):
    """A task that an encoder with a linear head learns."""

    LEVEL: Literal["text", "token"]
    """Whether the head stands on the mean of a text or on each of its tokens."""

    def inputs(self, example: Example) -> Input:
        """What the encoder reads of an example."""
        ...

    def fit(self, examples: Sequence[Example], labels: Sequence[str]) -> dict[str, Any]:
        """What is learned from training targets before any step, as plain values: the scale of numbers, for example."""
        ...

    def num_outputs(self, labels: Sequence[str], fitted: Fitted) -> int:
        """Outputs of the head."""
        ...

    def encode(self, examples: Sequence[Example], labels: Sequence[str], fitted: Fitted) -> np.ndarray:
        """Targets as the loss takes them, one row an example."""
        ...

    def loss_sum(self, logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Sum of the losses of examples; a sum, so that micro-batches add up to the effective batch."""
        ...

    def losses(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The loss of each example, float64 (examples,), as `loss_sum` sums them without weights."""
        ...

    def answers(self, logits: np.ndarray, labels: Sequence[str], fitted: Fitted) -> tuple[str, ...]:
        """What the logits say, as targets are written."""
        ...

    def are_right(self, answers: Sequence[str], examples: Sequence[Example], fitted: Fitted) -> tuple[bool, ...]:
        """Whether each answer is right, or as near as can be asked."""
        ...

    def constant_logits(self, targets: np.ndarray, labels: Sequence[str], fitted: Fitted) -> np.ndarray:
        """What somebody says who knows only how common each target is, float64 (outputs,)."""
        ...


LANGUAGE_TASKS = ("chat", "prefer", "pretrain")
"""Those that a language model is tuned for that goes on writing: it has no head."""
CLASS_WEIGHTED = ("classify", "tag")
"""Tasks whose loss may count rare classes for more (`training.class_weights`)."""


def spoken(task: Task, examples: Sequence[Example]) -> tuple[Example, ...]:
    """Examples as conversations, for what reads those alone: of two answers, with the better one."""
    speak = getattr(task, "as_conversation", None)
    if speak is None:
        return tuple(examples)
    return tuple(dataclasses.replace(one, content=speak(one.whole)) for one in examples)


def has_template(task: Task) -> bool:
    """Whether its examples are conversations, which a chat template writes; plain text has none."""
    return task.BASE == "language" and task.NAME != "pretrain"


def has_head(task: Task) -> TypeGuard[HeadTask]:
    """Whether an encoder with a head learns it."""
    return hasattr(task, "LEVEL")


DECODER_MICRO_TOKENS = 1024
"""Most tokens of a decoder with a head computed at once where nobody asks for another number: its layers are many, and
keep the gates besides what those of an encoder keep."""


def kinds_for(task: Task) -> tuple[Literal["encoder", "language"], ...]:
    """The kinds of base that learn a task, the usual one first: a head on texts stands on either."""
    return ("encoder", "language") if has_head(task) and task.LEVEL == "text" else (task.BASE,)


def usual_micro_tokens(task: Task, kind: str) -> int:
    """Most tokens computed at once where nobody asks for another number."""
    is_decoder_with_head = kind == "language" and has_head(task)
    return min(task.MICRO_TOKENS, DECODER_MICRO_TOKENS) if is_decoder_with_head else task.MICRO_TOKENS


def inputs_of(task: Task, examples: Sequence[Example]) -> list[Input]:
    """What a base reads of examples; of a task without a head all of their texts, where it says which these are."""
    if has_head(task):
        return [task.inputs(one) for one in examples]
    texts_of = getattr(task, "texts_of", lambda example: [example.input])
    return [text for one in examples for text in texts_of(one)]
