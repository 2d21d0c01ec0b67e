"""How far a tuned model stands from its base: adapters scaled, weights interpolated (WiSE-FT), without training.

Nothing is chosen here, and no candidate is ever changed on disk: `write_scaled` makes a new folder. Source: Wortsman et
al. 2022 (arXiv 2109.01903); for an adapter the interpolation is to scale it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sintonia.models.adapter_files import read_adapters
from sintonia.models.adapters import LoraLinear, adapters_of, oriented_weight
from sintonia.models.language.saved import OpenLanguageModel, open_language_candidate
from sintonia.models.loading import quiet
from sintonia.models.open import OpenBase, OpenCandidate, open_candidate, read_candidate
from sintonia.models.sources.folder import ADAPTER, is_adapter, weight_files
from sintonia.models.sources.trust import INDEX

Opened = OpenBase | OpenLanguageModel
"""A base in memory, as `open_base` and `open_language_base` give it."""
Tuned = OpenCandidate | OpenLanguageModel
"""A candidate in memory."""


@dataclass(frozen=True, slots=True)
class _Way:
    """The way of one weight from the base to the tuned model."""

    name: str
    weight: Tensor
    """Of the model in memory: it is what changes."""
    base: Tensor
    tuned: Tensor


class Dial:
    """Moves a tuned model in memory towards its base and back. It holds a copy of each weight that was trained."""

    def __init__(self, ways: Iterator[tuple[str, Tensor, Tensor]]) -> None:
        self._ways = [
            _Way(name, weight, base, weight.detach().clone())
            for name, weight, base in ways
            if not torch.equal(weight, base)
        ]

    @property
    def is_untouched(self) -> bool:
        """Whether no weight differs from the base: a head alone was trained, or nothing."""
        return not self._ways

    @property
    def weights(self) -> dict[str, Tensor]:
        """What differs from the base, by name, as it is now."""
        return {way.name: way.weight.detach() for way in self._ways}

    def turn_to(self, scale: float) -> None:
        """Sets the model to `scale` of the way: 0 is exactly the base, 1 exactly the tuned model."""
        if not 0 <= scale <= 1:
            raise ValueError(f"a scale lies between 0 and 1, not at {scale}")
        with torch.no_grad():
            for way in self._ways:
                if scale in (0, 1):
                    way.weight.copy_(way.tuned if scale else way.base)
                else:
                    torch.lerp(way.base, way.tuned, scale, out=way.weight.data)


def make_dial(tuned: Tuned, base: Opened) -> Dial:
    """The dial of a candidate that was trained from this base; its head, if it has one, stays as it is.

    Raises ValueError when they are not of one kind: a mistake of the caller.
    """
    if isinstance(tuned, OpenLanguageModel) and isinstance(base, OpenLanguageModel):
        adapters = adapters_of(tuned.causal)
        return Dial(_of_adapters(adapters, _ranks_below(tuned)) if adapters else _of_all(tuned.causal, base.causal))
    if isinstance(tuned, OpenCandidate) and isinstance(base, OpenBase):
        return Dial(_of_all(tuned.model.transformer, base.model.transformer))
    raise ValueError("a candidate and its base are both encoders or both language models")


def open_tuned(folder: Path) -> Tuned:
    """A candidate of either task, from its folder.

    Raises:
        StorageError: the folder is not a model of ours.
        UsageError: the base that its adapter belongs to is not on this machine any more.
    """
    return open_language_candidate(folder) if read_candidate(folder).get("task") == "chat" else open_candidate(folder)


def write_scaled(folder: Path, new_folder: Path, scale: float, base: Opened) -> None:
    """Writes a candidate with its training scaled, in the form that it has: adapters in peft's, else all weights.

    Of adapters B is scaled and `lora_alpha` left alone, for some programs take whole numbers only. `sintonia.json` says
    the scale.

    Raises:
        FileExistsError: there is such a folder.
        StorageError: the folder is not a model of ours.
    """
    tuned = open_tuned(folder)
    dial = make_dial(tuned, base)
    dial.turn_to(scale)
    old = {path.name for path in weight_files(folder)} | {INDEX}
    shutil.copytree(folder, new_folder, ignore=lambda at, names: old & set(names) if Path(at) == folder else ())
    if is_adapter(folder):
        _write_adapter(folder, new_folder, dial)
    else:
        whole = tuned.causal if isinstance(tuned, OpenLanguageModel) else tuned.model.transformer
        with quiet():
            whole.save_pretrained(new_folder)
    body = read_candidate(folder)
    body["scale"] = scale * float(body.get("scale", 1.0))
    (new_folder / "sintonia.json").write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _write_adapter(folder: Path, new_folder: Path, dial: Dial) -> None:
    tensors, scaled = load_file(folder / ADAPTER[1]), dial.weights
    for name in tensors:
        layer, _, part = name.removeprefix("base_model.model.").rpartition(".lora_")
        key = f"{layer}.{'magnitude' if part == 'magnitude_vector' else 'lora_' + part.removesuffix('.weight')}"
        if key in scaled:
            tensors[name] = scaled[key].to(tensors[name].dtype).contiguous()
    save_file(tensors, new_folder / ADAPTER[1], metadata={"format": "pt"})


def _of_all(tuned: nn.Module, base: nn.Module) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Every weight of a model beside that of its base."""
    there = dict(base.named_parameters())
    here = dict(tuned.named_parameters())
    if {name: one.shape for name, one in here.items()} != {name: one.shape for name, one in there.items()}:
        raise ValueError("the weights of the candidate are not those of this base")
    return ((name, weight, there[name].detach()) for name, weight in here.items())


def _of_adapters(adapters: dict[str, LoraLinear], below: dict[str, int]) -> Iterator[tuple[str, Tensor, Tensor]]:
    """B of each adapter, and of DoRA the lengths, beside what they are where the adapter changes nothing.

    Of an adapter that was trained on top of another, the columns of the lower one stay.
    """
    for name, layer in adapters.items():
        start = layer.lora_B.detach().clone()
        start[:, below.get(name, 0) :] = 0
        yield f"{name}.lora_B", layer.lora_B, start
        if layer.magnitude is not None:
            lengths = torch.linalg.vector_norm(oriented_weight(layer.base).detach() + 0.0, dim=1)
            yield f"{name}.magnitude", layer.magnitude, lengths


def _ranks_below(tuned: OpenLanguageModel) -> dict[str, int]:
    """Of each layer how many columns of B belong to the adapter that the base is, when it is one."""
    if tuned.files is None or tuned.files.adapter is None:
        return {}
    factors = read_adapters(tuned.files.adapter)
    widest = max(one.lora_A.shape[0] for one in factors.values())
    return dict.fromkeys(adapters_of(tuned.causal), widest)
