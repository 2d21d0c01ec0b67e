"""Language models opened and saved: without our code transformers and peft compute the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sintonia.choose import choose
from sintonia.errors import SintoniaError, StorageError, UsageError
from sintonia.models.adapters import AdapterPlan, adapters_of, attach_adapters
from sintonia.models.language.saved import (
    OpenLanguageModel,
    open_language_base,
    open_language_candidate,
    save_language_model,
)
from sintonia.models.open import candidate_task, open_candidate
from sintonia.records import Base
from sintonia.settings import DataSettings, Recipe
from tests.tiny import make_tiny_language_model

IDS = torch.arange(3, 43).reshape(2, 20)
TALK = [{"role": "user", "content": "hi"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_language_model(tmp_path / "tiny")


def pinned(folder: Path) -> Base:
    return choose(Recipe(data=DataSettings(path="x"), base=f"file:{folder}"), "chat")


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits


def trained(opened: OpenLanguageModel, variant: str = "lora", seed: int = 0) -> torch.Tensor:
    """Gives the opened base adapters that do something; returns its logits."""
    attach_adapters(opened.causal, AdapterPlan(rank=3, alpha=5, variant=variant), seed)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in adapters_of(opened.causal).values():
            layer.lora_B.add_(0.3 * torch.randn(layer.lora_B.shape, generator=generator))
    return logits(opened.causal)


def save(opened: OpenLanguageModel, target: Path, method: str = "lora") -> Path:
    save_language_model(opened, target, method=method, template_name=opened.template.name, max_tokens=64)
    return target


def test_a_base_is_opened_pristine_in_full_precision(folder: Path):
    opened = open_language_base(pinned(folder), 64, "auto")
    assert opened.causal.dtype == torch.float32 and not opened.causal.training
    assert opened.causal.config._attn_implementation == "sdpa"
    assert torch.equal(logits(opened.causal), logits(AutoModelForCausalLM.from_pretrained(folder)))


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
def test_saved_adapters_are_read_by_peft_and_by_us(folder: Path, tmp_path: Path, variant: str):
    opened = open_language_base(pinned(folder), 64, "auto")
    ours = trained(opened, variant)
    saved = save(opened, tmp_path / "model")
    theirs = peft.AutoPeftModelForCausalLM.from_pretrained(str(saved)).eval()  # finds the base by itself
    assert logits(theirs) == pytest.approx(ours, abs=1e-5)
    again = open_language_candidate(saved)
    assert logits(again.causal) == pytest.approx(ours, abs=1e-5)
    assert not any(
        value.requires_grad for value in adapters_of(again.causal)["model.layers.0.mlp.up_proj"].parameters()
    )
    assert (again.max_tokens, again.record, candidate_task(saved)) == (64, None, "chat")
    body = json.loads((saved / "sintonia.json").read_text())
    base = {"reference": f"file:{folder}", "revision": pinned(folder).revision}
    assert body == {
        "schema": 1, "task": "chat", "method": "lora", "template": "base", "max_tokens": 64, "base": base
    }  # fmt: skip


def test_a_whole_model_is_read_by_transformers_and_by_us(folder: Path, tmp_path: Path):
    opened = open_language_base(pinned(folder), 64, "auto")
    with torch.no_grad():
        for value in opened.causal.parameters():
            value.add_(0.01)
    saved = save(opened, tmp_path / "model", "full")
    shutil.rmtree(folder)  # it needs no base any more
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(saved)), logits(opened.causal))
    assert torch.equal(logits(open_language_candidate(saved).causal), logits(opened.causal))


@pytest.mark.parametrize("asked", ["auto", "chatml"])
def test_the_template_that_was_trained_with_is_saved(tmp_path: Path, asked: str):
    folder = make_tiny_language_model(tmp_path / "bare", has_template=False)
    opened = open_language_base(pinned(folder), 64, asked)
    trained(opened)
    saved = save(opened, tmp_path / "model")
    prompt = opened.template.prompt(TALK, [])
    assert AutoTokenizer.from_pretrained(saved).apply_chat_template(
        TALK, tokenize=False, add_generation_prompt=True
    ) == prompt  # fmt: skip
    assert open_language_candidate(saved).template.prompt(TALK, []) == prompt


def test_an_adapter_on_a_tuned_model_is_saved_as_one_adapter(folder: Path, tmp_path: Path):
    first = open_language_base(pinned(folder), 64, "auto")
    before = trained(first, "rslora", seed=1)
    lower = save(first, tmp_path / "first")
    second = open_language_base(pinned(lower), 64, "auto")
    assert logits(second.causal) == pytest.approx(before, abs=1e-5) and not adapters_of(second.causal)
    ours = trained(second, seed=2)
    assert (ours - before).abs().max() > 1e-2
    upper = save(second, tmp_path / "second")
    theirs = peft.AutoPeftModelForCausalLM.from_pretrained(str(upper)).eval()
    assert logits(theirs) == pytest.approx(ours, abs=1e-5)
    assert logits(open_language_candidate(upper).causal) == pytest.approx(ours, abs=1e-5)
    third = open_language_base(pinned(upper), 64, "auto")  # and so on
    assert logits(third.causal) == pytest.approx(ours, abs=1e-5)


def test_dora_as_a_base_is_refused_with_a_way_out(folder: Path, tmp_path: Path):
    first = open_language_base(pinned(folder), 64, "auto")
    trained(first, "dora")
    with pytest.raises(UsageError) as caught:
        open_language_base(pinned(save(first, tmp_path / "first")), 64, "auto")
    assert "merge_and_unload" in caught.value.hint


def test_a_base_that_was_changed_is_noticed_by_runs_and_candidates(folder: Path, tmp_path: Path):
    base = pinned(folder)
    opened = open_language_base(base, 64, "auto")
    trained(opened)
    saved = save(opened, tmp_path / "model")
    make_tiny_language_model(folder, seed=1)
    with pytest.raises(StorageError, match="changed since"):
        open_language_base(base, 64, "auto")
    with pytest.raises(StorageError, match="changed since"):
        open_language_candidate(saved)
    shutil.rmtree(folder)
    with pytest.raises(UsageError, match="not a base model"):
        open_language_candidate(saved)


@pytest.mark.parametrize("damage", ["{", "[]", '{"task": "classify"}', None])
def test_a_folder_that_is_no_candidate_is_one_clear_error(folder: Path, tmp_path: Path, damage: str | None):
    opened = open_language_base(pinned(folder), 64, "auto")
    trained(opened)
    saved = save(opened, tmp_path / "model")
    if damage is None:
        (saved / "sintonia.json").unlink()
    else:
        (saved / "sintonia.json").write_text(damage)
    with pytest.raises(StorageError):
        open_language_candidate(saved)


def test_each_kind_of_candidate_has_its_own_door(folder: Path, tmp_path: Path):
    opened = open_language_base(pinned(folder), 64, "auto")
    trained(opened)
    with pytest.raises(StorageError, match="no tuned model with a head"):
        open_candidate(save(opened, tmp_path / "model"))
    with pytest.raises(SintoniaError):
        candidate_task(tmp_path)


def test_foreign_code_in_a_candidate_that_someone_sent_is_refused(folder: Path, tmp_path: Path):
    opened = open_language_base(pinned(folder), 64, "auto")
    saved = save(opened, tmp_path / "model", "full")
    path = saved / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}))
    with pytest.raises(UsageError, match="auto_map"):
        open_language_candidate(saved)
