"""The learner of the method `head` for tasks with a head on texts: the encoder stays as it is, and is read once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from sintonia.models.once import frozen_features
from sintonia.train.job import Job
from sintonia.train.learners.pooled import PooledLearner


class HeadLearner(PooledLearner):
    """Only the head trains, on features of the frozen base."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.train_features = frozen_features(job.run, self.base, self.inputs_of(job.train), for_head=True)
        self.validation_features = frozen_features(job.run, self.base, self.inputs_of(job.validation), for_head=True)
        self._tensor = torch.from_numpy(self.train_features)

    @property
    def head(self) -> nn.Linear:
        """The head that trains."""
        if self.model.head is None:
            raise RuntimeError("the head is missing")
        return self.model.head

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return {f"head.{name}": value for name, value in self.head.named_parameters()}

    def accumulate(self, positions: Sequence[int]) -> float:
        return self._backward([list(positions)], lambda group: self.head(self._tensor[group]))

    def _train_logits(self, positions: Sequence[int]) -> np.ndarray:
        return self._logits(self.train_features[list(positions)])

    def _validation_logits(self) -> np.ndarray:
        return self._logits(self.validation_features)

    def _logits(self, features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(self.head(torch.from_numpy(features)).numpy())
