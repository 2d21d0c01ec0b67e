"""Kinds of language models whose attention is not torch's own: loaded, learned from, or refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from sintonia.errors import UsageError
from sintonia.models.adapters import AdapterPlan, attach_adapters, linear_layers
from sintonia.models.language.losses import Engine
from sintonia.models.language.rows import TokenRow
from sintonia.models.loading import load_causal
from sintonia.models.shape import adapter_notes, read_shape
from sintonia.models.sources import BaseFiles
from sintonia.models.sources.trust import check_folder

LAYERS = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2}
USUAL = {**LAYERS, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 64}
GROUPED = {**USUAL, "num_key_value_heads": 2, "head_dim": 8}
SMALL_GPT = {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
MIXED = [[["global", "local"], 1]]
KINDS: dict[str, dict[str, Any]] = {
    "bloom": {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "mpt": {"vocab_size": 97, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64},
    "xglm": {"vocab_size": 97, "d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 64},
    "gpt_oss": {**GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2},
    "mamba": {**LAYERS, "state_size": 8},
    "mamba2": {**LAYERS, "state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 1},
    "rwkv": {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 7, "intermediate_size": 64},
    "gemma2": GROUPED,
    "gptj": {**SMALL_GPT, "rotary_dim": 4},
    "gpt_neo": {"vocab_size": 97, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "attention_types": MIXED},
    "opt": {**USUAL, "ffn_dim": 64, "word_embed_proj_dim": 32},
    "mixtral": {**GROUPED, "num_local_experts": 4},
}


def saved(kind: str, folder: Path, **settings: Any) -> Path:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.1)
    model.save_pretrained(folder)
    return folder


def rows() -> list[TokenRow]:
    lengths = (4, 9, 17, 30, 31)
    return [
        TokenRow(ids=tuple((5 * k + n) % 96 + 1 for k in range(n)), learned=(False,) + (True,) * (n - 1), num_bytes=n)
        for n in lengths
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_together_have_the_losses_they_have_alone_and_adapters_learn(kind: str, tmp_path: Path) -> None:
    folder = saved(kind, tmp_path / kind, **KINDS[kind])
    shape = read_shape(BaseFiles(model=folder))
    assert (shape.kind, shape.hidden_size) == ("language", 32)
    causal = load_causal(folder)
    engine = Engine(causal, micro_tokens=400)
    together = engine.losses(rows()).nats
    alone = [float(engine.losses([row]).nats[0]) for row in rows()]
    assert together == pytest.approx(alone, rel=1e-5)
    assert together.mean() > 1

    attach_adapters(causal, AdapterPlan(rank=2, alpha=2), seed=0)
    mean = engine.backward(rows())
    assert mean == pytest.approx(together.sum() / sum(row.num_learned for row in rows()), rel=1e-4)
    assert any(bool(one.grad.abs().sum() > 0) for one in causal.parameters() if one.grad is not None)


def test_weights_of_rwkv_are_not_rescaled_in_evaluation(tmp_path: Path) -> None:
    folder = saved("rwkv", tmp_path / "rwkv", **KINDS["rwkv"])
    causal = load_causal(folder)
    before = {name: one.clone() for name, one in causal.named_parameters()}
    Engine(causal, micro_tokens=400).losses(rows())
    assert all(torch.equal(one, before[name]) for name, one in causal.named_parameters())


def test_a_model_that_looks_ahead_is_refused_with_the_reason(tmp_path: Path) -> None:
    folder = saved("xlnet", tmp_path / "xlnet", vocab_size=97, d_model=32, n_layer=2, n_head=4, d_inner=64)
    with pytest.raises(UsageError, match="looks at what comes after a token") as caught:
        load_causal(folder)
    assert str(folder) in caught.value.what and "xlnet" in caught.value.what


def test_private_settings_that_transformers_declares_are_let_through(tmp_path: Path) -> None:
    folder = saved("opt", tmp_path / "opt", **KINDS["opt"], _remove_final_layer_norm=True)
    assert json.loads((folder / "config.json").read_text())["_remove_final_layer_norm"] is True
    check_folder(folder)
    path = folder / "config.json"
    written = json.loads(path.read_text())
    for wrong in (
        {"_remove_final_layer_norm": "org/code"},
        {"_remove_final_layer_norm": {"a": 1}},
        {"_some_other_setting": True},
        {"_attn_implementation_internal": "org/kernel"},
        {"model_type": "llama"},  # it declares no such setting
    ):
        path.write_text(json.dumps(written | wrong))
        with pytest.raises(UsageError, match="can make a program run code"):
            check_folder(folder)


def test_a_mixture_of_experts_says_that_adapters_leave_them_alone(tmp_path: Path) -> None:
    folder = saved("mixtral", tmp_path / "mixtral", **KINDS["mixtral"])
    (note,) = adapter_notes(BaseFiles(model=folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AutoModelForCausalLM, "from_config", None)  # its shape alone is read without building it
        assert read_shape(BaseFiles(model=folder)).kind == "language"
        assert adapter_notes(BaseFiles(model=folder)) == (), "the note does build it: the control"
    causal = load_causal(folder)
    experts = sum(one.numel() for name, one in causal.named_parameters() if ".experts." in name)
    share = 100 * experts / sum(one.numel() for one in causal.parameters())
    assert f"the experts ({share:.0f} % of its weights) get none and stay frozen" in note
    assert {name.rpartition(".")[2] for name in linear_layers(causal)} == {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert adapter_notes(BaseFiles(model=saved("gpt_oss", tmp_path / "oss", **KINDS["gpt_oss"])))
    assert not adapter_notes(BaseFiles(model=saved("opt", tmp_path / "opt", **KINDS["opt"])))
