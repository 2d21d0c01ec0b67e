"""An encoder that trains on rows of tokens: which of its weights, with which word vectors, from which layer on.

It knows no target and no loss; `tagging.py` asks it for what the head says of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sintonia.models.adapters import attach_adapters
from sintonia.models.frozen.freezing import freeze_lowest
from sintonia.models.frozen.kept import FrozenSettings, KeptStates, keep_states
from sintonia.models.frozen.upper import UpperLayers
from sintonia.models.pooled import PooledEncoder, without_adapters
from sintonia.models.tokens import pad
from sintonia.train.job import Job
from sintonia.train.learners.learner import adapter_plan
from sintonia.train.learners.vocabulary import CompactVocabulary

KEPT = "vocabulary.kept"
_CHUNK_ROWS = 64
_FEW, _ROUNDING = 4, 0.02
"""Rows on which kept states are tried, and how far half precision may move a logit."""


class TrainedEncoder:
    """An encoder with its head, in training mode; `rows` are positions of the training rows it was made with."""

    def __init__(
        self, job: Job, model: PooledEncoder, token_lists: tuple[list[list[int]], list[list[int]]], num_frozen: int
    ) -> None:
        self.model, self._job = model, job
        train, validation = token_lists
        self.kept = 1.0
        """What weight decay has left of the word vectors that no text uses (see `vocabulary.py`)."""
        self.vocabulary = CompactVocabulary(model, train + validation)
        self.train_rows, self.validation_rows = self.vocabulary.rows(train), self.vocabulary.rows(validation)
        self.train_ids = train
        self.tokens_id = hashlib.sha256(repr(token_lists).encode()).hexdigest()[:16]
        model.train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = float(job.recipe.training.dropout)
        if job.recipe.method == "lora":
            attach_adapters(model.transformer, adapter_plan(job), job.seed("adapters"))
        freeze_lowest(model.transformer, num_frozen)
        self.parameters = {
            name: value for name, value in model.named_parameters() if value.requires_grad and ".pooler." not in name
        }
        self._upper = UpperLayers(model, num_frozen) if num_frozen else None
        self._states: KeptStates | None = None

    def logits(self, rows: Sequence[int]) -> Tensor:
        """What the model says of some training rows, from the trained layers up where the states below are kept."""
        tokens = [self.train_rows[row] for row in rows]
        if self._upper is None or self._states is None:
            out: Tensor = self.model(*pad(tokens))
            return out
        return self._upper.logits(tokens, self._states.of(rows))

    def keep(self, settings: FrozenSettings) -> Generator[str, None, bool]:
        """Keeps what the frozen layers say of the training rows; whether it is used from now on."""
        upper, rows = self._upper, self.train_rows
        if upper is None:
            return False

        def produce() -> Iterator[np.ndarray]:
            for start in range(0, len(rows), _CHUNK_ROWS):
                for states in upper.lower_states(rows[start : start + _CHUNK_ROWS]):
                    yield states.numpy()

        kept = yield from keep_states(self._job.run, settings, self.train_ids, produce)
        if kept is None:
            return False
        if not self._agrees(upper, kept):
            yield "this encoder cannot start from its upper layers alone: the lower ones are computed each time"
            return False
        self._states = kept
        return True

    def _agrees(self, upper: UpperLayers, kept: KeptStates) -> bool:
        """Whether a few rows get the same logits from what is kept."""
        few = list(range(min(_FEW, len(self.train_rows))))
        tokens = [self.train_rows[row] for row in few]
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                ids, mask = pad(tokens)
                found, whole = upper.logits(tokens, kept.of(few)), self.model(ids, mask)
        finally:
            self.model.train(was_training)
        is_real = (ids >= 0) if mask is None else mask.bool()
        return bool(torch.allclose(found[is_real], whole[is_real], atol=_ROUNDING))

    def stepped(self, learning_rate: float) -> None:
        """Told after each optimizer step."""
        if self.vocabulary.module.weight.requires_grad:
            self.kept *= 1.0 - learning_rate * float(self._job.recipe.training.weight_decay)

    def make_whole(self) -> None:
        """Adapters and word vectors as they are saved; training cannot go on after this."""
        without_adapters(self.model)
        module = self.vocabulary.module
        module.weight = nn.Parameter(self.vocabulary.expand(module.weight.detach(), self.kept))
