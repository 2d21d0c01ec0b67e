"""Embedding models on disk: the sentence-transformers form, without a head, and `sintonia.json` beside it.

sentence-transformers loads such a folder without our code. Nothing here trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import StorageError
from sintonia.models.forward import compute_features
from sintonia.models.open import read_candidate
from sintonia.models.pooled import PooledEncoder, load_encoder, load_tokenizer, save_encoder
from sintonia.models.tokens import tokenize
from sintonia.tasks.embed import NAME


@dataclass(slots=True)
class OpenEmbedder:
    """An embedding model in memory: a tuned one, loaded from its folder, or a base."""

    model: PooledEncoder
    tokenizer: Any
    max_tokens: int

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Unit features, float32 (texts, hidden)."""
        return compute_features(self.model, tokenize(self.tokenizer, texts, self.max_tokens).ids)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens it reads of some texts, those that the base adds included."""
        return sum(map(len, tokenize(self.tokenizer, texts, self.max_tokens).ids))


def save_embedder(model: PooledEncoder, tokenizer: Any, folder: Path, *, max_tokens: int) -> None:
    """Writes the model into a new folder."""
    says = {"task": NAME, "labels": [], "fitted": {}, "max_tokens": max_tokens}
    save_encoder(model, tokenizer, folder, says=says, max_tokens=max_tokens)


def open_embedder(folder: Path) -> OpenEmbedder:
    """Loads a tuned embedding model.

    Raises:
        StorageError: the folder is not such a model of ours.
    """
    body = read_candidate(folder)
    if body.get("task") != NAME or not body.get("max_tokens"):
        raise StorageError(f"`{folder}` holds no tuned embedding model", hint="`sintonia resume` finishes the run")
    return OpenEmbedder(
        model=load_encoder(folder),
        tokenizer=load_tokenizer(folder),
        max_tokens=int(body["max_tokens"]),
    )


def embed_texts(folder: Path, texts: Sequence[str]) -> np.ndarray:
    """The embeddings of some texts by the model in a folder: unit length, float32 (texts, hidden).

    Raises:
        StorageError: the folder is not such a model of ours.
    """
    return open_embedder(folder).features(texts)
