"""Fills every `auto` of a recipe, and says where each value came from. It reads no data and asks nobody.

A setting that would have no effect with the task and the method of the recipe is refused, not passed over.
"""

from __future__ import annotations

import dataclasses
import math
from operator import attrgetter
from typing import Any

from sintonia.errors import UsageError
from sintonia.methods import METHODS, refuse_on_decoder
from sintonia.methods.precision import precision_of
from sintonia.metrics import METRICS
from sintonia.metrics.asked import WRITING, refuse_idle
from sintonia.records import Base, Prepared, Resolved
from sintonia.resolve.idle import refuse_idle_settings
from sintonia.resolve.private import is_private, private_delta, private_training, refuse_not_private, refuse_parts
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks import (
    TASKS,
    chat,
    embed,
    has_head,
    has_template,
    prefer,
    pretrain,
    reading,
    tag,
    usual_micro_tokens,
)

_TARGET_STEPS = {"probe": 150, "random": 450}
"""Optimizer steps aimed at; a head that starts from the probe needs only to settle (science.md 6.3)."""
_CHAT_STEPS = 150
SHORT_EPOCHS = 3
"""Up to here the loss of adapters may rise before the answers get worse: no early stopping (science.md 2.3)."""
TO_THE_END = f"adapters of a language model are trained to the end of up to {SHORT_EPOCHS} epochs"
LANGUAGE_BASE = "the base is a language model"
"""Where values come from that are others for an encoder."""
_NO_EFFECT = "without effect: nothing stops early"
_WHY_METRIC = {"macro_f1": "a class is rare", "accuracy": "no class is rare", "bits_per_byte": "of texts"}


def settle(recipe: Recipe, task: str, usual: str = "") -> Recipe:
    """The recipe with its task and method named; `usual` is the method that `auto` means, if not that of the task.

    Raises:
        UsageError: the method is not for this task, or a setting has no effect with them.
    """
    method = (usual or TASKS[task].METHOD) if recipe.method == "auto" else recipe.method
    if not METHODS[method].learns(TASKS[task]):
        known = [name for name, one in METHODS.items() if one.learns(TASKS[task])]
        raise UsageError(
            f"the method `{method}` does not learn the task `{task}`",
            expected=f"one of {', '.join(f'`{one}`' for one in known)}",
            hint=f"leave `method` on auto, which takes `{TASKS[task].METHOD}`",
        )
    settled: Recipe = dataclasses.replace(recipe, task=task, method=method)
    refuse_idle_settings(settled)
    refuse_not_private(settled)
    refuse_idle(settled.evaluation, task, TASKS[task].METRICS)
    return settled


def resolve(recipe: Recipe, base: Base, prepared: Prepared) -> tuple[Recipe, tuple[Resolved, ...]]:
    """The recipe without any `auto`, and each setting with its origin.

    Raises:
        UsageError: a precision that this processor has no hardware for, more tokens or layers than the base has, a
            method that does not fit, or a setting without effect.
    """
    settled = settle(recipe, prepared.task, base.method)
    if prepared.task == embed.NAME:
        embed.refuse_idle(recipe.embed, prepared.form)
    refuse_parts(settled, len(prepared.parts))
    found = _training(settled, base, prepared.parts[0].train.count)
    found |= reading.filled(settled, base, TASKS[prepared.task], prepared.columns)
    training = dataclasses.replace(
        recipe.training, **{name.partition(".")[2]: value for name, (value, _) in found.items()}
    )
    metric, margin, length = prepared.primary_metric, recipe.evaluation.margin, recipe.evaluation.new_tokens
    if margin == "auto":
        margin = METRICS[metric].usual_margin
    if length == "auto" and prepared.task == chat.NAME and recipe.evaluation.decoding != "none":
        length = chat.LONGEST_ANSWER
    filled = dataclasses.replace(
        settled,
        prefer=prefer.filled(recipe.prefer, prepared.form) if prepared.task == prefer.NAME else recipe.prefer,
        base=base.reference if recipe.base == "auto" else recipe.base,
        training=training,
        privacy=dataclasses.replace(recipe.privacy, dp=private_delta(recipe, prepared.parts[0].train.count)),
        data=dataclasses.replace(recipe.data, columns=dict(prepared.columns)),
        evaluation=dataclasses.replace(recipe.evaluation, primary_metric=metric, margin=margin, new_tokens=length),
    )
    origins = {name: origin for name, (_, origin) in found.items()}
    origins |= {
        "task": f"found in the data, form {prepared.form}",
        "base": base.origin or f"the default for the task {prepared.task}",
        "method": base.method_origin or f"the default for the task {prepared.task}",
        "data.columns": f"found in the data, form {prepared.form}",
        "evaluation.primary_metric": _WHY_METRIC.get(metric, "default"),
        "evaluation.new_tokens": "at most, where nobody says how many",
        "privacy.dp.delta": "one over ten times the number of them",
        "evaluation.margin": f"usual for {METRICS[metric].title}",
    }
    if not filled.training.early_stopping:
        origins["training.patience"] = _NO_EFFECT
    return filled, _list(recipe, filled, origins)


def _training(recipe: Recipe, base: Base, num_train: int) -> dict[str, tuple[Any, str]]:
    training, method = recipe.training, METHODS[recipe.method]
    is_chat = TASKS[recipe.task].BASE == "language"
    check_base_settings(recipe, base)
    batch = training.batch_examples
    if batch == "auto":
        usual = 64 if recipe.task == "embed" else 32 if num_train >= 1000 else 16  # the others are the wrong answers
        usual = pretrain.usual_batch(num_train) if recipe.task == pretrain.NAME else 8 if is_chat else usual
        batch = method.batch_examples or usual
    epochs, why = _epochs(recipe, int(batch), num_train)
    length = min(base.max_tokens, TASKS[recipe.task].LONGEST)
    kind = base.kind if has_head(TASKS[recipe.task]) else TASKS[recipe.task].BASE
    rate, rate_origin = _learning_rate(recipe, base, kind)
    micro = usual_micro_tokens(TASKS[recipe.task], kind)
    micro_origin = LANGUAGE_BASE if kind == "language" else "fits the caches of a laptop"
    found = {
        "batch_examples": (batch, f"{num_train} training examples"),
        "epochs": (epochs, why),
        "learning_rate": (rate, rate_origin),
        "micro_tokens": (micro, micro_origin),
        "dropout": (0.0, LANGUAGE_BASE) if kind == "language" else (0.1, f"task {recipe.task}"),
        "weight_decay": (0.0 if method.has_adapters else 0.01, f"method {recipe.method}"),
        "max_tokens": (length, f"base reads up to {base.max_tokens}"),
        "cache": _cache(recipe, epochs),
        "checkpointing": ("off", "memory is not short"),
    }
    chosen = {
        name: (value if getattr(training, name) == "auto" else getattr(training, name), origin)
        for name, (value, origin) in found.items()
    }
    chosen["precision"] = precision_of(training.precision)
    writes = is_chat and recipe.task != pretrain.NAME  # of plain text the loss itself is what is judged
    if training.early_stopping and writes and method.has_adapters and float(chosen["epochs"][0]) <= SHORT_EPOCHS:
        chosen["early_stopping"] = (False, TO_THE_END)
    chosen |= private_training(recipe, num_train)
    return {f"training.{name}": pair for name, pair in chosen.items()}


def _learning_rate(recipe: Recipe, base: Base, kind: str) -> tuple[float, str]:
    """What `auto` takes, and where it comes from."""
    rate, origin = METHODS[recipe.method].learning_rate(kind, base.hidden_size)
    if recipe.task == prefer.NAME:
        rate, origin = prefer.RATES[recipe.method]
    if recipe.task == tag.NAME and recipe.method == "full":
        rate, origin = tag.full_rate(base.hidden_size)
    times = recipe.training.learning_rate_multiplier
    return (rate, origin) if times == 1.0 else (rate * times, f"{origin}, times {times:g}")


def _epochs(recipe: Recipe, batch: int, num_train: int) -> tuple[int, str]:
    """Steps, not epochs (science.md 6.3)."""
    if not METHODS[recipe.method].trains_encoder:
        return 30, "method head, features are computed once"
    if METHODS[recipe.method].num_passes:
        most = f"up to about {METHODS[recipe.method].most_steps} optimizer steps"
        return METHODS[recipe.method].passes(num_train, batch), f"method {recipe.method}, {most}"
    if TASKS[recipe.task].BASE == "language":
        most = pretrain.MOST_EPOCHS if recipe.task == pretrain.NAME else 10
        return _clipped_epochs(_CHAT_STEPS * batch / num_train, most), f"about {_CHAT_STEPS} optimizer steps"
    start = recipe.training.head_start
    steps, most = _TARGET_STEPS[start], 10 if start == "probe" else 20
    return _clipped_epochs(steps * batch / num_train, most), f"about {steps} optimizer steps, head starts from {start}"


def _clipped_epochs(wanted: float, most: int) -> int:
    return min(max(math.ceil(wanted), 1), most)


def _cache(recipe: Recipe, epochs: float) -> tuple[str, str]:
    """Keeping what frozen layers say pays from the second epoch on."""
    has_adapters, asked = METHODS[recipe.method].has_adapters, recipe.training.epochs
    is_frozen = recipe.lora.layers != "all" if has_adapters else recipe.training.frozen_layers > 0
    if not is_frozen:
        return "off", "no layer is frozen"
    is_worth_it = float(epochs if asked == "auto" else asked) > 1
    return ("on", "layers are frozen") if is_worth_it else ("off", "one epoch reads each example once")


def check_base_settings(recipe: Recipe, base: Base) -> None:
    """What a recipe asks of its base, the base has; and at least one layer trains.

    Raises:
        UsageError: more layers or tokens than the base has, or no layer left.
    """
    if base.kind == "language" and has_head(TASKS[recipe.task]):
        refuse_on_decoder(METHODS[recipe.method], recipe.training)
    frozen, layers, max_tokens = recipe.training.frozen_layers, recipe.lora.layers, recipe.training.max_tokens
    if frozen >= base.num_layers:
        may_train_none = METHODS["head"].learns(TASKS[recipe.task])
        raise UsageError(
            f"`training.frozen_layers` is {frozen}, the base has {base.num_layers} layers",
            hint=f"at most {base.num_layers - 1}" + ("; `method: head` trains none" if may_train_none else ""),
        )
    if max_tokens != "auto" and max_tokens > base.max_tokens:
        raise UsageError(
            f"`training.max_tokens` is {max_tokens}, the base reads at most {base.max_tokens}",
            hint=f"leave it on auto, or take {base.max_tokens}",
        )
    if layers != "all" and layers > base.num_layers:
        raise UsageError(f"`lora.layers` is {layers}, the base has {base.num_layers}", hint="take all of them: `all`")


def _hidden(filled: Recipe) -> tuple[str, ...]:
    """Settings of evaluation that mean nothing with this task, or while nothing is written."""
    if filled.task == pretrain.NAME:
        return (*WRITING, *reading.NAMES)
    if filled.task != chat.NAME:
        return (*WRITING, "data.passage_bytes", *reading.hidden(TASKS[filled.task]))
    return ("data.passage_bytes", *reading.NAMES, *(() if filled.evaluation.decoding != "none" else WRITING[1:]))


def _list(recipe: Recipe, filled: Recipe, origins: dict[str, str]) -> tuple[Resolved, ...]:
    default = Recipe(data=DataSettings(path=recipe.data.path))
    names = [field.name for field in dataclasses.fields(Recipe)]
    used = {
        "privacy.dp": is_private(filled),
        "lora": METHODS[filled.method].has_adapters,
        "chat": has_template(TASKS[filled.task]),
        filled.task: filled.task in names,
    }
    own = [name for name, is_used in used.items() if is_used]
    listed: list[Resolved] = []
    for section in ("", "data", "training", *own, "evaluation", "adjusting", "privacy", "prices"):
        asked, got, plain = (attrgetter(section)(one) if section else one for one in (recipe, filled, default))
        for field in dataclasses.fields(got):
            value = getattr(got, field.name)
            name = f"{section}.{field.name}" if section else field.name
            if dataclasses.is_dataclass(value) or name in _hidden(filled):
                continue
            was_asked = getattr(asked, field.name) != getattr(plain, field.name) or name == "data.path"
            origin = "asked for" if was_asked else origins.get(name, "default")
            if was_asked and origins.get(name) == _NO_EFFECT:
                origin = f"asked for; {_NO_EFFECT}"
            listed.append(
                Resolved(setting=name, value=list(value) if isinstance(value, tuple) else value, origin=origin)
            )
    return tuple(listed)
