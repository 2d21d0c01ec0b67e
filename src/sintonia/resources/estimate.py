"""Time and memory before anything is spent. The time is scaled from this machine's own forward speed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sintonia.methods import METHODS
from sintonia.records import Base, Resources
from sintonia.resources.pace import duration
from sintonia.resources.plan import (
    RUNTIME_BYTES,
    LanguageShape,
    Lengths,
    Workload,
    adapter_weights,
    language_peak_bytes,
    language_peak_parts,
    layer_weights,
)
from sintonia.settings import Recipe
from sintonia.tasks import TASKS, chat

_ACTIVATION_WIDTHS = 34
"""Float32 values kept for the backward pass per token, layer and unit of width (attention scores apart)."""
_ADAPTER_FACTOR = 2
"""How much more adapters beside every linear layer of an encoder keep."""
_GROUP_FACTOR = 16
"""Rows of like length are computed together, and others apart: about so many times the root of a batch's tokens."""
ALL_ROWS_TURNS = 1.6
"""A training on all rows against one on a part, which trains on two thirds of them and is validated besides."""
LONG_SECONDS = 30 * 60.0
"""From here on a person who gave no budget is told how to wait less."""
FORWARD_AND_BACKWARD = 3.0
"""A training step costs this many forward passes: one forward, two for both gradients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSizes:
    """What the estimate needs to know of the data."""

    num_train: int
    num_validation: int
    longest_tokens: int


def encoder_peak_bytes(recipe: Recipe, base: Base, micro_tokens: int) -> int:
    """Weights, gradients, AdamW's two moments, the best weights, activations of a micro-batch, runtime; in bytes."""
    return sum(encoder_peak_parts(recipe, base, micro_tokens).values())


def encoder_peak_parts(recipe: Recipe, base: Base, micro_tokens: int) -> dict[str, int]:
    """The same by what it is needed for."""
    trained = num_trained(recipe, shape_of(base))
    return {
        "weights": 4 * base.num_parameters,
        "gradients": 4 * trained,
        "optimizer": 8 * trained,
        "kept weights": 4 * trained,
        "activations": _kept_bytes(recipe, base, micro_tokens) if trained else 0,
        "runtime": RUNTIME_BYTES,
    }


def _kept_bytes(recipe: Recipe, base: Base, micro_tokens: int) -> int:
    """What a micro-batch keeps for its backward pass; a language model with a head is computed by its plain layers."""
    has_adapters, frozen = METHODS[recipe.method].has_adapters, num_frozen(recipe, base.num_layers)
    if base.kind == "language":
        rank = recipe.lora.rank if has_adapters else 0
        work = Workload(
            num_trained=0,
            micro_tokens=micro_tokens,
            longest_tokens=1,
            learned_fraction=0.0,
            frozen_layers=frozen,
            rank=rank,
            is_fused=False,
        )
        return language_peak_parts(shape_of(base), work)["activations"]
    cells = micro_tokens * (base.num_layers - frozen) * base.hidden_size
    return 4 * _ACTIVATION_WIDTHS * cells * (_ADAPTER_FACTOR if has_adapters else 1)


def _peak(recipe: Recipe, base: Base, sizes: SetSizes) -> int:
    if TASKS[recipe.task].BASE == "language":
        lengths = Lengths(longest=(sizes.longest_tokens,), max_tokens=sizes.longest_tokens + 1)  # none was cut
        shape = shape_of(base)
        return language_peak_bytes(shape, workload_of(recipe, shape, lengths))
    return encoder_peak_bytes(recipe, base, _tokens_at_once(recipe, sizes))


def shape_of(base: Base, settings: Any = None) -> LanguageShape:
    """The shape of a base. Its record does not know that heads may share keys: without the settings it is too much."""
    hidden = base.hidden_size
    heads = pairs = size = None
    if settings is not None:
        text = getattr(settings, "text_config", None) or settings
        heads = getattr(text, "num_attention_heads", None)
        pairs, size = getattr(text, "num_key_value_heads", None), getattr(text, "head_dim", None)
    heads = heads if isinstance(heads, int) else 1
    size = size if isinstance(size, int) else hidden // heads
    return LanguageShape(
        num_parameters=base.num_parameters,
        num_layers=base.num_layers,
        hidden_size=hidden,
        intermediate_size=base.intermediate_size or 4 * hidden,
        vocabulary_size=base.vocabulary_size,
        query_width=heads * size,
        pair_width=(pairs if isinstance(pairs, int) else heads) * size,
    )


def workload_of(
    recipe: Recipe, shape: LanguageShape, lengths: Lengths | None = None, *, can_fuse: bool = True
) -> Workload:
    """How a recipe trains a language model; what is still `auto` is as usual, without `lengths` rows are short."""
    training, adapted = recipe.training, METHODS[recipe.method].has_adapters
    batch: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    if lengths is not None:
        most = lengths.longest[0] if training.max_tokens == "auto" else int(training.max_tokens)
        batch = lengths.of_batch(int(training.batch_examples), most)
        rows = lengths.of_batch(max(len(batch), len(lengths.longest)), most)
    is_fused = can_fuse and training.fused
    shares = is_fused and training.shared_prefix and not (adapted and recipe.lora.dropout)
    return Workload(
        num_trained=num_trained(recipe, shape),
        micro_tokens=chat.MICRO_TOKENS if training.micro_tokens == "auto" else int(training.micro_tokens),
        longest_tokens=batch[0] if batch else 1,
        row_tokens=rows,
        batch_rows=1 if lengths is None else int(training.batch_examples),
        batch_tokens=sum(batch) if batch else None,
        learned_fraction=lengths.learned_fraction if lengths else 1.0,
        shared_tokens=lengths.shared_tokens if lengths and shares else 0,
        frozen_layers=num_frozen(recipe, shape.num_layers),
        rank=recipe.lora.rank if adapted else 0,
        is_fused=is_fused,
        uses_checkpoints=training.checkpointing == "on",
        is_averaged=training.averaging,
    )


def _tokens_at_once(recipe: Recipe, sizes: SetSizes) -> int:
    """Tokens of a large micro-batch of texts that differ in length as texts do."""
    batch = int(recipe.training.batch_examples) * sizes.longest_tokens
    usual = max(sizes.longest_tokens, round(_GROUP_FACTOR * math.sqrt(batch)))
    return min(int(recipe.training.micro_tokens), batch, usual)


def num_frozen(recipe: Recipe, num_layers: int) -> int:
    """How many of the lowest layers learn nothing: those that are frozen, or those below the adapters."""
    if not METHODS[recipe.method].has_adapters:
        return min(recipe.training.frozen_layers, num_layers)
    return 0 if recipe.lora.layers == "all" else max(0, num_layers - int(recipe.lora.layers))


def num_trained(recipe: Recipe, shape: LanguageShape) -> int:
    """Weights that a recipe trains, without a new head: all, those above the frozen layers, of adapters, or none."""
    method, frozen = METHODS[recipe.method], num_frozen(recipe, shape.num_layers)
    if method.has_adapters:
        return adapter_weights(shape, recipe.lora.rank) // shape.num_layers * (shape.num_layers - frozen)
    if not method.trains_encoder:
        return 0
    # Of an encoder only the vectors of words that are met train; frozen layers stand on frozen vectors.
    words = shape.vocabulary_size * shape.hidden_size if TASKS[recipe.task].BASE == "encoder" or frozen else 0
    return max(0, shape.num_parameters - words - frozen * layer_weights(shape))


def estimate_turn(recipe: Recipe, base: Base, sizes: SetSizes, seconds_per_example: float) -> Resources:
    """Cost of one turn, from the measured seconds of one forward pass of one example."""
    training, trains_encoder = recipe.training, METHODS[recipe.method].trains_encoder
    seconds = 0.05 * float(training.epochs) + 1.0
    if trains_encoder:
        probed = min(sizes.num_validation, TASKS[recipe.task].PROBE_EXAMPLES)
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
    seconds = turn.seconds * (num_parts + ALL_ROWS_TURNS)
    return Resources(
        basis="estimated",
        seconds=seconds,
        stages={"train": seconds},
        peak_memory_bytes=turn.peak_memory_bytes,
        disk_bytes=turn.disk_bytes * trainings,
    )


def in_words(estimate: Resources, num_parts: int) -> str:
    """The estimate as a person is told it."""
    memory = f"{estimate.peak_memory_bytes / 2**30:.1f} GiB of memory"
    what = f", for {num_parts} trainings on parts of the rows and one on all" if num_parts > 1 else ""
    if estimate.low_seconds is None or estimate.high_seconds is None:
        return f"training takes about {duration(estimate.seconds)}{what}, and {memory}"
    between = f"{duration(estimate.low_seconds)} to {duration(estimate.high_seconds)}"
    stages = {"training": estimate.stages.get("train"), "judging": estimate.stages.get("evaluate")}
    parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in stages.items() if seconds is not None)
    whole = f"the whole run takes about {duration(estimate.seconds)} ({between}: {parts}){what}"
    return f"{whole}, and {memory}"


def advice_on_time(recipe: Recipe, estimate: Resources, num_parts: int) -> str:
    """How to make a long training shorter; nothing where it is within the budget, or short where there is none.

    `recipe` is without any `auto`, `estimate` that of all parts.
    """
    budget, asks = recipe.budget_seconds, "this is long"
    if estimate.seconds <= (LONG_SECONDS if budget is None else budget):
        return ""
    if budget is not None:
        asks = f"this is more than the budget of {duration(budget)}, which only ends the adjusting"
    return f"{asks}; shorter: {', '.join(_shorter(recipe, num_parts))}; Ctrl-C pauses, and nothing is lost"


def _shorter(recipe: Recipe, num_parts: int) -> Iterator[str]:
    """What would take less time, the most first."""
    training, method = recipe.training, METHODS[recipe.method]
    if num_parts > 1:
        yield f"`--test FILE` with rows of your own (one training, not {num_parts + 1})"
    if method.trains_encoder and METHODS["head"].learns(TASKS[recipe.task]):
        yield "`--method head`"
    if float(training.epochs) > 1:
        yield f"`training.epochs={max(1, int(float(training.epochs)) // 2)}` (now {float(training.epochs):g})"
    yield "a smaller `--base`"
