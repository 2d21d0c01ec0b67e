"""A language model with a head: read at the last token whatever is padded, saved as transformers' own classifiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sintonia.choose import choose
from sintonia.errors import UsageError
from sintonia.models.adapter_files import AdapterOrigin, save_adapters
from sintonia.models.adapters import AdapterPlan, attach_adapters, merge_adapters
from sintonia.models.forward import compute_features, compute_head_inputs, compute_logits
from sintonia.models.language.classifier import DecoderReader, classifier_of, make_readable
from sintonia.models.loading import load_causal
from sintonia.models.open import OpenBase, open_base
from sintonia.models.pooled import load_encoder, load_tokenizer, save_encoder
from sintonia.models.probe import fit_linear
from sintonia.models.tokens import pad, tokenize
from sintonia.settings import DataSettings, Recipe
from sintonia.train import train
from sintonia.train.learners.pooled import EncoderLearner
from tests.tiny import make_rows, make_tiny_base, make_tiny_language_model
from tests.unit.train.jobs import make_job

TEXTS = [row["text"] for row in make_rows(12)] + ["rain", "a"]
LABELS = ["food", "music", "rain"]
NEAR = 1e-5
EVERY_TOKEN = [list(range(130)), list(range(130, 259))]


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that are spread widely, so that texts differ in what is said of them."""
    return make_tiny_language_model(tmp_path_factory.mktemp("decoder") / "tiny", initializer_range=0.4)


def opened(folder: Path) -> OpenBase:
    recipe = Recipe(data=DataSettings(path="x"), base=f"file:{folder}", task="classify")
    return open_base(choose(recipe, "classify"), 128)


def with_head(folder: Path) -> OpenBase:
    base = opened(folder)
    weight = torch.randn(3, base.model.hidden_size, generator=torch.Generator().manual_seed(0))
    base.model.add_head(weight, torch.zeros(3))
    return base


def rows_of(base: OpenBase) -> list[list[int]]:
    return tokenize(base.tokenizer, TEXTS, 128).ids


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "qwen2"])
def test_padding_changes_no_logit(tmp_path: Path, model_type: str) -> None:
    base = with_head(make_tiny_language_model(tmp_path / "base", model_type=model_type))
    rows = rows_of(base)
    with torch.inference_mode():
        alone = torch.cat([base.model(torch.tensor([row]), None) for row in rows])
        together = base.model(*pad(rows))
        ids, mask = pad(rows)
        at_the_end = base.model(ids, None)
    assert mask is not None and len(set(map(len, rows))) > 3
    assert (alone - together).abs().max() < NEAR * alone.abs().max()
    assert (alone - at_the_end).abs().max() > 1e-2 * alone.abs().max(), "read where the padding is, it would differ"


def test_the_state_is_that_of_the_last_token_of_the_text(decoder: Path) -> None:
    base = opened(decoder)
    assert isinstance(base.model, DecoderReader) and base.model.is_causal
    (row,) = tokenize(base.tokenizer, ["some rain"], 128).ids
    assert base.tokenizer.decode(row) == "some rain", "no token is added"
    with torch.inference_mode():
        states = load_causal(decoder).base_model(input_ids=torch.tensor([row])).last_hidden_state[0]
        found = base.model.head_inputs(torch.tensor([row]), None)[0]
    assert torch.equal(found, states[-1] * base.model.scale)
    assert 1.5 < float(found.norm()) < 6 and np.log2(base.model.scale).is_integer()
    assert np.allclose(np.linalg.norm(compute_features(base.model, [row]), axis=1), 1.0)


def saved(base: OpenBase, folder: Path, **says: Any) -> Path:
    said = {"task": "classify", "labels": LABELS, **says}
    save_encoder(base.model, base.tokenizer, folder, says=said, max_tokens=128)
    return folder


def test_what_is_loaded_says_the_same_to_the_last_bit(decoder: Path, tmp_path: Path) -> None:
    base = with_head(decoder)
    rows, before = rows_of(base), compute_logits(base.model, rows_of(base))
    assert base.model.scale != 1.0  # type: ignore[attr-defined]
    folder = saved(base, tmp_path / "model")
    again, tokenizer = load_encoder(folder), load_tokenizer(folder)
    assert again.scale == 1.0  # type: ignore[attr-defined]
    assert tokenize(tokenizer, TEXTS, 128).ids == rows
    assert np.array_equal(compute_logits(again, rows), before)
    assert not any("lm_head" in name for name in load_file(folder / "model.safetensors"))


@pytest.mark.parametrize("model_type", ["llama", "gpt2"])
def test_transformers_says_the_same_without_our_code(tmp_path: Path, model_type: str) -> None:
    base = with_head(make_tiny_language_model(tmp_path / "base", model_type=model_type))
    before = compute_logits(base.model, rows_of(base))
    folder = saved(base, tmp_path / "model")
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        said = model.eval()(**tokenizer(TEXTS, padding=True, return_tensors="pt")).logits.numpy()
    assert np.abs(said - before).max() < NEAR * np.abs(before).max()
    assert list(model.config.id2label.values()) == LABELS and model.config.pad_token_id == tokenizer.pad_token_id


def test_a_tokenizer_that_pads_with_the_end_it_adds_gets_another_padding(tmp_path: Path) -> None:
    from tokenizers import processors

    folder = make_tiny_language_model(tmp_path / "base")
    plain = AutoTokenizer.from_pretrained(folder)
    plain.pad_token = plain.eos_token
    plain.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|im_end|>", pair="$A <|im_end|> $B <|im_end|>", special_tokens=[("<|im_end|>", 2)]
    )
    plain.save_pretrained(folder)
    base = with_head(folder)
    assert base.tokenizer.pad_token_id != base.tokenizer.eos_token_id
    model_folder = saved(base, tmp_path / "model")
    model = AutoModelForSequenceClassification.from_pretrained(model_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    with torch.inference_mode():
        said = model(**tokenizer(TEXTS, padding=True, return_tensors="pt")).logits.numpy()
    assert np.allclose(said, compute_logits(base.model, rows_of(base)), rtol=1e-4, atol=1e-4)


def test_two_texts_are_not_written_as_one(decoder: Path, tmp_path: Path) -> None:
    base = with_head(decoder)
    end = base.tokenizer.eos_token_id
    (first,), (second,) = (tokenize(base.tokenizer, [one], 128).ids for one in ("rain", "sun"))
    folder = saved(base, tmp_path / "model")
    for tokenizer in (base.tokenizer, load_tokenizer(folder)):
        assert tokenize(tokenizer, [("rain", "sun")], 128).ids == [[*first, end, *second]]
    raw = AutoTokenizer.from_pretrained(decoder)
    assert raw("rain", "sun")["input_ids"] == [*first, *second], "the tokenizer of the base does"


def test_who_looks_ahead_is_refused(decoder: Path) -> None:
    base = opened(decoder)

    class Peeking(torch.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner, self.config = inner, inner.config

        def get_input_embeddings(self) -> Any:
            return self.inner.get_input_embeddings()

        def forward(self, **given: Any) -> Any:
            out = self.inner(**given)
            out.last_hidden_state = out.last_hidden_state + out.last_hidden_state.mean(dim=1, keepdim=True)
            return out

    from sintonia.models.language.classifier import _length_of_states

    assert _length_of_states(base.model.transformer, "x") > 0
    with pytest.raises(UsageError, match="looks at what comes after a token"):
        _length_of_states(Peeking(base.model.transformer), "x")


def test_a_type_without_such_a_classifier_is_refused(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder(tiny_base)
    with pytest.raises(UsageError, match="type bert"):
        classifier_of(encoder.transformer, 2)
    with pytest.raises(UsageError, match="type bert"):
        make_readable(DecoderReader(encoder.transformer, 32), load_tokenizer(tiny_base), "x")


def test_an_adapter_of_a_language_model_is_a_base_too(decoder: Path, tmp_path: Path) -> None:
    causal = load_causal(decoder)
    attach_adapters(causal, AdapterPlan(rank=2, alpha=4), seed=0)
    with torch.no_grad():
        for name, value in causal.named_parameters():
            if "lora_B" in name:
                value.normal_(0, 0.3)
    save_adapters(causal, tmp_path / "adapter", AdapterOrigin(model=decoder))
    AutoTokenizer.from_pretrained(decoder).save_pretrained(tmp_path / "adapter")
    base, below = opened(tmp_path / "adapter"), opened(decoder)
    rows = rows_of(base)
    merge_adapters(causal)
    with torch.inference_mode():
        wanted = causal.base_model(input_ids=torch.tensor([rows[0]])).last_hidden_state[0, -1].numpy()
    found = compute_head_inputs(base.model, rows[:1])[0] / base.model.scale  # type: ignore[attr-defined]
    assert np.allclose(found, wanted, atol=1e-4)
    assert not np.allclose(compute_features(base.model, rows), compute_features(below.model, rows), atol=1e-2)


def test_training_the_words_in_use_equals_training_all_of_them(
    decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of the token that texts are padded with, which is a word's like any other here."""
    settings = {"dropout": 0.0, "weight_decay": 0.1, "epochs": 1.0, "max_tokens": 64, "micro_tokens": 1024}
    tables, losses = [], []
    for name in ("used", "whole"):
        if name == "whole":
            monkeypatch.setattr(EncoderLearner, "_used_tokens", staticmethod(lambda _rows: EVERY_TOKEN))
        job = make_job(tmp_path / name, decoder, **settings)
        losses.append([event.values["loss"] for event in train(job) if event.kind == "step"])
        tables.append(load_file(job.run.file(job.file("model/model.safetensors")))["model.embed_tokens.weight"])
    assert losses[0] == pytest.approx(losses[1], abs=NEAR)
    assert torch.allclose(*tables, atol=NEAR)
    assert not torch.equal(tables[0], load_file(decoder / "model.safetensors")["model.embed_tokens.weight"])


@pytest.mark.parametrize("targets", ["labels", "numbers", "claims"])
def test_a_probe_without_a_constant_has_none(targets: str) -> None:
    """What nothing was fitted for is never answered all the same."""
    generator = np.random.default_rng(0)
    features = (generator.normal(size=(80, 8)) + 3).astype(np.float32)
    goal = (features[:, 0] > 3).astype(np.int64)
    encoded = {"labels": goal, "numbers": features[:, :1], "claims": np.stack([goal > 0, goal < 5], axis=1)}[targets]
    num_outputs = 3 if targets == "labels" else encoded.shape[1]
    probe = fit_linear(features, encoded, num_outputs, 10.0, has_bias=False)
    logits = probe.logits(features)
    assert not probe.bias.any()
    if targets == "labels":
        assert (logits.argmax(axis=1) == goal).mean() > 0.9 and (logits[:, 2] < -5).all()
    if targets == "claims":
        assert (logits[:, 1] > 0).all() and ((logits[:, 0] > 0) == goal).mean() > 0.9
    if targets == "numbers":
        assert np.abs(logits - encoded).max() < 0.1


def test_a_folder_says_what_it_is(decoder: Path, tmp_path: Path) -> None:
    folder = saved(with_head(decoder), tmp_path / "model", labels=[], task="regress", fitted={"scale": [1.0]})
    settings = json.loads((folder / "config.json").read_text())
    assert settings["problem_type"] == "regression" and settings["architectures"] == ["LlamaForSequenceClassification"]
    assert json.loads((folder / "sintonia.json").read_text())["max_tokens"] == 128
    assert not (folder / "modules.json").exists()
    assert load_encoder(make_tiny_base(tmp_path / "encoder")).is_causal is False
