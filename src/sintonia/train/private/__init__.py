"""Training with differential privacy (DP-SGD, Abadi et al. 2016): around any learner, and without the loop knowing."""

from __future__ import annotations

from sintonia.train.private.learner import PrivateLearner

__all__ = ["PrivateLearner"]
