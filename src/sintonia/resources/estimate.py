"""Time and memory before anything is spent. The time is scaled from this machine's own forward speed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sintonia.methods import METHODS
from sintonia.records import Base, Resources
from sintonia.resources.plan import (
    MICRO_TOKENS,
    RUNTIME_BYTES,
    LanguageShape,
    Workload,
    adapter_weights,
    language_peak_bytes,
)
from sintonia.settings import Recipe

DEFAULT_MICRO_TOKENS = 4096
_ACTIVATION_WIDTHS = 34
"""Float32 values kept for the backward pass per token, layer and unit of width (attention scores apart)."""
_ADAPTER_FACTOR = 2
"""How much more adapters beside every linear layer of an encoder keep."""
_GROUP_FACTOR = 16
"""Rows of like length are computed together, and others apart: about so many times the root of a batch's tokens."""
_ALL_ROWS_TURNS = 1.6
"""A training on all rows against one on a part, which trains on two thirds of them and is validated besides."""
_PROBED = {"chat": 64}
"""Training examples whose loss is followed, where they are fewer than usual."""
FORWARD_AND_BACKWARD = 3.0
"""A training step costs this many forward passes: one forward, two for both gradients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSizes:
    """What the estimate needs to know of the data."""

    num_train: int
    num_validation: int
    longest_tokens: int


def peak_memory_bytes(num_parameters: int, num_trained: int, cells: int) -> int:
    """Weights, gradients, AdamW's two moments, the best weights, activations, runtime; in bytes.

    `cells` are tokens of the largest micro-batch times layers times width.
    """
    weights = 4 * num_parameters + 16 * num_trained
    return RUNTIME_BYTES + weights + (4 * _ACTIVATION_WIDTHS * cells if num_trained else 0)


def _peak(recipe: Recipe, base: Base, sizes: SetSizes) -> int:
    if recipe.task == "chat":
        return language_peak_bytes(shape_of(base), workload_of(recipe, base, sizes.longest_tokens))
    cells = _tokens_at_once(recipe, sizes) * base.num_layers * base.hidden_size
    cells *= _ADAPTER_FACTOR if METHODS[recipe.method].has_adapters else 1
    return peak_memory_bytes(base.num_parameters, num_trained_of(recipe, base), cells)


def shape_of(base: Base) -> LanguageShape:
    """The shape of a language model by its record, which does not know that some share keys: a little too much then."""
    return LanguageShape(
        num_parameters=base.num_parameters,
        num_layers=base.num_layers,
        hidden_size=base.hidden_size,
        intermediate_size=base.intermediate_size or 4 * base.hidden_size,
        vocabulary_size=base.vocabulary_size,
        query_width=base.hidden_size,
        pair_width=base.hidden_size,
    )


def workload_of(recipe: Recipe, base: Base, longest_tokens: int) -> Workload:
    """How a recipe trains a language model; where its micro-batches are still `auto`, they are the usual ones."""
    training = recipe.training
    micro = training.micro_tokens
    has_adapters = METHODS[recipe.method].has_adapters
    skipped = training.frozen_layers
    if has_adapters and recipe.lora.layers != "all":
        skipped = max(skipped, base.num_layers - int(recipe.lora.layers))
    return Workload(
        num_trained=num_trained_of(recipe, base),
        micro_tokens=MICRO_TOKENS if micro == "auto" else int(micro),
        longest_tokens=longest_tokens,
        batch_tokens=int(training.batch_examples) * longest_tokens,
        frozen_layers=skipped,
        rank=recipe.lora.rank if has_adapters else 0,
        weight_bytes=2 if training.precision == "bf16" else 4,
        is_fused=training.fused,
        uses_checkpoints=training.checkpointing == "on",
        is_averaged=training.averaging,
    )


def _tokens_at_once(recipe: Recipe, sizes: SetSizes) -> int:
    """Tokens of a large micro-batch of texts that differ in length as texts do."""
    batch = int(recipe.training.batch_examples) * sizes.longest_tokens
    usual = max(sizes.longest_tokens, round(_GROUP_FACTOR * math.sqrt(batch)))
    return min(int(recipe.training.micro_tokens), batch, usual)


def num_trained_of(recipe: Recipe, base: Base) -> int:
    """Weights that the method of the recipe trains (without a new head): all, those of adapters, or none."""
    method = METHODS[recipe.method]
    if recipe.task == "chat":
        return adapter_weights(shape_of(base), recipe.lora.rank) if method.has_adapters else base.num_parameters
    if not method.has_adapters:
        words = base.vocabulary_size * base.hidden_size  # of an encoder, only the vectors of words that are met train
        return base.num_parameters - words if method.trains_encoder else 0
    middle = base.intermediate_size or 4 * base.hidden_size
    widths = 8 * base.hidden_size + 2 * (base.hidden_size + middle)  # four square matrices and two between
    num_layers = base.num_layers if recipe.lora.layers == "all" else recipe.lora.layers
    return recipe.lora.rank * widths * num_layers


def estimate_turn(recipe: Recipe, base: Base, sizes: SetSizes, seconds_per_example: float) -> Resources:
    """Cost of one turn, from the measured seconds of one forward pass of one example."""
    training, trains_encoder = recipe.training, METHODS[recipe.method].trains_encoder
    seconds = 0.05 * float(training.epochs) + 1.0
    if trains_encoder:
        probed = min(sizes.num_validation, _PROBED.get(recipe.task, 512))
        scored = (training.evaluations + 2) * (sizes.num_validation + probed)
        steps = FORWARD_AND_BACKWARD * float(training.epochs) * sizes.num_train
        seconds = seconds_per_example * (steps + scored)
    peak = _peak(recipe, base, sizes)
    features = sizes.num_train + sizes.num_validation
    disk = 4 * base.num_parameters + 4 * base.hidden_size * features
    return Resources(
        basis="estimated", seconds=seconds, stages={"train": seconds}, peak_memory_bytes=peak, disk_bytes=disk
    )


def estimate_parts(turn: Resources, num_parts: int) -> Resources:
    """Cost of the first turn of each part and, when there are several, of the training on all rows at the end."""
    if num_parts == 1:
        return turn
    trainings = num_parts + 1
    seconds = turn.seconds * (num_parts + _ALL_ROWS_TURNS)
    return Resources(
        basis="estimated",
        seconds=seconds,
        stages={"train": seconds},
        peak_memory_bytes=turn.peak_memory_bytes,
        disk_bytes=turn.disk_bytes * trainings,
    )


def in_words(estimate: Resources, num_parts: int) -> str:
    """The estimate as a person is told it."""
    what = "a turn"
    if num_parts > 1:
        what = f"in all, for {num_parts} trainings on parts of the rows and one on all (less with `--method head`),"
    memory = f"{estimate.peak_memory_bytes / 2**30:.1f} GiB of memory"
    return f"training takes about {estimate.seconds:.0f} s {what} and {memory}"
