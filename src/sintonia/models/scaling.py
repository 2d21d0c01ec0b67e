"""How far a tuned model stands from its base: adapters scaled, weights interpolated (WiSE-FT), without training.

Nothing is chosen here, and no candidate is ever changed on disk: `write_scaled` makes a new folder, whole or none.
Source: Wortsman et al. 2022 (arXiv 2109.01903); for an adapter the interpolation is to scale it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sintonia.errors import StorageError, UsageError
from sintonia.files import follow_umask, storage_errors, sync_folder, sync_tree
from sintonia.models.adapter_files import read_adapters
from sintonia.models.adapters import LoraLinear, adapters_of, oriented_weight
from sintonia.models.embeddings.saved import OpenEmbedder, open_embedder
from sintonia.models.language.classifier import DecoderReader, save_classifier
from sintonia.models.language.saved import OpenLanguageModel, open_language_candidate
from sintonia.models.loading import quiet
from sintonia.models.open import OpenBase, OpenCandidate, open_candidate, read_candidate
from sintonia.models.sources.folder import ADAPTER, is_adapter, weight_files
from sintonia.models.sources.trust import INDEX
from sintonia.models.tagging.head import TokenTagger, write_tagger
from sintonia.tasks import LANGUAGE_TASKS
from sintonia.tasks.tag import tag_names

Opened = OpenBase | OpenLanguageModel
"""A base in memory, as `open_base` and `open_language_base` give it."""
Tuned = OpenCandidate | OpenEmbedder | OpenLanguageModel
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
    if isinstance(tuned, OpenCandidate | OpenEmbedder) and isinstance(base, OpenBase):
        return Dial(_of_all(tuned.model.transformer, base.model.transformer))
    raise ValueError("a candidate and its base are both encoders or both language models")


def open_tuned(folder: Path) -> Tuned:
    """A candidate of any task, from its folder.

    Raises:
        StorageError: the folder is not a model of ours.
        UsageError: the base that its adapter belongs to is not on this machine any more.
    """
    task = read_candidate(folder).get("task")
    if task == "embed":
        return open_embedder(folder)
    return open_language_candidate(folder) if task in LANGUAGE_TASKS else open_candidate(folder)


def write_scaled(folder: Path, new_folder: Path, scale: float, base: Opened) -> None:
    """Writes a candidate with its training scaled, in the form that it has: adapters in peft's, else all weights.

    Of adapters B is scaled and `lora_alpha` left alone, for some programs take whole numbers only. `sintonia.json` says
    the scale; a temperature and offsets are left out, since they were fitted to other logits.

    Raises:
        FileExistsError: there is such a folder.
        StorageError: the folder is not a model of ours, or the disk refuses; nothing half written stays.
        UsageError: no weight of the base was trained: there is nothing to scale.
    """
    if new_folder.exists():
        raise FileExistsError(str(new_folder))
    tuned = open_tuned(folder)
    dial = make_dial(tuned, base)
    if dial.is_untouched:
        raise UsageError("no weight of the base was trained, so there is nothing to scale", hint="keep it as it is")
    dial.turn_to(scale)
    work = new_folder.with_name(f".{new_folder.name}-unfinished")
    try:
        with storage_errors(new_folder):
            new_folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(work, ignore_errors=True)
            _write_beside(folder, work, tuned, dial)
            _say_scale(work, scale)
            follow_umask(work)
            sync_tree(work)
            work.rename(new_folder)
            sync_folder(new_folder.parent)
    except SafetensorError as error:  # what the disk says reaches us as this, not as an OSError
        raise StorageError(f"cannot write the model into `{new_folder}`: {error}", hint="check free space") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_beside(folder: Path, work: Path, tuned: Tuned, dial: Dial) -> None:
    old = {path.name for path in weight_files(folder)} | {INDEX}
    shutil.copytree(folder, work, ignore=lambda at, names: old & set(names) if Path(at) == folder else ())
    if is_adapter(folder):
        _write_adapter(folder, work, dial)
        return
    if isinstance(tuned, OpenCandidate) and isinstance(tuned.model, TokenTagger):
        write_tagger(tuned.model, work, tag_names(tuned.fitted))
        return
    if isinstance(tuned, OpenCandidate) and isinstance(tuned.model, DecoderReader):
        save_classifier(tuned.model, tuned.tokenizer, work, read_candidate(folder))
        return
    whole = tuned.causal if isinstance(tuned, OpenLanguageModel) else tuned.model.transformer
    with quiet():
        whole.save_pretrained(work)


def _say_scale(work: Path, scale: float) -> None:
    body = read_candidate(work)
    body["scale"] = scale * float(body.get("scale", 1.0))
    if "temperature" in body:
        body["temperature"] = None
    body.pop("offsets", None)
    body.pop("least_confidence", None)
    (work / "sintonia.json").write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


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
    there, here = (
        {name: one for name, one in model.named_parameters() if "pooler" not in name.split(".")}
        for model in (base, tuned)  # a pooler is not used: not every form of a model has it
    )
    there = {name: one for name, one in there.items() if name in here}  # a tagger may have left upper layers out
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
