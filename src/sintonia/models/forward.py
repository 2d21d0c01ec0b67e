"""Batched computation without gradients: features and logits of many texts, in the order given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from sintonia.models.pooled import PooledEncoder
from sintonia.models.tokens import buckets, pad

FORWARD_TOKENS = 4096


def compute_features(model: PooledEncoder, token_lists: Sequence[list[int]]) -> np.ndarray:
    """Features, float32 (texts, width): of length one, but for two texts that are compared."""
    return _each_bucket(model.features, model, token_lists)


def compute_head_inputs(model: PooledEncoder, token_lists: Sequence[list[int]]) -> np.ndarray:
    """What the head stands on, float32 (texts, width): the features, but for a language model."""
    return _each_bucket(model.head_inputs, model, token_lists)


def compute_logits(model: PooledEncoder, token_lists: Sequence[list[int]]) -> np.ndarray:
    """Logits, float32 (texts, labels)."""
    return _each_bucket(model, model, token_lists)


def _each_bucket(
    function: Callable[[Tensor, Tensor | None], Tensor],
    model: PooledEncoder,
    token_lists: Sequence[list[int]],
) -> np.ndarray:
    was_training = model.training
    model.eval()
    rows: list[np.ndarray | None] = [None] * len(token_lists)
    with torch.inference_mode():
        for group in buckets([len(ids) for ids in token_lists], FORWARD_TOKENS):
            out = function(*pad([token_lists[position] for position in group])).float().cpu().numpy()
            for position, row in zip(group, out, strict=True):
                rows[position] = row
    model.train(was_training)
    if not rows:
        return np.zeros((0, model.width), dtype=np.float32)
    return np.stack([row for row in rows if row is not None]).astype(np.float32)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities, float64 (texts, labels)."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(axis=1, keepdims=True)))


def of_length_one(features: np.ndarray) -> np.ndarray:
    """Rows divided by their lengths, so that their products are cosines; (rows, columns). A row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(lengths > 0, lengths, 1.0))
