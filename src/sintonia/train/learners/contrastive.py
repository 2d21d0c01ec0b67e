"""The learner of the method `contrastive`: the encoder learns which texts are alike, the head is fitted afterwards.

The head is no weight that trains: it is a probe of the training texts, fitted anew wherever somebody asks what the
encoder answers, so that it always belongs to the encoder. It chooses no best step and saves no checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sintonia.methods.contrastive import STRENGTH, paired_batches
from sintonia.models.contrastive import add_gradients
from sintonia.models.forward import compute_features
from sintonia.train.job import Job
from sintonia.train.learners.pooled import EncoderLearner

_HEAD = "head."


class ContrastiveLearner(EncoderLearner):
    """An encoder that is tuned by all pairs of the texts of a batch."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._parameters = {name: value for name, value in self._parameters.items() if not name.startswith(_HEAD)}
        self._head = self.model.head
        self._has_fresh_head = False

    def _head_start(self) -> tuple[Tensor, Tensor]:
        """Zeros: before anything is asked of the head, it is fitted."""
        num_outputs = self.task.num_outputs(self.job.labels, self.fitted)
        return torch.zeros(num_outputs, self.model.hidden_size), torch.zeros(num_outputs)

    def prepare(self) -> Iterator[str]:
        self._fit_head()  # what is kept of frozen layers is tried by what the head makes of it
        yield from super().prepare()

    def batches(self, batch_examples: int, seed: int, epoch: int) -> list[list[int]]:
        """Texts of one label in twos; batches of like length would never compare a short text with a long one."""
        return paired_batches(self.targets.tolist(), batch_examples, seed, epoch)

    def accumulate(self, positions: Sequence[int]) -> float:
        def features(group: list[int]) -> Tensor:
            with self.autocast:
                return self.logits_of([positions[k] for k in group])

        lengths = [self.lengths[position] for position in positions]
        self.model.head = nn.Identity()
        try:
            loss = add_gradients(lengths, features, self.targets[list(positions)], self.micro_tokens)
        finally:
            self.model.head = self._head
        return loss if math.isfinite(loss) else float("nan")

    def stepped(self, learning_rate: float) -> None:
        super().stepped(learning_rate)
        self._has_fresh_head = False

    def load(self, weights: dict[str, Tensor]) -> None:
        super().load(weights)
        self._has_fresh_head = False

    def save(self, folder: Path) -> None:
        self._fit_head()
        super().save(folder)

    def _train_logits(self, positions: Sequence[int]) -> np.ndarray:
        self._fit_head()
        return super()._train_logits(positions)

    def _validation_logits(self) -> np.ndarray:
        self._fit_head()
        return super()._validation_logits()

    def _fit_head(self) -> None:
        """A probe of all training texts, unless the encoder is as it was when the last one was fitted.

        Its strength is always the same: one that was chosen for frozen features says nothing about these.
        """
        head = self._head
        if self._has_fresh_head or head is None:
            return
        probe = self._probe(compute_features(self.model, self.train_rows), STRENGTH)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(probe.weight))
            head.bias.copy_(torch.from_numpy(probe.bias))
        self._has_fresh_head = True
