"""An encoder with mean pooling, unit length and, for a classifier, a linear head: live weights on one device.

On disk it is the sentence-transformers form (Transformer + Pooling + Normalize + Dense), whose output are the
logits, so that it loads without our code. This file never reads data and never trains.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sintonia.errors import StorageError
from sintonia.models.adapters import merge_adapters
from sintonia.models.loading import check_finite, load_tokenizer, load_transformer, quiet

__all__ = ["PooledEncoder", "load_encoder", "load_tokenizer", "save_encoder", "without_adapters"]

_TYPES = "sentence_transformers.models."


class PooledEncoder(nn.Module):
    """Token ids (batch, length) to unit features (batch, hidden), and to logits (batch, labels) with a head."""

    def __init__(self, transformer: nn.Module, hidden_size: int) -> None:
        super().__init__()
        self.transformer = transformer
        self.hidden_size = hidden_size
        self.head: nn.Linear | None = None

    def features(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Mean of the token states, length one. `mask` is None when nothing is padded."""
        states: Tensor = self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state
        if mask is None:
            return nn.functional.normalize(states.mean(dim=1), dim=-1)
        weights = mask.unsqueeze(-1).to(states.dtype)
        return nn.functional.normalize((states * weights).sum(dim=1) / weights.sum(dim=1), dim=-1)

    def forward(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Logits (batch, labels)."""
        if self.head is None:
            raise RuntimeError("this encoder has no head")
        logits: Tensor = self.head(self.features(ids, mask))
        return logits

    def add_head(self, weight: Tensor, bias: Tensor) -> None:
        """Puts a linear head with these values on the features; weight (labels, hidden), bias (labels,)."""
        head = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            head.weight.copy_(weight)
            head.bias.copy_(bias)
        self.head = head


def load_encoder(folder: Path) -> PooledEncoder:
    """The encoder in a folder, with its head when it has one, in float32 and evaluation mode.

    Raises:
        StorageError: the folder does not hold such a model.
    """
    transformer = load_transformer(folder)
    model = PooledEncoder(transformer, int(transformer.config.hidden_size))
    dense = folder / "3_Dense" / "model.safetensors"
    try:
        if dense.is_file():
            values = load_file(dense)
            model.add_head(values["linear.weight"], values["linear.bias"])
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        line = str(error).strip().splitlines()[0]
        raise StorageError(f"cannot load the model in `{folder}`: {line}") from None
    if model.head is not None:
        check_finite(model.head.named_parameters(), f"the head in `{folder}`")
    return model.eval()


def without_adapters(model: PooledEncoder) -> PooledEncoder:
    """The same model after its adapters were added to the weights, as it is saved; training cannot go on after this."""
    merge_adapters(model.transformer)
    return model


def save_encoder(
    model: PooledEncoder, tokenizer: Any, folder: Path, *, labels: tuple[str, ...], max_tokens: int
) -> None:
    """Writes the model in the sentence-transformers form into a new folder."""
    folder.mkdir(parents=True)
    with quiet():
        model.transformer.save_pretrained(folder, safe_serialization=True)  # type: ignore[operator]
        tokenizer.save_pretrained(folder)
    _write_modules(model, folder, max_tokens)
    _write(folder / "sintonia.json", {"schema": 1, "task": "classify", "labels": list(labels)})


def _write_modules(model: PooledEncoder, folder: Path, max_tokens: int) -> None:
    """What sentence-transformers needs beside the transformer itself."""
    hidden = model.hidden_size
    chain = ["", "1_Pooling", "2_Normalize", "3_Dense"]
    names = ["Transformer", "Pooling", "Normalize", "Dense"]
    if model.head is None:
        chain, names = chain[:3], names[:3]
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": _TYPES + name}
        for k, (path, name) in enumerate(zip(chain, names, strict=True))
    ]
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    _write(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": hidden,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    )
    (folder / "2_Normalize").mkdir()
    if model.head is not None:
        _write(
            folder / "3_Dense" / "config.json",
            {
                "in_features": hidden,
                "out_features": model.head.out_features,
                "bias": True,
                "activation_function": "torch.nn.modules.linear.Identity",
            },
        )
        head = {"linear.weight": model.head.weight, "linear.bias": model.head.bias}
        save_file(
            {name: value.detach().contiguous() for name, value in head.items()},
            folder / "3_Dense" / "model.safetensors",
        )


def _write(path: Path, body: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
