"""Cut gradients of a linear head on frozen features, all rows at once.

Of a row with features x and loss l the gradient is g x' of the weight and g of the bias, g = dl / d(logits): its length
is |g| sqrt(|x|^2 + 1), so none has to be written out.
"""

from __future__ import annotations

import torch

from sintonia.train.learners.head import HeadLearner
from sintonia.train.private.gradients import Sums, Units, clip_factors


class OfHead:
    """For `HeadLearner`; each unit is one row."""

    def __init__(self, learner: HeadLearner) -> None:
        self.learner = learner
        self.features = torch.from_numpy(learner.train_features)

    def clipped(self, units: Units, clip_norm: float, sums: Sums) -> float:
        """Adds the cut gradient of each row to `sums`; the sum of the losses."""
        if not units:
            return 0.0
        rows, learner = [unit[0] for unit in units], self.learner
        features = self.features[rows].to(learner.head.weight.dtype)
        with torch.no_grad():
            outputs = learner.head(features)
        outputs.requires_grad_(True)
        loss = learner.task.loss_sum(outputs, learner.targets[rows], None)
        (slopes,) = torch.autograd.grad(loss, outputs)
        norms = (slopes.double().square().sum(1) * (features.double().square().sum(1) + 1.0)).sqrt()
        slopes = slopes * clip_factors(norms, clip_norm).to(slopes.dtype).unsqueeze(1)
        sums["head.weight"].add_(slopes.T @ features)
        sums["head.bias"].add_(slopes.sum(0))
        return float(loss.detach()) if bool(torch.isfinite(norms).all()) else float("nan")
