"""Adapters as files, in peft's own format: `adapter_config.json` and `adapter_model.safetensors`. It trains nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from sintonia.errors import StorageError, UsageError
from sintonia.models.adapters import Factors, LoraLinear, adapters_of, place_adapters
from sintonia.models.loading import check_finite
from sintonia.models.sources.adapter_settings import check_numbers, check_shapes, number_for
from sintonia.models.sources.folder import ADAPTER
from sintonia.models.sources.storage import models_folder
from sintonia.models.sources.trust import check_folder, read_json_object

_PREFIX = "base_model.model."
_UNDERSTOOD = {
    "alpha_pattern",
    "auto_mapping",  # names a class for peft to import; nothing is imported here
    "base_model_name_or_path",
    "fan_in_fan_out",  # follows from the kind of layer
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "target_modules",
    "task_type",
    "use_dora",
    "use_rslora",
}
"""Settings of peft that are acted on here, or that say nothing about what the adapter computes."""
_HARMLESS = (None, False, {}, [], "none")
_STARTS = (None, True, False, "gaussian", "orthogonal")
"""Ways to start the matrices that leave the weights of the base alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterOrigin:
    """What a saved adapter says about where it belongs."""

    model: Path
    """The folder of the model it is for."""
    task_type: str = "CAUSAL_LM"
    below: Mapping[str, Factors] = field(default_factory=dict)
    """An earlier adapter that was added to the weights before training; it is saved with the new one as one."""


def save_adapters(module: nn.Module, folder: Path, origin: AdapterOrigin) -> None:
    """Writes the adapters of a model into a folder, such that `peft.PeftModel.from_pretrained` computes the same.

    Raises:
        UsageError: the adapter below, or this one, is DoRA: their sum has no such form.
    """
    layers = adapters_of(module)
    factors = {name: layer.factors for name, layer in layers.items()}
    if origin.below:
        factors = concatenate(dict(origin.below), factors)
    body = _settings(module, layers, factors, origin)
    tensors: dict[str, Tensor] = {}
    for name, one in factors.items():
        tensors[f"{_PREFIX}{name}.lora_A.weight"] = one.lora_A
        tensors[f"{_PREFIX}{name}.lora_B.weight"] = one.lora_B
        if one.magnitude is not None:
            tensors[f"{_PREFIX}{name}.lora_magnitude_vector"] = one.magnitude
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    save_file(plain, folder / ADAPTER[1], metadata={"format": "pt"})
    (folder / ADAPTER[0]).write_text(json.dumps(body, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load_adapters(module: nn.Module, folder: Path) -> dict[str, LoraLinear]:
    """Puts a saved adapter on the model it is for, frozen. `module` is what peft would be given: no wrapper of ours.

    Raises:
        UsageError: it is of a kind that is not understood here, or for another model.
        StorageError: its file is damaged.
    """
    return place_adapters(module, read_adapters(folder))


def read_adapters(folder: Path) -> dict[str, Factors]:
    """The adapter in a folder, by the names of the layers.

    Raises:
        UsageError: it is of a kind that is not understood here, or its settings are none.
        StorageError: its file is damaged.
    """
    check_folder(folder)
    settings = read_json_object(folder / ADAPTER[0])
    _check_understood(settings, folder)
    check_numbers(settings, folder / ADAPTER[0])
    try:
        tensors = load_file(folder / ADAPTER[1])
    except (OSError, SafetensorError) as error:
        raise StorageError(
            f"cannot read the adapter in `{folder}`: {str(error).splitlines()[0]}", hint="copy it again"
        ) from None
    check_finite(tensors.items(), f"the adapter in `{folder}`")
    factors: dict[str, Factors] = {}
    for key in sorted(name for name in tensors if name.endswith(".lora_A.weight")):
        stem = key.removesuffix(".lora_A.weight")
        factors[stem.removeprefix(_PREFIX)] = _one(settings, stem, tensors, folder)
    if not factors or tensors:
        odd = next(iter(tensors), "no matrices")
        raise UsageError(
            f"the adapter in `{folder}` holds what is not understood here: {odd}",
            expected="LoRA",
            hint="merge it into its base with peft, and take the result as the base",
        )
    return factors


def concatenate(below: dict[str, Factors], above: dict[str, Factors]) -> dict[str, Factors]:
    """Two adapters as one whose rank is the sum of theirs: exactly the sum of their changes.

    Raises:
        UsageError: one of them is DoRA.
    """
    if any(one.magnitude is not None for one in (*below.values(), *above.values())):
        raise UsageError(
            "DoRA cannot be put on top of another adapter, nor another adapter on DoRA",
            hint="take `lora.variant` lora, or merge the earlier adapter into its base first",
        )
    ranks = [max((one.lora_A.shape[0] for one in group.values()), default=0) for group in (below, above)]
    together: dict[str, Factors] = {}
    for name in {**above, **below}:
        parts = [group.get(name) for group in (below, above)]
        known = next(one for one in parts if one is not None)
        halves = [_padded(one, rank, known) for one, rank in zip(parts, ranks, strict=True)]
        together[name] = Factors(
            lora_A=torch.cat([half[0] for half in halves]),
            lora_B=torch.cat([half[1] for half in halves], dim=1),
            scaling=1.0,
        )
    return together


def _padded(one: Factors | None, rank: int, like: Factors) -> tuple[Tensor, Tensor]:
    """The matrices with so many rows and columns, scaled; zeros where there is no adapter."""
    wide = like.lora_A.new_zeros(rank, like.lora_A.shape[1])
    tall = like.lora_B.new_zeros(like.lora_B.shape[0], rank)
    if one is not None:
        wide[: one.lora_A.shape[0]] = one.lora_A
        tall[:, : one.lora_B.shape[1]] = one.lora_B * one.scaling
    return wide, tall


def _settings(
    module: nn.Module, layers: dict[str, LoraLinear], factors: dict[str, Factors], origin: AdapterOrigin
) -> dict[str, Any]:
    first = next(iter(factors.values()))
    rank = first.lora_A.shape[0]
    body: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": origin.task_type,
        **_where(origin.model),
        "inference_mode": True,
        "bias": "none",
        "r": rank,
        "lora_alpha": _alpha(first),
        "lora_dropout": next(iter(layers.values())).dropout if layers else 0.0,
        "use_rslora": first.variant == "rslora",
        "use_dora": first.magnitude is not None,
        "target_modules": _targets(module, set(factors)),
        "fan_in_fan_out": any(isinstance(module.get_submodule(name), Conv1D) for name in _bases(module, factors)),
        "rank_pattern": {name: one.lora_A.shape[0] for name, one in factors.items() if one.lora_A.shape[0] != rank},
        "alpha_pattern": {name: _alpha(one) for name, one in factors.items() if _alpha(one) != _alpha(first)},
    }
    return body


def _where(model: Path) -> dict[str, str]:
    """What the base is known by: a model of the hub by its name and commit, on any machine; others by their folder."""
    home, name = model.parent, model.parent.name.removeprefix("hf-").replace("--", "/")
    if home.parent != models_folder() or f"hf-{name.replace('/', '--')}" != home.name:
        return {"base_model_name_or_path": str(model)}
    return {"base_model_name_or_path": name, "revision": model.name}


def _bases(module: nn.Module, factors: Mapping[str, Factors]) -> list[str]:
    """Names of the plain linear layers: those that stand inside an adapter now, and those that do not."""
    adapted = adapters_of(module)
    return [f"{name}.base" if name in adapted else name for name in factors]


def _alpha(one: Factors) -> float:
    rank = one.lora_A.shape[0]
    alpha = one.scaling * (math.sqrt(rank) if one.variant == "rslora" else rank)
    return round(alpha) if math.isclose(alpha, round(alpha), rel_tol=1e-12) else alpha


def _targets(module: nn.Module, names: set[str]) -> list[str]:
    """Last words of the names where these alone say which layers are meant (other programs like those), or all."""
    words = {name.rpartition(".")[2] for name in names}
    kinds = (nn.Linear, Conv1D, LoraLinear)
    meant = {
        name.removesuffix(".base")
        for name, one in module.named_modules()
        if isinstance(one, kinds) and name.removesuffix(".base").rpartition(".")[2] in words
    }
    return sorted(words if meant == names else names)


def _check_understood(settings: dict[str, Any], folder: Path) -> None:
    if settings.get("peft_type") != "LORA":
        raise UsageError(
            f"the adapter in `{folder}` is of the kind {settings.get('peft_type')}",
            expected="LORA",
            hint="merge it into its base with peft, and take the result as the base",
        )
    odd = [key for key, value in settings.items() if key not in _UNDERSTOOD and value not in _HARMLESS]
    if settings.get("init_lora_weights") not in _STARTS:
        odd.append("init_lora_weights")
    if odd:
        raise UsageError(
            f"the adapter in `{folder}` uses `{odd[0]}` of peft, which is not understood here",
            hint="merge it into its base with peft, and take the result as the base",
        )


def _one(settings: dict[str, Any], stem: str, tensors: dict[str, Tensor], folder: Path) -> Factors:
    """Takes the tensors of one layer out of the file's."""
    try:
        lora_a, lora_b = tensors.pop(f"{stem}.lora_A.weight"), tensors.pop(f"{stem}.lora_B.weight")
    except KeyError:
        raise StorageError(f"the adapter in `{folder}` lacks half of `{stem}`", hint="copy it again") from None
    magnitude = tensors.pop(f"{stem}.lora_magnitude_vector", None)
    rank, alpha = (number_for(settings, name, stem) for name in ("r", "lora_alpha"))
    check_shapes(f"`{stem}` of the adapter in `{folder}`", (lora_a, lora_b, magnitude), int(rank))
    if (magnitude is not None) != bool(settings.get("use_dora")):
        raise StorageError(
            f"the adapter in `{folder}` is {'no' if magnitude is not None else 'a'} DoRA by its settings, and "
            f"`{stem}` has {'a' if magnitude is not None else 'no'} magnitude vector",
            hint=f"`use_dora` of {ADAPTER[0]} belongs to another adapter: copy both files again",
        )
    has_root = bool(settings.get("use_rslora"))
    return Factors(
        lora_A=lora_a.float(),
        lora_B=lora_b.float(),
        scaling=alpha / (math.sqrt(rank) if has_root else rank),
        magnitude=None if magnitude is None else magnitude.float(),
        variant="dora" if magnitude is not None else "rslora" if has_root else "lora",
    )
