"""Settings that one task alone has; each is documented under its field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """Of the task `chat`: how conversations become tokens, and which of them are learned."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    template: str = "auto"
    """The chat template: that of the base, `chatml`, or the path of a Jinja file."""
    learn: Literal["answers", "all"] = "answers"
    """Learn what the assistant says (messages of weight 0 left out), or every token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifySettings:
    """Of the task `classify`: what the labels are to each other, and what is no case for any of them."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    order: tuple[str | int | float, ...] = ()
    """All labels from one end to the other (`[bad, fair, good]`), where they have an order. It adds the metric
    `mean_steps`: how many steps the answers are off on average."""
    out_of_scope: float = 0.0
    """The share of texts that may be refused so that those of no label are: the model answers `out of scope` where it
    is less sure than on all but so many of the validation texts (0.05 is one in twenty); 0 refuses none. Scores are not
    touched: they are of what it answers without refusing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferSettings:
    """Of the task `prefer`: what is minimised."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    loss: Literal["auto", "dpo", "ipo", "orpo", "kto", "simpo"] = "auto"
    """The loss: `dpo`, `ipo` and `kto` compare with the untouched base, `orpo` and `simpo` do not. Single ratings are
    learned by `kto` alone, which takes a pair as two ratings; `auto` is `dpo` for pairs and `kto` for ratings."""
    beta: float | Literal["auto"] = "auto"
    """How much the preference counts against staying near the base (`dpo`, `ipo`, `kto`), against the likelihood of the
    better answer (`orpo`), or how steep the loss is (`simpo`); `auto` is 0.1, and 2 for `simpo`."""
    target_margin: float = 0.5
    """Of `simpo`: by how much the better answer should win (its gamma)."""
    wanted_weight: float = 1.0
    """Of `kto`: how much an answer counts that is wanted."""
    unwanted_weight: float = 1.0
    """Of `kto`: how much an answer counts that is not wanted."""
    learns_prompt: bool = False
    """Of `orpo`: learn the prompt with the better answer, as TRL does, and not the answer alone, as its paper says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSettings:
    """Of the task `embed`: what is told apart from the right answers."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    negatives: Literal["auto", "in_batch", "mined"] = "auto"
    """Where wrong answers come from: from the other examples of a batch (`in_batch`, which `auto` takes), or also from
    those training texts that the base finds most similar without their being right (`mined`)."""
