"""The nouns of choosing a base: the machine, what fits on it, how bases rank, and whether tuning is worth its while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """A GPU that torch can use."""

    name: str
    memory_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this machine has, now."""

    processor: str
    """Name of the CPU."""
    num_cores: int
    """Cores this process may use."""
    vector_units: tuple[str, ...]
    """Of avx2, avx512f, avx512_bf16, amx_bf16, neon: those that are there."""
    memory_bytes: int
    free_memory_bytes: int
    free_disk_bytes: int
    """Where bases are kept."""
    gpus: tuple[Processor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether one base can be trained by one method on this machine."""

    base: str
    method: str
    outcome: Literal["fits", "fits with checkpointing", "does not fit", "unknown"]
    peak_memory_bytes: int
    disk_bytes: int
    parts: dict[str, int]
    """Bytes of weights, gradients, optimizer, activations, cache and the rest."""
    reason: str
    nearest: str = ""
    """The nearest setting that fits, where it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fertility:
    """How many tokens a base spends on a word of the texts."""

    tokens_per_word: float
    tokens_per_byte: float
    unknown_fraction: float
    """Share of the tokens that stand for what the tokenizer does not know."""
    language: str
    """Of most texts, as two letters; empty where it cannot be told."""
    remark: str = ""
    """What this means, where it is bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One base in a ranking."""

    base: str
    rank: int
    """1 is the best; 0 for a base that was filtered out."""
    mean_rank: float | None
    """Mean of the ranks by the scores."""
    scores: dict[str, float]
    """By name: h_score, log_me, probe; bits_per_byte, few_shot_bits; short_training."""
    seconds: float
    """What the scoring took."""
    fit: Fit | None = None
    fertility: Fertility | None = None
    is_tied_with_first: bool = False
    """Whether the difference to the first is within its error."""
    why_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Bases in order, and why."""

    task: str
    bases: tuple[Ranked, ...]
    """Best first; those that were filtered out last."""
    num_examples: int
    """Training examples that the scores were computed on."""
    chosen: str
    why: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Whether tuning is worth its while, before any training, on training examples alone."""

    answer: Literal["tune", "a probe is enough", "a prompt is enough", "more examples first", "unclear"]
    reasons: tuple[str, ...]
    best_rung: str = ""
    headroom: float | None = None
    """How far the best rung that needs no training of the base is from perfect, in the units of the metric."""
    break_even_queries: float | None = None
    """Answers after which tuning has cost less than putting examples before each prompt (science.md 8)."""
