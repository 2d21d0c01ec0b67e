"""The optimizer of a learner, and how far a step of it moved the weights."""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor, nn

from sintonia.train.learners import Learner


def make_optimizer(learner: Learner, weight_decay: float) -> torch.optim.AdamW:
    """Fused AdamW; biases and norms (all vectors) do not decay. Each group has its `factor` of the learning rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    factors = learner.rate_factors
    for name, value in learner.parameters.items():
        groups[factors.get(name, 1.0), weight_decay if value.ndim > 1 else 0.0].append(value)
    described = [
        {"params": values, "weight_decay": decay, "factor": factor} for (factor, decay), values in groups.items()
    ]
    return torch.optim.AdamW(described, lr=0.0, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """For the step to come."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["factor"]


def relative_update(before: list[Tensor], learner: Learner) -> float:
    """|change| / |weights| of the trained weights since they were `before`."""
    pairs = list(zip(before, learner.parameters.values(), strict=True))
    moved = math.sqrt(sum(float((new.detach() - old).square().sum()) for old, new in pairs))
    return moved / max(math.sqrt(sum(float(old.square().sum()) for old, _ in pairs)), 1e-12)
