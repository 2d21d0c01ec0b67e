"""What a method is: which weights train, how fast, and whether the encoder stays as it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to change weights.

    `trains_encoder` False means that features are computed once and only the head sees gradients.
    """

    name: str
    trains_encoder: bool
    learning_rate: float
    learning_rate_origin: str
    bytes_per_weight: int
    """Weights, gradients and optimizer state of one trained weight."""
