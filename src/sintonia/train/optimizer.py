"""The optimizer of a learner, and how far a step of it moved the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sintonia.train.learner import Learner


def make_optimizer(learner: Learner, weight_decay: float) -> torch.optim.AdamW:
    """Fused AdamW; biases and norms (all vectors) do not decay."""
    groups = [
        {"params": [value for value in learner.parameters.values() if value.ndim > 1], "weight_decay": weight_decay},
        {"params": [value for value in learner.parameters.values() if value.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=0.0, fused=True)


def relative_update(before: list[Tensor], learner: Learner) -> float:
    """|change| / |weights| of the trained weights since they were `before`."""
    pairs = list(zip(before, learner.parameters.values(), strict=True))
    moved = math.sqrt(sum(float((new.detach() - old).square().sum()) for old, new in pairs))
    return moved / max(math.sqrt(sum(float(old.square().sum()) for old, _ in pairs)), 1e-12)
