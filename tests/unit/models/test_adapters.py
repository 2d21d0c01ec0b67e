"""Adapters: peft is the oracle, in both directions; merging and adding one on top of another change nothing else."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from sintonia.errors import StorageError, UsageError
from sintonia.models.adapter_files import AdapterOrigin, concatenate, load_adapters, read_adapters, save_adapters
from sintonia.models.adapters import (
    AdapterPlan,
    adapters_of,
    attach_adapters,
    linear_layers,
    merge_adapters,
)
from sintonia.models.pooled import load_encoder, without_adapters
from tests.tiny import make_tiny_language_model

VARIANTS = ("lora", "rslora", "dora")
IDS = torch.arange(3, 43).reshape(2, 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_language_model(tmp_path_factory.mktemp("models") / "tiny")


def opened(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits


def plan(variant: str = "lora", **changes: Any) -> AdapterPlan:
    return dataclasses.replace(AdapterPlan(rank=4, alpha=6.0, variant=variant), **changes)  # type: ignore[arg-type]


def trained(model: Any, seed: int = 1) -> Any:
    """The model with every adapter parameter moved, as training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in adapters_of(model).values():
            layer.lora_B.add_(0.2 * torch.randn(layer.lora_B.shape, generator=generator))
            if layer.magnitude is not None:
                layer.magnitude.mul_(1 + 0.2 * torch.rand(layer.magnitude.shape, generator=generator))
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_fresh_adapters_change_nothing_and_train_alone(folder: Path, variant: str):
    model = opened(folder)
    before = logits(model)
    placed = attach_adapters(model, plan(variant), seed=0)
    assert logits(model) == pytest.approx(before, abs=1e-5)
    assert len(placed) == 2 * 7 and not any("lm_head" in name for name in placed)
    learning = {name for name, value in model.named_parameters() if value.requires_grad}
    parts = ("lora_A", "lora_B", "magnitude") if variant == "dora" else ("lora_A", "lora_B")
    assert learning == {f"{name}.{part}" for name in placed for part in parts}


def test_the_same_seed_gives_the_same_start_and_another_another(folder: Path):
    starts = []
    for seed in (3, 3, 4):
        model = opened(folder)
        starts.append(torch.cat([one.lora_A.flatten() for one in attach_adapters(model, plan(), seed).values()]))
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])
    bound = 1 / 32**0.5  # as an nn.Linear of 32 inputs starts
    assert 0.9 * bound < starts[0][: 4 * 32].abs().max() <= bound


@pytest.mark.parametrize("variant", VARIANTS)
def test_peft_reads_what_we_save_with_equal_logits(folder: Path, tmp_path: Path, variant: str):
    model = opened(folder)
    attach_adapters(model, plan(variant), seed=0)
    ours = logits(trained(model))
    save_adapters(model, tmp_path / "adapter", AdapterOrigin(model=folder))
    theirs = peft.PeftModel.from_pretrained(opened(folder), str(tmp_path / "adapter")).eval()
    assert logits(theirs) == pytest.approx(ours, abs=1e-5)
    assert (logits(opened(folder)) - ours).abs().max() > 1e-2
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert settings["lora_alpha"] == 6 and settings["use_rslora"] == (variant == "rslora")
    assert settings["target_modules"] == [
        "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"
    ]  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_we_read_what_peft_saves_with_equal_logits(folder: Path, tmp_path: Path, variant: str):
    settings = peft.LoraConfig(
        r=4,
        lora_alpha=10,
        target_modules=["q_proj", "v_proj", "down_proj"],
        use_rslora=variant == "rslora",
        use_dora=variant == "dora",
        init_lora_weights=False,
        alpha_pattern={"v_proj": 3},
        rank_pattern={"layers.1.self_attn.q_proj": 2},
    )
    torch.manual_seed(0)
    theirs = peft.get_peft_model(opened(folder), settings).eval()
    theirs.save_pretrained(tmp_path / "adapter")
    model = opened(folder)
    placed = load_adapters(model, tmp_path / "adapter")
    assert logits(model) == pytest.approx(logits(theirs), abs=1e-5)
    assert len(placed) == 6 and not any(value.requires_grad for one in placed.values() for value in (one.lora_A,))
    save_adapters(model, tmp_path / "again", AdapterOrigin(model=folder))
    again = opened(folder)
    load_adapters(again, tmp_path / "again")
    assert logits(again) == pytest.approx(logits(theirs), abs=1e-5)
    back = peft.PeftModel.from_pretrained(opened(folder), str(tmp_path / "again")).eval()
    assert logits(back) == pytest.approx(logits(theirs), abs=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_and_gradients_are_those_of_peft(folder: Path, tmp_path: Path, variant: str):
    """In double precision, so that nothing hides behind rounding."""
    model = opened(folder)
    attach_adapters(model, plan(variant), seed=0)
    trained(model)
    save_adapters(model, tmp_path / "adapter", AdapterOrigin(model=folder))
    theirs = peft.PeftModel.from_pretrained(opened(folder), str(tmp_path / "adapter"), is_trainable=True)
    losses = [one.double().train()(input_ids=IDS, labels=IDS).loss for one in (model, theirs)]
    for loss in losses:
        loss.backward()
    assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-9)
    ours = [layer.lora_A.grad for layer in adapters_of(model).values()]
    other = [one.grad for name, one in theirs.named_parameters() if "lora_A" in name]
    assert len(ours) == len(other) == 14
    for mine, its in zip(ours, other, strict=True):
        assert mine == pytest.approx(its, abs=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_merging_changes_no_logit_and_leaves_no_adapter(folder: Path, variant: str):
    model = opened(folder)
    keys = set(model.state_dict())
    attach_adapters(model, plan(variant), seed=0)
    before = logits(trained(model))
    merge_adapters(model)
    assert logits(model) == pytest.approx(before, abs=1e-5)
    assert not adapters_of(model) and set(model.state_dict()) == keys


@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_dropout_acts_in_training_only(folder: Path, variant: str):
    model = opened(folder)
    attach_adapters(model, plan(variant, dropout=0.5), seed=0)
    trained(model)
    assert torch.equal(logits(model), logits(model))
    model.train()
    assert not torch.equal(logits(model), logits(model))


def test_the_highest_layers_alone_get_adapters(folder: Path, tmp_path: Path):
    model = opened(folder)
    placed = attach_adapters(model, plan(layers=(1,)), seed=0)
    assert len(placed) == 7 and all(".layers.1." in name for name in placed)
    ours = logits(trained(model))
    save_adapters(model, tmp_path / "adapter", AdapterOrigin(model=folder))
    theirs = peft.PeftModel.from_pretrained(opened(folder), str(tmp_path / "adapter")).eval()
    assert logits(theirs) == pytest.approx(ours, abs=1e-5)
    with pytest.raises(UsageError, match="the base has 2"):
        attach_adapters(opened(folder), plan(layers=(2,)), seed=0)


def test_conv1d_of_gpt2_is_adapted_and_peft_agrees(tmp_path: Path):
    torch.manual_seed(0)
    settings = AutoConfig.for_model("gpt2", vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    AutoModelForCausalLM.from_config(settings).save_pretrained(tmp_path / "gpt2")
    for variant in VARIANTS:
        model = opened(tmp_path / "gpt2")
        assert len(attach_adapters(model, plan(variant), seed=0)) == 2 * 4
        ours = logits(trained(model))
        save_adapters(model, tmp_path / variant, AdapterOrigin(model=tmp_path / "gpt2"))
        theirs = peft.PeftModel.from_pretrained(opened(tmp_path / "gpt2"), str(tmp_path / variant)).eval()
        assert logits(theirs) == pytest.approx(ours, abs=1e-5)
        merge_adapters(model)
        assert logits(model) == pytest.approx(ours, abs=1e-5)


def test_an_encoder_keeps_pooler_and_head_and_peft_agrees(tiny_base: Path, tmp_path: Path):
    model = load_encoder(tiny_base)
    model.add_head(torch.randn(4, 32), torch.randn(4))
    placed = attach_adapters(model.transformer, plan(), seed=0)
    assert len(placed) == 2 * 6 and not any("pooler" in name for name in placed)
    assert model.head is not None and model.head.weight.requires_grad
    trained(model)
    ids = torch.tensor([[2, 7, 8, 9, 3]])
    before = model(ids, None)
    origin = AdapterOrigin(model=tiny_base, task_type="FEATURE_EXTRACTION")
    save_adapters(model.transformer, tmp_path / "adapter", origin)
    theirs = peft.PeftModel.from_pretrained(AutoModel.from_pretrained(tiny_base), str(tmp_path / "adapter")).eval()
    states = model.transformer(input_ids=ids).last_hidden_state
    assert theirs(input_ids=ids).last_hidden_state.detach() == pytest.approx(states.detach(), abs=1e-5)
    assert without_adapters(model)(ids, None).detach() == pytest.approx(before.detach(), abs=1e-5)


def test_an_adapter_on_top_of_an_adapter_is_one_adapter(folder: Path, tmp_path: Path):
    """The lower one on two kinds of layers with a scale of its own, the upper one on all."""
    lower = opened(folder)
    attach_adapters(lower, plan("rslora", rank=3), seed=5)
    trained(lower)
    kept = {name: one.factors for name, one in adapters_of(lower).items() if name.endswith(("q_proj", "up_proj"))}
    both = opened(folder)
    for name, one in kept.items():
        weight = both.get_submodule(name).weight
        weight.data += one.scaling * (one.lora_B @ one.lora_A)
    attach_adapters(both, plan(), seed=6)
    ours = logits(trained(both, seed=2))
    save_adapters(both, tmp_path / "both", AdapterOrigin(model=folder, below=kept))
    theirs = peft.PeftModel.from_pretrained(opened(folder), str(tmp_path / "both")).eval()
    assert logits(theirs) == pytest.approx(ours, abs=1e-5)
    assert json.loads((tmp_path / "both" / "adapter_config.json").read_text())["r"] == 3 + 4
    again = opened(folder)
    load_adapters(again, tmp_path / "both")
    assert logits(again) == pytest.approx(ours, abs=1e-5)


@pytest.mark.parametrize("lower, upper", [("dora", "lora"), ("lora", "dora")])
def test_dora_is_not_put_on_another_adapter(folder: Path, lower: str, upper: str):
    parts = []
    for variant in (lower, upper):
        model = opened(folder)
        attach_adapters(model, plan(variant), seed=0)
        parts.append({name: one.factors for name, one in adapters_of(model).items()})
    with pytest.raises(UsageError, match="DoRA"):
        concatenate(*parts)


def saved(folder: Path, target: Path) -> Path:
    model = opened(folder)
    attach_adapters(model, plan(), seed=0)
    save_adapters(model, target, AdapterOrigin(model=folder))
    return target


@pytest.mark.parametrize(
    "changes",
    [
        {"peft_type": "LOHA"},
        {"bias": "lora_only"},
        {"modules_to_save": ["lm_head"]},
        {"init_lora_weights": "pissa"},
        {"lora_bias": True},
        {"layer_replication": [[0, 2]]},
        {"alpha_pattern": {"(a+)+$": 3}},
        {"a_setting_of_tomorrow": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_kind_of_adapter_that_is_not_understood_is_refused(folder: Path, tmp_path: Path, changes: dict[str, Any]):
    adapter = saved(folder, tmp_path / "adapter")
    assert read_adapters(adapter)
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UsageError):
        read_adapters(adapter)


def test_an_adapter_of_another_model_or_a_damaged_one_is_refused(folder: Path, tmp_path: Path):
    adapter = saved(folder, tmp_path / "adapter")
    wide = make_tiny_language_model(tmp_path / "wide", hidden_size=64)
    with pytest.raises(UsageError, match="does not fit"):
        load_adapters(opened(wide), adapter)
    flat = make_tiny_language_model(tmp_path / "flat", num_hidden_layers=1)
    with pytest.raises(UsageError, match=r"layers\.1\."):
        load_adapters(opened(flat), adapter)
    weights = adapter / "adapter_model.safetensors"
    tensors = load_file(weights)
    half = {name: value for name, value in tensors.items() if not name.endswith("0.mlp.up_proj.lora_B.weight")}
    save_file(half, weights)
    with pytest.raises(StorageError, match="lacks half"):
        read_adapters(adapter)
    save_file(tensors | {"base_model.model.lm_head.weight": torch.zeros(2, 2)}, weights)
    with pytest.raises(UsageError, match="lm_head"):
        read_adapters(adapter)
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(StorageError, match="cannot read"):
        read_adapters(adapter)


def test_linear_layers_of_a_copy_are_its_own(folder: Path):
    model = opened(folder)
    other = copy.deepcopy(model)
    attach_adapters(model, plan(), seed=0)
    assert len(linear_layers(other)) == 14 and not adapters_of(other)
