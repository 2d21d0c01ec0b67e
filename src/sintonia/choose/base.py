"""Pins the base a recipe names, with reasons and a memory estimate. It trains nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

from sintonia.errors import UsageError
from sintonia.methods import DEFAULTS
from sintonia.models.catalog import Entry, default_base, find_entry
from sintonia.models.shape import BaseShape, read_shape
from sintonia.models.sources import BaseFiles, locate, pin
from sintonia.records import Base
from sintonia.resources.estimate import DEFAULT_MICRO_TOKENS, encoder_peak_bytes, shape_of, workload_of
from sintonia.resources.memory import free_bytes
from sintonia.resources.plan import LEAST_MICRO_TOKENS, language_peak_bytes
from sintonia.settings import Recipe

_NEEDS = {"classify": ("encoder", "an encoder"), "chat": ("language", "a causal language model")}


def choose(recipe: Recipe, task: str) -> Base:
    """The base of the recipe for this task, fetched, pinned by the hash of its weights and found to fit this machine.

    Raises:
        UsageError: unknown base, one that is not for this task, or it does not fit in memory.
        StorageError: the base cannot be loaded.
    """
    name = default_base(task) if recipe.base == "auto" else recipe.base
    method = DEFAULTS[task] if recipe.method == "auto" else recipe.method
    entry = find_entry(name)
    files = locate(entry)
    shape = _shape(files)
    _check_kind(name, shape, task)
    base = Base(
        reference=pin(entry, files),
        revision=files.revision,
        licence=entry.licence,
        num_parameters=shape.num_parameters,
        num_layers=shape.num_layers,
        hidden_size=shape.hidden_size,
        max_tokens=shape.max_tokens,
        why=(),
        estimated_memory_bytes=0,
        kind="language" if shape.kind == "language" else "encoder",
        vocabulary_size=shape.vocabulary_size,
        intermediate_size=shape.intermediate_size,
    )
    settled: dict[str, Any] = {"task": task, "method": method}
    (estimated, least), free = _estimate(dataclasses.replace(recipe, **settled), base), free_bytes()
    if least > free:
        raise UsageError(
            f"`{name}` with method {method} needs about {least / 2**30:.1f} GiB of memory, "
            f"{free / 2**30:.1f} GiB are free",
            hint=_what_needs_less(task, method),
        )
    memory = f"needs at most about {estimated / 2**30:.1f} GiB of memory with method {method}"
    why = (*_why(recipe, entry, task), f"{memory}; {free / 2**30:.1f} GiB are free")
    return dataclasses.replace(base, why=why, estimated_memory_bytes=estimated)


def _shape(files: BaseFiles) -> BaseShape:
    """The shape of the base; an encoder is small, and opened to see that it can be."""
    shape = read_shape(files)
    if shape.kind == "encoder":
        from sintonia.models.pooled import load_encoder

        model = load_encoder(files.model)
        return dataclasses.replace(shape, num_parameters=sum(value.numel() for value in model.parameters()))
    return shape


def _check_kind(name: str, shape: BaseShape, task: str) -> None:
    kind, in_words = _NEEDS[task]
    if shape.kind != kind:
        raise UsageError(
            f"the task {task} needs {in_words}, and `{name}` is none (its type is {shape.model_type})",
            hint=f"take `--base {default_base(task)}`, or leave it on auto",
        )


def _estimate(recipe: Recipe, base: Base) -> tuple[int, int]:
    """The most memory that training takes as it is meant, and the least it can do with, in bytes."""
    if recipe.task == "chat":
        shape = shape_of(base)
        usual = workload_of(recipe, shape)
        least = dataclasses.replace(usual, micro_tokens=LEAST_MICRO_TOKENS, uses_checkpoints=True)
        return language_peak_bytes(shape, usual), language_peak_bytes(shape, least)
    micro = recipe.training.micro_tokens
    most = encoder_peak_bytes(recipe, base, DEFAULT_MICRO_TOKENS if micro == "auto" else int(micro))
    return most, most


def _what_needs_less(task: str, method: str) -> str:
    if task == "classify":
        return "take `--method head`, or a smaller base"
    return "take a smaller `training.micro_tokens` or base" if method == "lora" else "take `--method lora`"


def _why(recipe: Recipe, entry: Entry, task: str) -> tuple[str, ...]:
    known_as = {"classify": "classifying text", "chat": "conversations"}
    why = f"the default for {known_as[task]}" if recipe.base == "auto" else "named in the recipe"
    return (entry.description, why) if entry.description else (why,)
