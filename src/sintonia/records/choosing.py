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
    """What this process may hold: what is free, and what it holds already."""
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
    num_parameters: int = 0
    """0 where it was put out before anybody looked."""
    licence: str = "unknown"


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
    metric: str = ""
    """What scores and headroom are of."""
    best_score: float | None = None
    """Of the best rung, on training examples that it was not fitted on."""
    attainable: float | None = None
    """Perfect, less the labels that look wrong where that share may be claimed; none where nobody can say it."""
    num_measured: int = 0
    """Training examples that the best rung was measured on."""
    advice: str = ""
    """What to do, where it is not tuning as it stands."""
    hints: tuple[str, ...] = ()
    """What speaks for another way, such as knowledge that changes; never a reason to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One cheap way to do the task, on training examples that it was not fitted on."""

    name: str
    score: float
    needs_fitting: bool
    """Whether it was fitted on other training examples; else it needs none, or has a few in its prompt."""
    num_measured: int
    shots: int = 0
    """Answered examples in its prompt."""
    exact_fraction: float | None = None
    """Share of the answers that it would write letter by letter, of a language model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beforehand:
    """What the training examples and the untouched base tell before any training."""

    task: str
    metric: str
    tried: tuple[Tried, ...]
    num_train: int
    evidence: Literal["found", "not found", "not asked"]
    """Whether the answers follow from the inputs, as far as cheap means can tell."""
    evidence_in_words: str
    per_class: float | None = None
    """Training examples of the middle class, where there are classes."""
    noise_fraction: float | None = None
    """Share of the labels that look wrong, where it may be claimed."""
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSignal:
    """What the audit of labels has measured with the frozen base, for whoever asks later."""

    p_value: float
    """Share of shufflings of the labels that are predicted as well as they are (D110); 1 where nothing could be."""
    noise_range: tuple[float, float] | None = None
    """Least and most share of the labels that look wrong, where it may be claimed (D127)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A base of the catalog, as a person looks at it. What nobody looked up is empty or None."""

    name: str
    """Empty for one that the catalog does not have."""
    reference: str
    """What `--base` takes; with the commit where one is pinned or here."""
    is_pinned: bool
    """Whether the reference will name the same files tomorrow; else the first use pins it."""
    is_embedded: bool
    """Whether it comes from the package index."""
    is_own: bool
    """Whether it is of the person's own catalog."""
    kind: str
    """`encoder` or `language`."""
    tasks: tuple[str, ...]
    languages: tuple[str, ...]
    """ISO 639 codes; `multilingual` where there are more than are listed."""
    description: str
    licence: str
    commercial: str
    """`yes`, `with conditions` or `no`."""
    condition: str
    must_be_named: bool | None
    is_gated: bool | None
    """Whether the hub gives it only to accounts that asked for it."""
    has_chat_template: bool | None
    num_parameters: int | None
    num_layers: int | None
    hidden_size: int | None
    max_tokens: int | None
    memory_bytes: int | None
    """To hold its weights in float32; training takes more."""
    folder: str
    """Where it lies; empty where it is not on this machine."""
    disk_bytes: int | None
    source: str
    """Where the facts were looked up."""
