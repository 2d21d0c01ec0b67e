"""An encoder tuned whole by comparing few texts: for a rung of the ladder, which has no turns, curves and checkpoints.

The learner of the method is driven by the training loop instead. It reads no file and knows no split.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sintonia.methods.contrastive import BATCH_EXAMPLES, DROPOUT, PASSES, paired_batches
from sintonia.models.contrastive.gradients import add_gradients
from sintonia.models.forward import compute_features
from sintonia.models.open import OpenBase
from sintonia.models.pooled import PooledEncoder
from sintonia.models.tokens import pad, tokenize
from sintonia.tasks import Input

_MOST_TOKENS = 4096
_WARMUP_FRACTION, _WEIGHT_DECAY, _CLIP_NORM = 0.1, 0.01, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a tuning of its own is made with."""

    learning_rate: float = 2e-5
    passes: int = PASSES
    batch_examples: int = BATCH_EXAMPLES
    dropout: float = DROPOUT
    seed: int = 0


def tuned_encoder(base: OpenBase, texts: Sequence[Input], targets: np.ndarray, fit: Fit) -> PooledEncoder:
    """A copy of the base that was tuned on texts with their labels (positions, int64); the base stays as it is.

    The generators of torch are left as they were found.
    """
    model: PooledEncoder = copy.deepcopy(base.model)
    rows = tokenize(base.tokenizer, texts, base.max_tokens, model.reading).ids
    weights = [value for name, value in model.named_parameters() if ".pooler." not in name]
    optimizer = torch.optim.AdamW(weights, lr=0.0, weight_decay=_WEIGHT_DECAY, fused=True)
    goal, before = torch.from_numpy(targets), torch.get_rng_state()
    torch.manual_seed(fit.seed)
    for module in model.train().modules():
        if isinstance(module, nn.Dropout):
            module.p = fit.dropout
    epochs = [paired_batches(targets.tolist(), fit.batch_examples, fit.seed, epoch) for epoch in range(fit.passes)]
    batches = [batch for epoch in epochs for batch in epoch]
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = fit.learning_rate * _rate_factor(step, len(batches))
        some = [rows[position] for position in batch]
        add_gradients(
            [len(row) for row in some],
            lambda positions, some=some: model.features(*pad([some[k] for k in positions])),  # type: ignore[misc]
            goal[batch],
            _MOST_TOKENS,
        )
        nn.utils.clip_grad_norm_(weights, _CLIP_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    torch.set_rng_state(before)
    model.eval()
    return model


def features_of(model: PooledEncoder, base: OpenBase, texts: Sequence[Input]) -> np.ndarray:
    """Unit features of texts, float32 (texts, width), read as the base reads them."""
    return compute_features(model, tokenize(base.tokenizer, texts, base.max_tokens, model.reading).ids)


def _rate_factor(step: int, num_steps: int) -> float:
    """Up for a tenth of the steps, then down in a straight line, as the training loop does by default."""
    warmup = round(_WARMUP_FRACTION * num_steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 1.0 - (step - warmup) / max(1, num_steps - warmup)
