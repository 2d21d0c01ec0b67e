"""The shape of a base is read from its settings, whatever names its kind of model gives to them; nothing is opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AlbertConfig, DistilBertConfig, Gemma3Config, GPT2Config, MptConfig
from transformers.modeling_utils import PreTrainedModel

from sintonia.errors import StorageError, UsageError
from sintonia.models.frozen.freezing import freeze_lowest
from sintonia.models.shape import read_shape
from sintonia.models.sources import BaseFiles
from tests.tiny import make_tiny_language_model

DISTILBERT = DistilBertConfig(vocab_size=50, dim=16, n_layers=3, n_heads=2, hidden_dim=40, max_position_embeddings=48)
ALBERT = AlbertConfig(
    vocab_size=50,
    embedding_size=8,
    hidden_size=16,
    num_hidden_layers=4,
    num_attention_heads=2,
    intermediate_size=40,
    max_position_embeddings=48,
)


def saved(config: Any, folder: Path) -> BaseFiles:
    """A model of this form with random weights."""
    from transformers import AutoModel

    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    return BaseFiles(model=folder)


@pytest.mark.parametrize(("config", "num_layers"), [(DISTILBERT, 3), (ALBERT, 4)], ids=["distilbert", "albert"])
def test_the_shape_of_an_encoder_with_other_names(
    tmp_path: Path, config: Any, num_layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = saved(config, tmp_path)
    monkeypatch.setattr(PreTrainedModel, "from_pretrained", None)
    shape = read_shape(files)
    assert (shape.kind, shape.num_layers, shape.hidden_size, shape.max_tokens) == ("encoder", num_layers, 16, 48)
    assert (shape.vocabulary_size, shape.intermediate_size) == (50, 40)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (MptConfig(d_model=16, n_layers=3, n_heads=2, vocab_size=50, max_seq_len=48), (3, 16, 48)),
        (GPT2Config(n_embd=16, n_layer=3, n_head=2, vocab_size=50, n_positions=48), (3, 16, 48)),
        (
            Gemma3Config(text_config={"hidden_size": 16, "num_hidden_layers": 3, "max_position_embeddings": 48}),
            (3, 16, 48),
        ),
    ],
    ids=["mpt", "gpt2", "gemma3"],
)
def test_the_shape_of_a_language_model_with_other_names(
    tmp_path: Path, config: Any, expected: tuple[int, int, int]
) -> None:
    files = BaseFiles(model=make_tiny_language_model(tmp_path))  # for its weight file
    config.save_pretrained(tmp_path)
    shape = read_shape(files)
    assert (shape.kind, shape.num_layers, shape.hidden_size, shape.max_tokens) == ("language", *expected)


def test_a_base_that_does_not_tell_its_layers_is_refused(tmp_path: Path) -> None:
    files = BaseFiles(model=make_tiny_language_model(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "perceiver"}))
    with pytest.raises(UsageError, match="how many layers"):
        read_shape(files)


def test_settings_that_name_code_or_make_no_sense_are_refused(tmp_path: Path) -> None:
    files = saved(DISTILBERT, tmp_path)
    path, body = tmp_path / "config.json", json.loads((tmp_path / "config.json").read_text())
    path.write_text(json.dumps(body | {"auto_map": {"AutoConfig": "evil.Config"}}))
    with pytest.raises(UsageError, match="auto_map"):
        read_shape(files)
    path.write_text(json.dumps(body | {"n_layers": "many"}))
    with pytest.raises((UsageError, StorageError)):
        read_shape(files)


def opened(config: Any, folder: Path) -> Any:
    from sintonia.models.loading import load_transformer

    return load_transformer(saved(config, folder).model)


def test_the_layers_of_an_encoder_with_other_names_are_frozen(tmp_path: Path) -> None:
    model = opened(DISTILBERT, tmp_path)
    freeze_lowest(model, 2)
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert trained and all(name.startswith("transformer.layer.2.") for name in trained)


def test_layers_that_share_their_weights_cannot_be_frozen_apart(tmp_path: Path) -> None:
    model = opened(ALBERT, tmp_path)
    for num_layers in (1, 2, 3):
        with pytest.raises(UsageError, match="it computes 4, its weights hold 1") as refused:
            freeze_lowest(model, num_layers)
        assert "frozen_layers" in refused.value.hint
    freeze_lowest(model, 0)
    assert all(one.requires_grad for one in model.parameters())


def test_more_layers_than_there_are_cannot_be_frozen(tmp_path: Path) -> None:
    model = opened(DISTILBERT, tmp_path)
    with pytest.raises(UsageError, match="the base has 3"):
        freeze_lowest(model, 3)
    assert all(one.requires_grad for one in model.parameters())
