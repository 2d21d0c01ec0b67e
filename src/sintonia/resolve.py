"""Fills every `auto` of a recipe, and says where each value came from. It reads no file and asks nobody."""

from __future__ import annotations

import dataclasses
import math
import platform
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError
from sintonia.methods import METHODS
from sintonia.records import Base, Prepared, Resolved
from sintonia.settings import Recipe, TrainingSettings

_TARGET_STEPS = {"probe": 150, "random": 450}
"""Optimizer steps aimed at; a head that starts from the probe needs only to settle (science.md 6.3)."""


def resolve(recipe: Recipe, base: Base, prepared: Prepared) -> tuple[Recipe, tuple[Resolved, ...]]:
    """The recipe without any `auto`, and each setting with its origin.

    Raises:
        UsageError: a precision that this processor has no hardware for, or more tokens than the base reads.
    """
    found = _training(recipe, base, prepared.parts[0].train.count)
    training = dataclasses.replace(
        recipe.training, **{name.partition(".")[2]: value for name, (value, _) in found.items()}
    )
    metric = prepared.primary_metric
    filled = dataclasses.replace(
        recipe,
        task=prepared.task,
        training=training,
        data=dataclasses.replace(recipe.data, columns=dict(prepared.columns)),
        evaluation=dataclasses.replace(recipe.evaluation, primary_metric=metric),
    )
    origins = {name: origin for name, (_, origin) in found.items()}
    origins |= {
        "task": f"found in the data, form {prepared.form}",
        "data.columns": f"found in the data, form {prepared.form}",
        "evaluation.primary_metric": "a class is rare" if metric == "macro_f1" else "no class is rare",
    }
    return filled, _list(recipe, filled, origins)


def _training(recipe: Recipe, base: Base, num_train: int) -> dict[str, tuple[Any, str]]:
    training, method = recipe.training, METHODS[recipe.method]
    batch = training.batch_examples
    if batch == "auto":
        batch = 32 if num_train >= 1000 else 16
    if method.trains_encoder:
        steps = _TARGET_STEPS[training.head_start]
        epochs = min(max(math.ceil(steps * int(batch) / num_train), 1), 10 if training.head_start == "probe" else 20)
        why = f"about {steps} optimizer steps, head starts from {training.head_start}"
    else:
        epochs, why = 30, "method head, features are computed once"
    length = min(base.max_tokens, 256)
    if training.max_tokens != "auto" and training.max_tokens > base.max_tokens:
        raise UsageError(
            f"`training.max_tokens` is {training.max_tokens}, the base reads at most {base.max_tokens}",
            hint=f"leave it on auto, or take {base.max_tokens}",
        )
    precision, precision_origin = _precision(training.precision)
    return {
        "training.batch_examples": (batch, f"{num_train} training examples"),
        "training.epochs": (epochs if training.epochs == "auto" else training.epochs, why),
        "training.learning_rate": (
            method.learning_rate if training.learning_rate == "auto" else training.learning_rate,
            method.learning_rate_origin,
        ),
        "training.micro_tokens": (
            4096 if training.micro_tokens == "auto" else training.micro_tokens,
            "fits the caches of a laptop",
        ),
        "training.precision": (precision, precision_origin),
        "training.max_tokens": (
            length if training.max_tokens == "auto" else training.max_tokens,
            f"base reads up to {base.max_tokens}",
        ),
    }


def _list(recipe: Recipe, filled: Recipe, origins: dict[str, str]) -> tuple[Resolved, ...]:
    default = Recipe(data=recipe.data)
    listed: list[Resolved] = []
    for section in ("", "data", "training", "evaluation", "adjusting", "privacy"):
        asked, got, plain = (getattr(one, section) if section else one for one in (recipe, filled, default))
        for field in dataclasses.fields(got):
            value = getattr(got, field.name)
            if dataclasses.is_dataclass(value):
                continue
            name = f"{section}.{field.name}" if section else field.name
            was_asked = getattr(asked, field.name) != getattr(plain, field.name) or name == "data.path"
            origin = "asked for" if was_asked else origins.get(name, "default")
            listed.append(
                Resolved(setting=name, value=list(value) if isinstance(value, tuple) else value, origin=origin)
            )
    return tuple(listed)


def _precision(asked: TrainingSettings | str) -> tuple[str, str]:
    flags = processor_flags()
    has_bf16 = bool(flags & {"avx512_bf16", "amx_bf16"})
    if asked == "bf16" and not has_bf16:
        raise UsageError(
            "this processor has no bf16 hardware: it would be hundreds of times slower",
            hint="leave `training.precision` on auto",
        )
    if asked in ("fp32", "bf16"):
        return str(asked), "asked for"
    note = "bf16 is possible here, but rounds" if has_bf16 else "this processor has no bf16 hardware"
    return "fp32", note


def processor_flags() -> set[str]:
    """The feature flags of the processor, as Linux names them; empty where unknown."""
    path = Path("/proc/cpuinfo")
    if platform.system() != "Linux" or not path.is_file():
        return set()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()
