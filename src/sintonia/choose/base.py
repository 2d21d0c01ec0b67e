"""Pins the base a recipe names, with reasons and a memory estimate. It trains nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sintonia.errors import Unavailable, UsageError
from sintonia.methods import METHODS, Method
from sintonia.models.catalog import Entry, default_base, find_entry
from sintonia.models.catalog.here import folder_here
from sintonia.models.shape import BaseShape, adapter_notes, can_classify, read_shape
from sintonia.models.sources import BaseFiles, locate, pin
from sintonia.models.sources.folder import is_adapter
from sintonia.records import Base
from sintonia.resources.estimate import encoder_peak_bytes, shape_of, workload_of
from sintonia.resources.memory import free_bytes
from sintonia.resources.plan import LEAST_MICRO_TOKENS, language_peak_bytes
from sintonia.settings import Recipe
from sintonia.tasks import TASKS, kinds_for, usual_micro_tokens

KINDS = {"encoder": "an encoder", "language": "a causal language model"}
"""The kinds of base in words."""
NAMED = "named in the recipe"


def choose(recipe: Recipe, task: str) -> Base:
    """The base of the recipe for this task, fetched, pinned by the hash of its weights and found to fit this machine.

    Raises:
        UsageError: unknown base, one that is not for this task, or it does not fit in memory.
        StorageError: the base cannot be loaded.
    """
    name = _name(recipe, task)
    entry = find_entry(name)
    files = locate(entry)
    shape = _shape(files)
    _check_kind(name, shape, task)
    base = _described(entry, shape, pin(entry, files), files.revision)
    estimated = _refuse_too_large(recipe, task, base)
    memory = f"needs at most about {estimated / 2**30:.1f} GiB of memory with method {_method(recipe, task)}"
    notes = adapter_notes(files) if shape.kind == "language" else ()
    why = (*_why(recipe, entry, task), *notes, f"{memory}; {free_bytes() / 2**30:.1f} GiB are free")
    is_stand_in = recipe.base == "auto" and name != default_base(task)
    origin = "on this machine, where the default is not and nothing may be fetched" if is_stand_in else ""
    return dataclasses.replace(
        base,
        why=why,
        estimated_memory_bytes=estimated,
        tokenizer_revision=files.tokenizer_revision,
        origin=origin,
        is_for_similarity=bool(entry.is_for_similarity) or _has_pooling_alone(files.model),
    )


def foresee(recipe: Recipe, task: str) -> Base | None:
    """What `choose` will say of a base, as far as its files on this machine tell: nothing is fetched, hashed or opened.

    None of a base that is not here yet, or not yet in the form in which it is used.

    Raises:
        UsageError: it is not for this task, or it does not fit in memory.
        StorageError: its settings cannot be read.
    """
    entry = find_entry(_name(recipe, task))
    if not is_here(entry):
        return None
    shape = read_shape(locate(entry))
    _check_kind(_name(recipe, task), shape, task)
    base = _described(entry, shape, entry.reference, revision="")
    _refuse_too_large(recipe, task, base)
    return base


def can_learn(recipe: Recipe, task: str) -> bool:
    """False where the base that a recipe names is known to be of the wrong kind for a task."""
    return _known_kind(recipe, task) in ("", *kinds_for(TASKS[task]))


def is_usual_kind(recipe: Recipe, task: str) -> bool:
    """False where the base that a recipe names is known to be of another kind than is usual for a task."""
    return _known_kind(recipe, task) in ("", TASKS[task].BASE)


def _known_kind(recipe: Recipe, task: str) -> str:
    """The kind of the base that a recipe names; empty of one that is not on this machine."""
    entry = find_entry(_name(recipe, task))
    return read_shape(locate(entry)).kind if is_here(entry) else ""


def _name(recipe: Recipe, task: str) -> str:
    from sintonia.choose.ranking.entering import usual_base  # it asks here what is on this machine

    return usual_base(task) if recipe.base == "auto" else recipe.base


def _method(recipe: Recipe, task: str) -> str:
    return TASKS[task].METHOD if recipe.method == "auto" else recipe.method


def refusal(task: str, method: Method, kind: str) -> str:
    """Why a base of this kind does not learn a task by a method; empty where it does."""
    if kind not in kinds_for(TASKS[task]):
        return f"the task {task} needs {KINDS[TASKS[task].BASE]}"
    if not method.learns(TASKS[task]):
        return f"the method {method.name} does not learn the task {task}"
    return "" if kind in method.bases else f"the method {method.name} needs {KINDS[method.bases[0]]}"


def is_here(entry: Entry) -> bool:
    """Whether a base lies on this machine as a model of its own, ready to be read; nothing is fetched or opened."""
    folder = folder_here(entry)
    return folder is not None and folder.is_dir() and not is_adapter(folder)


def _described(entry: Entry, shape: BaseShape, reference: str, revision: str) -> Base:
    return Base(
        reference=reference,
        revision=revision,
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


def _refuse_too_large(recipe: Recipe, task: str, base: Base) -> int:
    """The most memory that training takes, in bytes.

    Raises:
        Unavailable: there is not even room for the least it can do with.
    """
    method = _method(recipe, task)
    settled: dict[str, Any] = {"task": task, "method": method}
    (estimated, least), free = _estimate(dataclasses.replace(recipe, **settled), base), free_bytes()
    if least > free:
        raise Unavailable(
            f"`{_name(recipe, task)}` with method {method} needs about {least / 2**30:.1f} GiB of memory, "
            f"{free / 2**30:.1f} GiB are free",
            hint=_what_needs_less(task, method),
        )
    return estimated


def _shape(files: BaseFiles) -> BaseShape:
    """The shape of the base; an encoder is small, and opened to see that it can be."""
    shape = read_shape(files)
    if shape.kind == "encoder":
        from sintonia.models.pooled import load_encoder

        model = load_encoder(files.model)
        return dataclasses.replace(shape, num_parameters=sum(value.numel() for value in model.parameters()))
    return shape


def _has_pooling_alone(folder: Path) -> bool:
    """Whether sentence-transformers opens it as features of texts: a classifier of ours has more, a plain base less."""
    return (folder / "modules.json").is_file() and not (folder / "3_Dense").exists()


def _check_kind(name: str, shape: BaseShape, task: str) -> None:
    hint = f"take `--base {default_base(task)}`, or leave it on auto"
    if shape.kind not in kinds_for(TASKS[task]):
        raise UsageError(
            f"the task {task} needs {KINDS[TASKS[task].BASE]}, and `{name}` is none (its type is {shape.model_type})",
            hint=hint,
        )
    if shape.kind != TASKS[task].BASE and not can_classify(shape.model_type):
        raise UsageError(
            f"`{name}` cannot be a classifier: transformers has none that reads at the last token of a model of the "
            f"type {shape.model_type}",
            hint=hint,
        )


def _estimate(recipe: Recipe, base: Base) -> tuple[int, int]:
    """The most memory that training takes as it is meant, and the least it can do with, in bytes."""
    if TASKS[recipe.task].BASE == "language":
        shape = shape_of(base)
        usual = workload_of(recipe, shape)
        least = dataclasses.replace(usual, micro_tokens=LEAST_MICRO_TOKENS, uses_checkpoints=True)
        return language_peak_bytes(shape, usual), language_peak_bytes(shape, least)
    asked = recipe.training.micro_tokens
    micro = usual_micro_tokens(TASKS[recipe.task], base.kind) if asked == "auto" else int(asked)
    most = encoder_peak_bytes(recipe, base, micro)
    return most, most


def _what_needs_less(task: str, method: str) -> str:
    if METHODS["head"].learns(TASKS[task]):
        return "take a smaller base" if method == "head" else "take `--method head`, or a smaller base"
    return "take a smaller `training.micro_tokens` or base" if method == "lora" else "take `--method lora`"


def _why(recipe: Recipe, entry: Entry, task: str) -> tuple[str, ...]:
    why = f"the default for {TASKS[task].IN_WORDS}" if recipe.base == "auto" else NAMED
    if recipe.base == "auto" and _name(recipe, task) != default_base(task):
        why = f"the default, `{default_base(task)}`, is not on this machine, and nothing may be fetched; this one is"
    return (entry.description, why) if entry.description else (why,)
