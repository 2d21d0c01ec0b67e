"""Settings that were asked for and would have no effect with the task and the method of a recipe: refused together."""

from __future__ import annotations

from sintonia.errors import UsageError
from sintonia.methods import METHODS
from sintonia.settings import (
    ChatSettings,
    ClassifySettings,
    EmbedSettings,
    LoraSettings,
    PreferSettings,
    Recipe,
    TrainingSettings,
)
from sintonia.tasks import CLASS_WEIGHTED, TASKS, has_template, prefer, reading

_BLOCKS = {"classify": ClassifySettings(), "prefer": PreferSettings(), "embed": EmbedSettings()}
"""Blocks of settings of one task each, as they are where nothing is asked for."""


def refuse_idle_settings(recipe: Recipe) -> None:
    """Refuses what was asked for and would have no effect.

    Raises:
        UsageError: all such settings, in one message.
    """
    training, plain, method = recipe.training, TrainingSettings(), METHODS[recipe.method]
    idle = {
        f"with method {recipe.method}": _idle_with_method(recipe),
        f"for the task {recipe.task}": _idle_for_task(recipe),
    }
    is_frozen = recipe.lora.layers != "all" if method.has_adapters else training.frozen_layers > 0
    if training.cache == "on" and not is_frozen:
        idle["while no layer is frozen"] = ["training.cache"]
    if recipe.adjusting.processes > 1 and not recipe.adjusting.search:
        idle["without `adjusting.search`"] = ["adjusting.processes"]
    problems = []
    for why, names in idle.items():
        for name in names:
            block, _, setting = name.partition(".")
            was_asked = block != "training" or getattr(training, setting) != getattr(plain, setting)
            if was_asked:
                problems.append(f"`{block + '.' + setting if setting else block}` has no effect {why}")
    if problems:
        is_dropout = any("dropout" in one for one in problems)
        is_chat = TASKS[recipe.task].BASE == "language"
        hint = "of a language model, `lora.dropout` can be set" if is_dropout and is_chat else "leave it out"
        raise UsageError("; ".join(problems), hint=hint)


def _idle_with_method(recipe: Recipe) -> list[str]:
    """Blocks that were asked for, and settings whatever they are, that mean nothing with a method."""
    method = METHODS[recipe.method]
    return [
        *(() if method.has_adapters or recipe.lora == LoraSettings() else ("lora",)),
        *(("training.frozen_layers",) if method.has_adapters or not method.trains_encoder else ()),
        *(f"training.{name}" for name in ("dropout", "micro_tokens", "cache") if not method.trains_encoder),
        *(("training.head_start",) if method.has_fitted_head else ()),
    ]


def _idle_for_task(recipe: Recipe) -> list[str]:
    """The same for a task."""
    training, task = recipe.training, TASKS[recipe.task]
    is_chat = task.BASE == "language"
    asked = (name for name, plain in _BLOCKS.items() if name != recipe.task and getattr(recipe, name) != plain)
    return [
        *(() if has_template(task) or recipe.chat == ChatSettings() else ("chat",)),
        *asked,
        *(("chat.learn",) if recipe.task == prefer.NAME and recipe.chat.learn != ChatSettings().learn else ()),
        *(("training.head_start",) if recipe.task == "embed" else ()),
        *reading.idle(training, task),
        *(("training.class_weights",) if not is_chat and recipe.task not in CLASS_WEIGHTED else ()),
        *(f"training.{name}" for name in ("shared_prefix", "fused", "checkpointing") if not is_chat),
        *((f"training.{name}" for name in ("head_start", "class_weights")) if is_chat else ()),
        *(("training.precision",) if is_chat and training.precision == "bf16" else ()),
        *(("training.dropout",) if is_chat and training.dropout != 0 else ()),
    ]
