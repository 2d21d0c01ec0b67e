"""How weights are trained, whatever the task; each setting is documented under its field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How the weights change. `auto` is filled from the data, the base and the method, with its origin."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    epochs: float | Literal["auto"] = "auto"
    """Passes over the training set."""
    learning_rate: float | Literal["auto"] = "auto"
    """The highest learning rate of the schedule."""
    learning_rate_multiplier: float = 1.0
    """What the learning rate that `auto` takes is multiplied with; one that is named stays as it is."""
    batch_examples: int | Literal["auto"] = "auto"
    """Examples behind one optimizer step (the effective batch)."""
    micro_tokens: int | Literal["auto"] = "auto"
    """Most tokens, padding included, computed at once; smaller saves memory; results differ by rounding
    and by which activations drop out."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """Shape of the learning rate after the warm-up: down to zero, or constant."""
    warmup_fraction: float = 0.1
    """Share of the steps in which the learning rate rises."""
    weight_decay: float | Literal["auto"] = "auto"
    """Decoupled weight decay of AdamW (not applied to biases and norms); `auto` is 0.01, and none for adapters."""
    dropout: float | Literal["auto"] = "auto"
    """Share of activations dropped in training; `auto` is 0.1 for encoders and none for language models."""
    clip_norm: float = 1.0
    """Largest norm of the gradients."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of the computation; `auto` looks at the processor."""
    evaluations: int = 8
    """How many times the validation set is scored during training (besides step 0)."""
    early_stopping: bool = True
    """Stop when the validation loss has provably risen and the metric no longer improves."""
    patience: int = 3
    """Validations without a better metric before early stopping may act."""
    checkpoint_steps: int | Literal["validation"] = "validation"
    """Steps between two checkpoints to resume from, or `validation`: one at each validation."""
    head_start: Literal["probe", "random"] = "probe"
    """How a new classification head starts: from a linear probe of the frozen base, or at random."""
    max_tokens: int | Literal["auto"] = "auto"
    """Most tokens that are read at once, of an example or, where one is read as several, of each of these."""
    long_texts: Literal["auto", "head", "head_tail", "windows"] = "auto"
    """What is read of a text with more than `max_tokens`, for the tasks that put a head on texts: its beginning
    (`head`), the first quarter and the last three quarters of so many tokens (`head_tail`, Sun et al. 2019), or all of
    it, in at most 8 windows whose features are averaged (`windows`: as many times slower). `auto` is head_tail."""
    text_pairs: Literal["auto", "together", "compared"] = "auto"
    """How two texts are read, for the same tasks: as one sequence (`together`), or each by itself, and the head stands
    on how their features differ and agree (`compared`). `auto` is compared for a base that was made to compare texts
    (it comes with the pooling of sentence-transformers), and together for others."""
    frozen_layers: int = 0
    """How many of the lowest layers keep the weights of the base, the word vectors with them."""
    cache: Literal["auto", "on", "off"] = "auto"
    """Whether what the frozen layers compute is kept on disk and read again in each epoch."""
    shared_prefix: bool = True
    """Compute the beginning that the conversations of a batch share (a system prompt) once; results are the same."""
    fused: bool = True
    """Compute the layers of known architectures by faster code of our own; results are the same."""
    checkpointing: Literal["auto", "on", "off"] = "auto"
    """Compute activations again in the backward pass, to save memory; `auto` does so only where memory is short."""
    averaging: bool = False
    """Try the mean of the three best weights, and keep it if validation says that it is better."""
    class_weights: Literal["none", "balanced"] = "none"
    """How much an example counts in the training loss: all the same, or the more the rarer its class is (the inverse of
    the root of how common it is, 1 on average). Validation is never weighted."""
    loss_spikes: Literal["stop", "note"] = "stop"
    """What a training loss that stays far above its usual size does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """Of the method `lora`: small matrices beside the frozen weights are trained, on all linear layers."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    rank: int = 16
    """Rank of the matrices: how much can be learned."""
    alpha: float = 32.0
    """Scale of what they add: alpha / rank, or alpha / sqrt(rank) for rslora."""
    dropout: float = 0.0
    """Share of their inputs dropped in training."""
    layers: int | Literal["all"] = "all"
    """All layers, or so many of the highest ones."""
    variant: Literal["lora", "rslora", "dora"] = "lora"
    """Plain, with the scale of rsLoRA, or DoRA (which trains the length of the weights apart from their direction)."""
    plus_ratio: float = 1.0
    """LoRA+: learning rate of the second matrix over that of the first."""
