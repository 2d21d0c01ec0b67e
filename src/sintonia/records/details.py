"""The nouns of what stands behind a verdict, told in full beside it. Nothing here is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sintonia.records.verdict import Interval

ForgettingSeverity = Literal["none", "note", "warning", "serious"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorScore:
    """Base and tuned model on the anchor texts of one language: bits per byte, or the share of halves found again."""

    language: str
    num_texts: int
    base: float
    tuned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A way back that needs no training: going only so far from the base. Chosen on validation; offered, not taken."""

    scale: float
    """0 is the base, 1 the tuned model; between them adapters are scaled and weights interpolated."""
    validation: float
    """The metric on validation at this scale."""
    validation_full: float
    """The same at scale 1."""
    standard_error: float
    """Of the value of the best scale that was tried; in runs from before, of the paired difference to it."""
    anchors: float
    """What the model makes of the anchor texts at this scale, as `Forgetting.tuned`."""
    recovered_fraction: float
    """Share of what was lost on the anchor texts that is back; 1 is all of it."""
    metric: str
    num_validation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """What the tuned model has lost of what the base could do, on texts that have nothing to do with the task."""

    kind: Literal["language", "encoder"]
    divergence: float | None
    """Mean KL(base || tuned) in nats a token on prompts and answers of the task; a language model only."""
    anchors: tuple[AnchorScore, ...]
    base: float | None
    """Over all anchor texts: bits per byte (language), or the share of halves found again (encoder).

    None where nothing was computed."""
    tuned: float | None
    change: Interval
    """Relative change of bits per byte (more is worse), or difference of the shares (less is worse)."""
    p_value: float
    severity: ForgettingSeverity
    remedy: Remedy | None = None
    is_untouched: bool = False
    """No weight of the base differs: nothing can have been forgotten, and nothing was computed."""
