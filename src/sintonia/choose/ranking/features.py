"""What a base sees in texts, and how well that carries their labels: one forward pass, the mean over all layers.

Garbas, Ploner, Akbik, Choose your transformer, ACL Findings 2024: the mean over layers ranks bases better than the last
layer. Nothing is trained and nothing is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sintonia.choose.ranking.drawing import folds_of
from sintonia.choose.ranking.rank import Shown
from sintonia.choose.ranking.scores import NUM_FOLDS, h_score, log_me, probe_correct
from sintonia.records import Example
from sintonia.tasks.classify import encode_targets

if TYPE_CHECKING:
    from sintonia.models.open import OpenBase

_FEW = 4


def look_at_texts(base: OpenBase, examples: Sequence[Example]) -> Shown:
    """The three scores of a base on labelled texts; a text that is too long is cut and counted."""
    from sintonia.models.tokens import tokenize

    tokens = tokenize(base.tokenizer, [one.input for one in examples], base.max_tokens)
    layer_means(base, tokens.ids[:_FEW])  # the first pass of all takes longer
    began = time.monotonic()
    features = layer_means(base, tokens.ids)
    pace = (time.monotonic() - began) / len(examples)
    labels = sorted({one.target for one in examples})
    targets = encode_targets([one.target for one in examples], labels)
    correct = probe_correct(features, targets, folds_of(examples, NUM_FOLDS), len(labels))
    scores = {
        "h_score": h_score(features, targets),
        "log_me": log_me(features, targets),
        "probe": float(correct.mean()),
    }
    outcomes, ones = tuple(correct.astype(float).tolist()), (1.0,) * len(examples)
    return Shown(scores=scores, outcomes=outcomes, weights=ones, num_cut=tokens.num_truncated, forward_seconds=pace)


def layer_means(base: OpenBase, token_lists: Sequence[list[int]]) -> np.ndarray:
    """Mean over layers of the mean over tokens of the hidden states, float32 (texts, hidden); word vectors left out."""
    import torch

    from sintonia.models.forward import FORWARD_TOKENS
    from sintonia.models.tokens import buckets, pad

    rows = np.zeros((len(token_lists), base.model.hidden_size), dtype=np.float32)
    base.model.eval()
    with torch.inference_mode():
        for group in buckets([len(ids) for ids in token_lists], FORWARD_TOKENS):
            ids, mask = pad([token_lists[position] for position in group])
            states = base.model.transformer(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            mean = torch.stack([one.float() for one in states[1:]]).mean(dim=0)
            weights = torch.ones_like(ids, dtype=mean.dtype) if mask is None else mask.to(mean.dtype)
            pooled = (mean * weights.unsqueeze(-1)).sum(dim=1) / weights.sum(dim=1, keepdim=True)
            rows[group] = pooled.numpy()
    return rows
