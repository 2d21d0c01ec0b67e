"""Time and memory before anything is spent. The time is scaled from this machine's own forward speed."""

from __future__ import annotations

from sintonia.methods import METHODS
from sintonia.records import Base, Resources
from sintonia.settings import Recipe

RUNTIME_BYTES = 650 * 2**20
"""Python with torch, transformers and scikit-learn loaded."""
DEFAULT_MICRO_TOKENS = 4096
_ACTIVATION_WIDTHS = 34
"""Float32 values kept for the backward pass per token, layer and unit of width (attention scores apart)."""
FORWARD_AND_BACKWARD = 3.0
"""A training step costs this many forward passes: one forward, two for both gradients."""


def peak_memory_bytes(
    num_parameters: int, *, num_trained: int, layers: int, hidden_size: int, micro_tokens: int
) -> int:
    """Weights, gradients, AdamW's two moments, the best weights, activations of a micro-batch, runtime; bytes."""
    weights = 4 * num_parameters + 16 * num_trained
    activations = 4 * _ACTIVATION_WIDTHS * layers * hidden_size * micro_tokens if num_trained else 0
    return RUNTIME_BYTES + weights + activations


def estimate_turn(
    recipe: Recipe, base: Base, num_train: int, num_validation: int, seconds_per_example: float
) -> Resources:
    """Cost of one turn, from the measured seconds of one forward pass of one example."""
    training = recipe.training
    seconds = 0.05 * float(training.epochs) + 1.0
    if METHODS[recipe.method].trains_encoder:
        scored = (training.evaluations + 2) * (num_validation + min(num_validation, 512))
        seconds = seconds_per_example * (FORWARD_AND_BACKWARD * float(training.epochs) * num_train + scored)
    return Resources(
        basis="estimated", seconds=seconds, stages={"train": seconds}, peak_memory_bytes=base.estimated_memory_bytes
    )
