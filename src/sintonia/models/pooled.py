"""An encoder with mean pooling, unit length and, for a classifier, a linear head: live weights on one device.

On disk it is the sentence-transformers form (Transformer + Pooling + Normalize + Dense), whose output are the
logits, so that it loads without our code. Where two texts are compared there is no such form: the chain ends with their
features, and the head lies beside it. This file never reads data and never trains.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sintonia.errors import StorageError
from sintonia.files import from_json
from sintonia.models.adapters import merge_adapters
from sintonia.models.loading import check_finite, load_tokenizer, load_transformer, quiet
from sintonia.models.shape import is_causal
from sintonia.models.tokens import PLAIN, Reading, cut_rows
from sintonia.settings import Recipe
from sintonia.tasks import TASKS
from sintonia.tasks.reading import reads_texts

__all__ = ["PooledEncoder", "load_encoder", "load_tokenizer", "save_encoder", "without_adapters"]

_TYPES = "sentence_transformers.models."
_COMPARISONS = 4
"""What is known of two texts: the features of both, by how much they differ, and where they agree: u, v, |u - v|, u * v
(InferSent, Conneau et al. 2017, arXiv 1705.02364)."""
_HEADS = ("3_Dense", "pair_head")
"""Where the head lies: in the chain of sentence-transformers, or beside it, since nothing there compares two texts."""


def _unit(vectors: Tensor) -> Tensor:
    return nn.functional.normalize(vectors, dim=-1)


class PooledEncoder(nn.Module):
    """Rows of token ids (batch, length) to features (batch, width), and to logits (batch, labels) with a head."""

    is_causal = False
    """Whether it reads from left to right, at the last token (`language/classifier.py`)."""

    def __init__(self, transformer: nn.Module, hidden_size: int) -> None:
        super().__init__()
        self.transformer = transformer
        self.hidden_size = hidden_size
        self.head: nn.Linear | None = None
        self.reading = PLAIN
        """How texts are to become the rows that it gets."""

    @property
    def width(self) -> int:
        """Of the features of an example: those of a text, or of two that are compared."""
        return self.hidden_size * (_COMPARISONS if self.reading.pairs == "compared" else 1)

    def read_as(self, recipe: Recipe) -> None:
        """From now on texts are to be read as these settings say; what is left open there is read as it always was.

        A base that knows types of tokens gets them for the second of two texts.
        """
        if not reads_texts(TASKS[recipe.task]):
            return
        pairs, long_texts = recipe.training.text_pairs, recipe.training.long_texts
        num_types = getattr(getattr(self.transformer, "config", None), "type_vocab_size", 0) or 0
        self.reading = Reading(
            long_texts=PLAIN.long_texts if long_texts == "auto" else long_texts,
            pairs=PLAIN.pairs if pairs == "auto" else pairs,
            has_token_types=pairs == "together" and num_types > 1 and not self.is_causal,
        )

    def features(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Of each row: unit features (batch, hidden); of two texts that are compared (batch, 4 hidden) of both.

        Of several windows the mean is taken. `mask` is None when nothing is padded.
        """
        if not bool((ids < 0).any()):
            return _unit(self._encoded(ids, mask))
        cut = cut_rows(ids, mask)
        vectors = self._encoded(cut.ids, cut.mask, cut.types)
        num_windows = torch.bincount(cut.texts)
        sums = vectors.new_zeros(len(num_windows), vectors.shape[1]).index_add(0, cut.texts, vectors)
        texts = _unit(sums / num_windows.unsqueeze(-1))
        if all(num == 1 for num in cut.num_texts):
            return texts
        if any(num != 2 for num in cut.num_texts):
            raise ValueError("some rows have two texts to compare, and others have not")  # a mistake of the caller
        first, second = texts[0::2], texts[1::2]
        agreement = first * second * self.hidden_size**0.5  # as wide as the others, so that one strength suits all
        return torch.cat([first, second, (first - second).abs(), agreement], dim=1)

    def _encoded(self, ids: Tensor, mask: Tensor | None, types: Tensor | None = None) -> Tensor:
        """One vector (sequences, hidden) of each sequence of a padded batch."""
        given = {} if types is None else {"token_type_ids": types}
        states: Tensor = self.transformer(input_ids=ids, attention_mask=mask, **given).last_hidden_state
        return self._pooled(states, mask)

    def _pooled(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """One vector (batch, hidden) of the token states (batch, length, hidden): their mean."""
        if mask is None:
            return states.mean(dim=1)
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)

    def head_inputs(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """What the head stands on, (batch, width): the features."""
        return self.features(ids, mask)

    def forward(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Logits (batch, labels)."""
        if self.head is None:
            raise RuntimeError("this encoder has no head")
        logits: Tensor = self.head(self.head_inputs(ids, mask))
        return logits

    def add_head(self, weight: Tensor, bias: Tensor) -> None:
        """Puts a linear head with these values on the features; weight (labels, width), bias (labels,)."""
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
    if is_causal(folder):
        from sintonia.models.language.classifier import load_reader  # late: it needs this file

        reader = load_reader(folder)
        reader.reading = _reading_in(folder)
        return reader
    transformer = load_transformer(folder)
    model = PooledEncoder(transformer, int(transformer.config.hidden_size))
    try:
        model.reading = _reading_in(folder)
        dense = folder / _HEADS[model.reading.pairs == "compared"] / "model.safetensors"
        if dense.is_file():
            values = load_file(dense)
            model.add_head(values["linear.weight"], values["linear.bias"])
            _refuse_other_width(model, folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        line = str(error).strip().splitlines()[0]
        raise StorageError(f"cannot load the model in `{folder}`: {line}") from None
    if model.head is not None:
        check_finite(model.head.named_parameters(), f"the head in `{folder}`")
    return model.eval()


def _reading_in(folder: Path) -> Reading:
    """What a model of ours says of how texts are read; a base says nothing, nor do older models of ours.

    Raises:
        StorageError: it says what is not known.
    """
    path = folder / "sintonia.json"
    if not path.is_file():
        return PLAIN
    body = json.loads(path.read_text(encoding="utf-8"))
    said = body.get("reading") if isinstance(body, dict) else None
    if said is None:
        return PLAIN
    return from_json(Reading, said)


def _refuse_other_width(model: PooledEncoder, folder: Path) -> None:
    if model.head is not None and model.head.in_features != model.width:
        raise ValueError(f"its head is for {model.head.in_features} features, and it has {model.width}")


def without_adapters(model: PooledEncoder) -> PooledEncoder:
    """The same model after its adapters were added to the weights, as it is saved; training cannot go on after this."""
    merge_adapters(model.transformer)
    return model


def save_encoder(
    model: PooledEncoder, tokenizer: Any, folder: Path, *, says: Mapping[str, Any], max_tokens: int
) -> None:
    """Writes the model in the sentence-transformers form into a new folder; `says` is what it says of itself: the task,
    its labels, and what else was learned from the targets."""
    folder.mkdir(parents=True)
    if model.is_causal:
        from sintonia.models.language.classifier import save_classifier  # late: it needs this file

        save_classifier(model, tokenizer, folder, says)
        says = {**says, "max_tokens": max_tokens}
    else:
        with quiet():
            model.transformer.save_pretrained(folder, safe_serialization=True)  # type: ignore[operator]
            tokenizer.save_pretrained(folder)
        _write_modules(model, folder, max_tokens)
    reading = {} if model.reading == PLAIN else {"reading": asdict(model.reading)}
    _write(folder / "sintonia.json", {"schema": 1, **says, **reading})


def _write_modules(model: PooledEncoder, folder: Path, max_tokens: int) -> None:
    """What sentence-transformers needs beside the transformer itself."""
    hidden, is_compared = model.hidden_size, model.reading.pairs == "compared"
    chain = ["", "1_Pooling", "2_Normalize", "3_Dense"]
    names = ["Transformer", "Pooling", "Normalize", "Dense"]
    if model.head is None or is_compared:
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
        place = folder / _HEADS[is_compared]
        _write(
            place / "config.json",
            {
                "in_features": model.head.in_features,
                "out_features": model.head.out_features,
                "bias": True,
                "activation_function": "torch.nn.modules.linear.Identity",
            },
        )
        head = {"linear.weight": model.head.weight, "linear.bias": model.head.bias}
        save_file(
            {name: value.detach().contiguous() for name, value in head.items()},
            place / "model.safetensors",
        )


def _write(path: Path, body: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
