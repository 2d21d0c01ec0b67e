"""Damaged or malformed bases and adapters: one clear error with the path and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from sintonia.errors import SintoniaError, StorageError, UsageError
from sintonia.models.adapter_files import AdapterOrigin, read_adapters, save_adapters
from sintonia.models.adapters import AdapterPlan, attach_adapters
from sintonia.models.catalog import find_entry
from sintonia.models.loading import load_causal
from sintonia.models.pooled import load_encoder
from sintonia.models.shape import read_shape
from sintonia.models.sources import BaseFiles, locate
from tests.tiny import make_tiny_base, make_tiny_language_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_language_model(tmp_path_factory.mktemp("models") / "tiny")


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def adapter(folder: Path, target: Path, variant: Any = "lora") -> Path:
    model = AutoModelForCausalLM.from_pretrained(folder)
    attach_adapters(model, AdapterPlan(rank=2, alpha=4, variant=variant), seed=0)
    save_adapters(model, target, AdapterOrigin(model=folder))
    read_adapters(target)
    return target


@pytest.mark.parametrize("value", ["x", None, True, [], float("nan"), float("inf"), {}])
@pytest.mark.parametrize("name", ["lora_alpha", "r"])
def test_a_number_that_is_none_is_refused(folder: Path, tmp_path: Path, name: str, value: Any) -> None:
    target = adapter(folder, tmp_path / "adapter")
    change(target / "adapter_config.json", **{name: value})
    with pytest.raises(UsageError, match=f"`{name}`") as caught:
        read_adapters(target)
    assert "adapter_config.json" in caught.value.what and caught.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"r": 0},
        {"r": -2},
        {"r": 1.5},
        {"r": "2"},
        {"alpha_pattern": {"q_proj": "x"}},
        {"rank_pattern": {"q_proj": 0}},
        {"alpha_pattern": [1]},
        {"use_rslora": "yes"},
        {"use_dora": 3},
    ],
    ids=str,
)
def test_settings_that_no_adapter_has_are_refused(folder: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    target = adapter(folder, tmp_path / "adapter")
    change(target / "adapter_config.json", **changes)
    with pytest.raises(UsageError, match=next(iter(changes))) as caught:
        read_adapters(target)
    assert str(target) in caught.value.what and caught.value.hint


def q(which: str) -> str:
    return f"base_model.model.model.layers.0.self_attn.q_proj.{which}"


@pytest.mark.parametrize(
    "name, tensor",
    [
        ("lora_A.weight", torch.zeros(64)),
        ("lora_A.weight", torch.zeros(2, 32, 1)),
        ("lora_A.weight", torch.zeros(3, 32)),
        ("lora_A.weight", torch.zeros(())),
        ("lora_B.weight", torch.zeros(32)),
        ("lora_B.weight", torch.zeros(32, 3)),
        ("lora_A.weight", torch.zeros(2, 32, dtype=torch.int64)),
    ],
    ids=str,
)
def test_matrices_of_other_shapes_are_refused(folder: Path, tmp_path: Path, name: str, tensor: torch.Tensor) -> None:
    target = adapter(folder, tmp_path / "adapter")
    weights = target / "adapter_model.safetensors"
    save_file(load_file(weights) | {q(name): tensor}, weights)
    with pytest.raises(StorageError, match=r"q_proj` of the adapter in .* have the shapes") as caught:
        read_adapters(target)
    assert "rank 2" in caught.value.expected and caught.value.hint


def test_a_rank_that_is_not_that_of_the_matrices_is_refused(folder: Path, tmp_path: Path) -> None:
    target = adapter(folder, tmp_path / "adapter")
    change(target / "adapter_config.json", r=4)
    with pytest.raises(StorageError, match="shapes"):
        read_adapters(target)
    change(target / "adapter_config.json", r=4, rank_pattern={"layers.0": 2})
    with pytest.raises(StorageError, match="shapes"):
        read_adapters(target)


def test_dora_without_its_magnitudes_is_not_taken_for_lora(folder: Path, tmp_path: Path) -> None:
    plain = adapter(folder, tmp_path / "lora")
    change(plain / "adapter_config.json", use_dora=True)
    with pytest.raises(StorageError, match=r"is a DoRA by its settings, and .* has no magnitude"):
        read_adapters(plain)
    dora = adapter(folder, tmp_path / "dora", "dora")
    change(dora / "adapter_config.json", use_dora=False)
    with pytest.raises(StorageError, match=r"is no DoRA by its settings, and .* has a magnitude"):
        read_adapters(dora)
    change(dora / "adapter_config.json", use_dora=True)
    weights = dora / "adapter_model.safetensors"
    save_file(load_file(weights) | {q("lora_magnitude_vector"): torch.ones(5)}, weights)
    with pytest.raises(StorageError, match="shapes"):
        read_adapters(dora)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_adapter_with_what_is_no_number_is_refused(folder: Path, tmp_path: Path, value: float) -> None:
    target = adapter(folder, tmp_path / "adapter")
    weights = target / "adapter_model.safetensors"
    tensors = load_file(weights)
    tensors[q("lora_B.weight")][3, 1] = value
    save_file(tensors, weights)
    with pytest.raises(StorageError, match=r"is damaged: 1 of the 64 numbers in `.*q_proj.lora_B.weight`"):
        read_adapters(target)


def test_adapters_that_name_each_other_end(folder: Path, tmp_path: Path) -> None:
    first, second = adapter(folder, tmp_path / "first"), adapter(folder, tmp_path / "second")
    assert locate(find_entry(f"file:{first}")).model == folder
    change(first / "adapter_config.json", base_model_name_or_path=str(first))
    with pytest.raises(UsageError, match="names itself as its base") as caught:
        locate(find_entry(f"file:{first}"))
    assert "base_model_name_or_path" in caught.value.hint
    change(first / "adapter_config.json", base_model_name_or_path=str(second))
    change(second / "adapter_config.json", base_model_name_or_path=str(tmp_path / "second" / ".." / "first"))
    with pytest.raises(UsageError, match="names itself as its base"):
        locate(find_entry(f"file:{first}"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_base_with_what_is_no_number_names_the_tensor(tmp_path: Path, value: float) -> None:
    language, encoder = make_tiny_language_model(tmp_path / "tiny"), make_tiny_base(tmp_path / "bert")
    for folder, name, load in (
        (language, "model.layers.1.mlp.up_proj.weight", load_causal),
        (encoder, "encoder.layer.0.output.dense.weight", load_encoder),
    ):
        load(folder)
        tensors = load_file(folder / "model.safetensors")
        tensors[name].view(-1)[7] = value
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(StorageError, match=f"`{folder}` is damaged: 1 of the .* in `.*{name}`") as caught:
            load(folder)
        assert caught.value.hint


def test_large_numbers_are_numbers(tmp_path: Path) -> None:
    folder = make_tiny_language_model(tmp_path / "tiny")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"].fill_(3e38)  # their sum is more than float32 holds
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    load_causal(folder)


@pytest.mark.parametrize("value", [0, None, -1, "x", [32], 1e9])
@pytest.mark.parametrize("name", ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"])
@pytest.mark.parametrize("make, load", [(make_tiny_language_model, load_causal), (make_tiny_base, load_encoder)])
def test_settings_that_no_model_has_are_one_clear_error(
    tmp_path: Path, make: Any, load: Any, name: str, value: Any
) -> None:
    folder = make(tmp_path / "base")
    change(folder / "config.json", **{name: value})
    with pytest.raises(SintoniaError) as caught:
        read_shape(BaseFiles(model=folder))
        load(folder)
    assert str(folder) in caught.value.what
    if load is load_causal:
        with pytest.raises(SintoniaError):
            load(folder)
