"""Saved candidates of one base as one: the mean of their weights, computed exactly, in the form that they have.

Full weights and heads are averaged number by number, in float64. Of adapters the mean of the products is kept, which
is what they add to the frozen weights: exactly, by putting the matrices side by side, so the rank grows. (During one
training `train/averaging.py` keeps the rank instead and drops a remainder.) No candidate is changed on disk, nothing is
chosen here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sintonia.errors import StorageError, UsageError
from sintonia.files import follow_umask, storage_errors, sync_tree
from sintonia.models.adapter_files import AdapterOrigin, concatenate, read_adapters, save_adapters
from sintonia.models.adapters import Factors, place_adapters
from sintonia.models.language.saved import open_language_candidate
from sintonia.models.loading import load_causal
from sintonia.models.open import read_candidate
from sintonia.models.sources.folder import ADAPTER, is_adapter

Adapter = dict[str, Factors]


def write_mean(folders: Sequence[Path], new_folder: Path) -> None:
    """Writes the mean of candidates into a new folder; what is not weights is that of the first.

    A temperature and offsets are left out, since they were fitted to other logits.

    Raises:
        FileExistsError: there is such a folder.
        StorageError: a folder is not a model of ours, or the disk refuses; nothing half written stays.
        UsageError: their weights have other names or sizes, or they are DoRA adapters.
    """
    if new_folder.exists():
        raise FileExistsError(str(new_folder))
    work = new_folder.with_name(f".{new_folder.name}-unfinished")
    try:
        with storage_errors(new_folder):
            new_folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(folders[0], work, ignore=shutil.ignore_patterns("*.safetensors"))
            (_write_adapter if is_adapter(folders[0]) else _write_weights)(folders, work)
            _forget_what_was_fitted(work)
            follow_umask(work)
            sync_tree(work)
            work.rename(new_folder)
    except SafetensorError as error:  # what the disk says reaches us as this, not as an OSError
        raise StorageError(f"cannot write the model into `{new_folder}`: {error}", hint="check free space") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def mean_of_adapters(adapters: Sequence[Adapter], num_shared: int = 0) -> Adapter:
    """One adapter whose change of each weight is the mean of theirs, exactly; its rank is the sum of their ranks.

    `num_shared` is how many of the first columns belong to an adapter that all were trained on top of: they are kept
    once, as they are.

    Raises:
        UsageError: one of them is DoRA, whose mean has no such form.
    """
    if any(one.magnitude is not None for each in adapters for one in each.values()):
        raise UsageError(
            "DoRA adapters cannot be averaged: a mean of them is no DoRA adapter",
            hint="take `lora.variant` lora for turns that are to be combined",
        )
    own = [{name: _scaled(one, num_shared, 1 / len(adapters)) for name, one in each.items()} for each in adapters]
    mean = reduce(concatenate, own)
    return concatenate(_shared(adapters[0], num_shared), mean) if num_shared else mean


def _shared(adapter: Adapter, num_shared: int) -> Adapter:
    return {
        name: Factors(lora_A=one.lora_A[:num_shared], lora_B=one.lora_B[:, :num_shared], scaling=one.scaling)
        for name, one in adapter.items()
    }


def _scaled(one: Factors, first: int, share: float) -> Factors:
    return Factors(lora_A=one.lora_A[first:], lora_B=one.lora_B[:, first:], scaling=one.scaling * share)


def _write_weights(folders: Sequence[Path], work: Path) -> None:
    for path in sorted(folders[0].rglob("*.safetensors")):
        name = path.relative_to(folders[0])
        save_file(_mean([load_file(folder / name) for folder in folders]), work / name, metadata={"format": "pt"})


def _mean(models: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    shapes = [{name: value.shape for name, value in one.items()} for one in models]
    if any(one != shapes[0] for one in shapes):
        raise UsageError("the models to average have weights of other names or sizes", expected="models of one base")
    return {name: _mean_of([one[name] for one in models]) for name in models[0]}


def _mean_of(values: Sequence[Tensor]) -> Tensor:
    """Whole numbers, which are positions, are those of the first."""
    first = values[0]
    if not first.is_floating_point():
        return first
    total = torch.zeros_like(first, dtype=torch.float64)
    for value in values:
        total += value.double()
    return (total / len(values)).to(first.dtype).contiguous()


def _write_adapter(folders: Sequence[Path], work: Path) -> None:
    opened = open_language_candidate(folders[0])
    if opened.files is None:
        raise StorageError(f"`{folders[0]}` does not say which base it belongs to", hint="train it again")
    below = read_adapters(opened.files.adapter) if opened.files.adapter else {}
    num_shared = max((one.lora_A.shape[0] for one in below.values()), default=0)
    mean = mean_of_adapters([read_adapters(folder) for folder in folders], num_shared)
    causal = load_causal(opened.files.model)
    place_adapters(causal, mean)
    (work / ADAPTER[0]).unlink(missing_ok=True)
    save_adapters(causal, work, AdapterOrigin(model=opened.files.model))


def _forget_what_was_fitted(work: Path) -> None:
    body = read_candidate(work)
    if "temperature" in body:
        body["temperature"] = None
    body.pop("offsets", None)
    body.pop("least_confidence", None)
    (work / "sintonia.json").write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
