"""Choosing a base: the right kind for the task, pinned, with reasons, and only if it fits."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import pytest
import torch

from sintonia.choose import base as choosing
from sintonia.choose import can_learn, choose, is_usual_kind
from sintonia.errors import StorageError, UsageError
from sintonia.files import sha256_file
from sintonia.models.adapter_files import AdapterOrigin, save_adapters
from sintonia.models.adapters import AdapterPlan, attach_adapters
from sintonia.models.catalog import catalog
from sintonia.models.open import open_base
from sintonia.models.pooled import load_encoder
from sintonia.models.sources import BaseFiles
from sintonia.settings import DataSettings, LoraSettings, Recipe
from tests.tiny import make_tiny_language_model


def recipe(folder: Path | str, **changes: object) -> Recipe:
    reference = folder if isinstance(folder, str) else f"file:{folder}"
    return dataclasses.replace(Recipe(data=DataSettings(path="x")), base=reference, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tiny_language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_language_model(tmp_path_factory.mktemp("models") / "tiny")


def test_auto_is_the_base_of_the_task(tiny_base: Path, tiny_language: Path, monkeypatch):
    folders = {catalog()["minilm"].reference: tiny_base, catalog()["smollm2"].reference: tiny_language}
    monkeypatch.setattr(choosing, "locate", lambda entry: BaseFiles(model=folders[entry.reference]))
    for task, name, kind in (("classify", "minilm", "encoder"), ("chat", "smollm2", "language")):
        base = choose(recipe("auto"), task)
        assert (base.reference, base.kind) == (catalog()[name].reference, kind)
        assert any(why.startswith("the default for") for why in base.why)
        assert catalog()[name].description in base.why and base.licence == "Apache-2.0"


def test_a_language_model_is_measured_without_being_opened(tiny_language: Path, monkeypatch):
    import transformers

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    real = transformers.AutoModelForCausalLM.from_pretrained(tiny_language)
    monkeypatch.setattr(transformers.PreTrainedModel, "from_pretrained", refuse)
    monkeypatch.setattr(torch.nn.Module, "__init__", refuse)
    base = choose(recipe(tiny_language), "chat")
    assert base.num_parameters == sum(value.numel() for value in real.parameters())
    assert (base.num_layers, base.hidden_size, base.max_tokens) == (2, 32, 512)
    assert (base.vocabulary_size, base.intermediate_size) == (real.config.vocab_size, 64)
    names = ("model.safetensors", "config.json")
    lines = "".join(f"{name} {sha256_file(tiny_language / name)}\n" for name in names)
    assert base.revision == hashlib.sha256(lines.encode()).hexdigest()
    assert "named in the recipe" in base.why


def test_an_encoder_is_what_it_was(tiny_base: Path):
    base = choose(recipe(tiny_base), "classify")
    assert base.num_parameters == sum(value.numel() for value in load_encoder(tiny_base).parameters())
    assert (base.num_layers, base.hidden_size, base.max_tokens, base.kind) == (2, 32, 64, "encoder")


def test_a_base_that_was_made_to_compare_texts_is_known(tiny_base: Path, tmp_path: Path, monkeypatch):
    assert not choose(recipe(tiny_base), "classify").is_for_similarity
    for name, is_ours in (("sentences", False), ("classifier", True)):
        folder = shutil.copytree(tiny_base, tmp_path / name)
        (folder / "modules.json").write_text("[]")
        if is_ours:
            (folder / "3_Dense").mkdir()
        assert choose(recipe(folder), "classify").is_for_similarity is not is_ours
    monkeypatch.setattr(choosing, "locate", lambda _: BaseFiles(model=tiny_base))
    assert choose(recipe("minilm"), "classify").is_for_similarity
    assert not choose(recipe("bert"), "classify").is_for_similarity


def test_the_wrong_kind_of_base_is_refused_with_the_right_one(tiny_base: Path, tiny_language: Path):
    with pytest.raises(UsageError, match="causal language model") as caught:
        choose(recipe(tiny_base), "chat")
    assert "smollm2" in caught.value.hint
    for task in ("tag", "embed"):
        with pytest.raises(UsageError, match="needs an encoder") as caught:
            choose(recipe(tiny_language), task)
        assert "minilm" in caught.value.hint


@pytest.mark.parametrize("task", ["classify", "multilabel", "regress"])
def test_a_language_model_may_be_named_for_a_head_on_texts(tiny_language: Path, monkeypatch, task: str):
    asked = recipe(tiny_language, task=task)
    base = choose(asked, task)
    assert base.kind == "language" and "named in the recipe" in base.why
    assert can_learn(asked, task) and not is_usual_kind(asked, task) and is_usual_kind(asked, "chat")
    monkeypatch.setattr(choosing, "can_classify", lambda _type: False)
    with pytest.raises(UsageError, match="cannot be a classifier") as caught:
        choose(asked, task)
    assert "minilm" in caught.value.hint
    assert choose(asked, "chat").kind == "language"


@pytest.mark.parametrize("model_type", ["gpt2", "qwen2", "mistral"])
def test_other_decoders_are_language_models(tmp_path: Path, model_type: str):
    folder = make_tiny_language_model(tmp_path / model_type, model_type=model_type)
    base = choose(recipe(folder), "chat")
    assert base.kind == "language" and base.num_layers >= 2


def test_what_does_not_fit_is_refused_with_what_needs_less(tiny_base: Path, tiny_language: Path, monkeypatch):
    monkeypatch.setattr(choosing, "free_bytes", lambda: 2**20)
    hints = []
    for folder, task, method in ((tiny_base, "classify", "auto"), (tiny_language, "chat", "full")):
        with pytest.raises(UsageError, match="GiB of memory") as caught:
            choose(recipe(folder, method=method), task)
        hints.append(caught.value.hint)
    assert "--method head" in hints[0] and "--method lora" in hints[1]


def test_adapters_need_less_memory_than_all_weights(tiny_language: Path):
    full, large, small = (
        choose(recipe(tiny_language, method=method, lora=LoraSettings(rank=rank)), "chat").estimated_memory_bytes
        for method, rank in (("full", 16), ("lora", 4), ("lora", 1))
    )
    assert small < large < full


def test_an_adapter_of_an_encoder_is_added_to_its_weights(tiny_base: Path, tmp_path: Path):
    model = load_encoder(tiny_base)
    attach_adapters(model.transformer, AdapterPlan(rank=2, alpha=4), seed=0)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.add_(0.1)
    origin = AdapterOrigin(model=tiny_base, task_type="FEATURE_EXTRACTION")
    save_adapters(model.transformer, tmp_path / "adapter", origin)
    base = choose(recipe(tmp_path / "adapter"), "classify")
    opened = open_base(base, 32)
    ids = torch.tensor([[2, 7, 8, 9, 3]])
    assert opened.model.features(ids, None).detach() == pytest.approx(model.features(ids, None).detach(), abs=1e-5)
    config = tmp_path / "adapter" / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 4', '"lora_alpha": 8'))
    with pytest.raises(StorageError, match="changed since"):
        open_base(base, 32)
