"""Fills every `auto` of a recipe, and says where each value came from. It reads no data and asks nobody.

A setting that would have no effect with the task and the method of the recipe is refused, not passed over.
"""

from __future__ import annotations

import dataclasses
import math
import platform
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError
from sintonia.methods import DEFAULTS, METHODS
from sintonia.metrics import METRICS
from sintonia.metrics.asked import WRITING, refuse_idle
from sintonia.records import Base, Prepared, Resolved
from sintonia.settings import ChatSettings, DataSettings, LoraSettings, Recipe, TrainingSettings
from sintonia.tasks import chat, classify

_TARGET_STEPS = {"probe": 150, "random": 450}
"""Optimizer steps aimed at; a head that starts from the probe needs only to settle (science.md 6.3)."""
_CHAT_STEPS = 150
_SHORT_EPOCHS = 3
"""Up to here the loss of adapters may rise before the answers get worse: no early stopping (science.md 2.3)."""
_TO_THE_END = f"adapters of a language model are trained to the end of up to {_SHORT_EPOCHS} epochs"
LONGEST_TEXT, LONGEST_CONVERSATION = 256, 2048
"""Tokens that are read of an example when nothing else is asked for."""
_NO_EFFECT = "without effect: nothing stops early"


def settle(recipe: Recipe, task: str) -> Recipe:
    """The recipe with its task and method named.

    Raises:
        UsageError: the method is not for this task, or a setting has no effect with them.
    """
    method = DEFAULTS[task] if recipe.method == "auto" else recipe.method
    if task not in METHODS[method].tasks:
        known = [name for name, one in METHODS.items() if task in one.tasks]
        raise UsageError(
            f"the method `{method}` does not learn the task `{task}`",
            expected=f"one of {', '.join(f'`{one}`' for one in known)}",
            hint=f"leave `method` on auto, which takes `{DEFAULTS[task]}`",
        )
    settled: Recipe = dataclasses.replace(recipe, task=task, method=method)
    _refuse_idle(settled)
    refuse_idle(settled.evaluation, task, {"chat": chat, "classify": classify}[task].METRICS)
    return settled


def resolve(recipe: Recipe, base: Base, prepared: Prepared) -> tuple[Recipe, tuple[Resolved, ...]]:
    """The recipe without any `auto`, and each setting with its origin.

    Raises:
        UsageError: a precision that this processor has no hardware for, more tokens or layers than the base has, a
            method that does not fit, or a setting without effect.
    """
    settled = settle(recipe, prepared.task)
    found = _training(settled, base, prepared.parts[0].train.count)
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
        base=base.reference if recipe.base == "auto" else recipe.base,
        training=training,
        data=dataclasses.replace(recipe.data, columns=dict(prepared.columns)),
        evaluation=dataclasses.replace(recipe.evaluation, primary_metric=metric, margin=margin, new_tokens=length),
    )
    origins = {name: origin for name, (_, origin) in found.items()}
    origins |= {
        "task": f"found in the data, form {prepared.form}",
        "base": base.origin or f"the default for the task {prepared.task}",
        "method": f"the default for the task {prepared.task}",
        "data.columns": f"found in the data, form {prepared.form}",
        "evaluation.primary_metric": _why_metric(metric),
        "evaluation.new_tokens": "at most, where nobody says how many",
        "evaluation.margin": f"usual for {METRICS[metric].title}",
    }
    if not filled.training.early_stopping:
        origins["training.patience"] = _NO_EFFECT
    return filled, _list(recipe, filled, origins)


def _why_metric(metric: str) -> str:
    whys = {"macro_f1": "a class is rare", "accuracy": "no class is rare", "bits_per_byte": "task chat"}
    return whys.get(metric, "default")


def _training(recipe: Recipe, base: Base, num_train: int) -> dict[str, tuple[Any, str]]:
    training, method = recipe.training, METHODS[recipe.method]
    is_chat = recipe.task == "chat"
    check_base_settings(recipe, base)
    batch = training.batch_examples
    if batch == "auto":
        batch = 8 if is_chat else 32 if num_train >= 1000 else 16
    epochs, why = _epochs(recipe, int(batch), num_train)
    length = min(base.max_tokens, LONGEST_CONVERSATION if is_chat else LONGEST_TEXT)
    rate, rate_origin = method.learning_rate(recipe.task, base.hidden_size)
    micro, micro_origin = chat.MICRO_TOKENS, "task chat"
    if not is_chat:
        micro, micro_origin = classify.MICRO_TOKENS, "fits the caches of a laptop"
    found = {
        "batch_examples": (batch, f"{num_train} training examples"),
        "epochs": (epochs, why),
        "learning_rate": (rate, rate_origin),
        "micro_tokens": (micro, micro_origin),
        "dropout": (0.0 if is_chat else 0.1, f"task {recipe.task}"),
        "weight_decay": (0.0 if method.has_adapters else 0.01, f"method {recipe.method}"),
        "max_tokens": (length, f"base reads up to {base.max_tokens}"),
        "cache": _cache(recipe, epochs),
        "checkpointing": ("off", "memory is not short"),
    }
    chosen = {
        name: (value if getattr(training, name) == "auto" else getattr(training, name), origin)
        for name, (value, origin) in found.items()
    }
    chosen["precision"] = _precision(training.precision)
    if training.early_stopping and is_chat and method.has_adapters and float(chosen["epochs"][0]) <= _SHORT_EPOCHS:
        chosen["early_stopping"] = (False, _TO_THE_END)
    return {f"training.{name}": pair for name, pair in chosen.items()}


def _epochs(recipe: Recipe, batch: int, num_train: int) -> tuple[int, str]:
    """Steps, not epochs (science.md 6.3)."""
    if not METHODS[recipe.method].trains_encoder:
        return 30, "method head, features are computed once"
    if recipe.task == "chat":
        return _clipped_epochs(_CHAT_STEPS * batch / num_train, 10), f"about {_CHAT_STEPS} optimizer steps"
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
    frozen, layers, max_tokens = recipe.training.frozen_layers, recipe.lora.layers, recipe.training.max_tokens
    if frozen >= base.num_layers:
        has_head = recipe.task in METHODS["head"].tasks
        raise UsageError(
            f"`training.frozen_layers` is {frozen}, the base has {base.num_layers} layers",
            hint=f"at most {base.num_layers - 1}" + ("; `method: head` trains none" if has_head else ""),
        )
    if max_tokens != "auto" and max_tokens > base.max_tokens:
        raise UsageError(
            f"`training.max_tokens` is {max_tokens}, the base reads at most {base.max_tokens}",
            hint=f"leave it on auto, or take {base.max_tokens}",
        )
    if layers != "all" and layers > base.num_layers:
        raise UsageError(f"`lora.layers` is {layers}, the base has {base.num_layers}", hint="take all of them: `all`")


def refuse_idle_patience(recipe: Recipe, filled: Recipe) -> None:
    """Refuses a patience that was asked for where nothing stops early. `filled` is the recipe without any `auto`.

    It is no part of `resolve`, because a later turn may come to so few epochs by itself.

    Raises:
        UsageError: it would have no effect.
    """
    if recipe.training.patience == TrainingSettings().patience or filled.training.early_stopping:
        return
    why, hint = "while `training.early_stopping` is off", "leave it out, or switch early stopping on"
    if recipe.training.early_stopping:
        why = f"with {filled.training.epochs:g} epochs: {_TO_THE_END}"
        hint = f"leave it out, or take more than {_SHORT_EPOCHS} `training.epochs`"
    raise UsageError(f"`training.patience` has no effect {why}", hint=hint)


def _refuse_idle(recipe: Recipe) -> None:
    """Refuses what was asked for and would have no effect.

    Raises:
        UsageError: all such settings, in one message.
    """
    training, plain, method = recipe.training, TrainingSettings(), METHODS[recipe.method]
    is_chat = recipe.task == "chat"
    idle = {
        f"with method {recipe.method}": [
            *(() if method.has_adapters or recipe.lora == LoraSettings() else ("lora",)),
            *(f"training.{name}" for name in ("frozen_layers",) if method.has_adapters or not method.trains_encoder),
            *(f"training.{name}" for name in ("dropout", "micro_tokens", "cache") if not method.trains_encoder),
        ],
        f"for the task {recipe.task}": [
            *(() if is_chat or recipe.chat == ChatSettings() else ("chat",)),
            *(f"training.{name}" for name in ("shared_prefix", "fused", "checkpointing") if not is_chat),
            *((f"training.{name}" for name in ("head_start", "class_weights")) if is_chat else ()),
            *(("training.precision",) if is_chat and training.precision == "bf16" else ()),
            *(("training.dropout",) if is_chat and training.dropout != 0 else ()),
        ],
    }
    is_frozen = recipe.lora.layers != "all" if method.has_adapters else training.frozen_layers > 0
    if training.cache == "on" and not is_frozen:
        idle["while no layer is frozen"] = ["training.cache"]
    problems = []
    for why, names in idle.items():
        for name in names:
            block, _, setting = name.partition(".")
            was_asked = not setting or getattr(training, setting) != getattr(plain, setting)
            if was_asked:
                problems.append(f"`{block + '.' + setting if setting else block}` has no effect {why}")
    if problems:
        is_dropout = any("dropout" in one for one in problems)
        hint = "of a language model, `lora.dropout` can be set" if is_dropout and is_chat else "leave it out"
        raise UsageError("; ".join(problems), hint=hint)


def _hidden(filled: Recipe) -> tuple[str, ...]:
    """Settings of evaluation that mean nothing with this task, or while nothing is written."""
    if filled.task != chat.NAME:
        return WRITING
    return () if filled.evaluation.decoding != "none" else WRITING[1:]


def _list(recipe: Recipe, filled: Recipe, origins: dict[str, str]) -> tuple[Resolved, ...]:
    default = Recipe(data=DataSettings(path=recipe.data.path))
    blocks = {"lora": METHODS[filled.method].has_adapters, "chat": filled.task == "chat"}
    own = [name for name, is_used in blocks.items() if is_used]
    listed: list[Resolved] = []
    for section in ("", "data", "training", *own, "evaluation", "adjusting", "privacy", "prices"):
        asked, got, plain = (getattr(one, section) if section else one for one in (recipe, filled, default))
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


def _precision(asked: str) -> tuple[str, str]:
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
