"""The trained weights of a turn: how a batch becomes gradients, and how the sets are scored.

Two kinds: the whole encoder on tokens, or only a head on features that were computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sintonia.methods import METHODS
from sintonia.metrics import METRICS
from sintonia.models.forward import compute_logits
from sintonia.models.once import frozen_features
from sintonia.models.open import OpenBase, open_base
from sintonia.models.pooled import PooledEncoder
from sintonia.models.probe import STRENGTHS, fit_probe
from sintonia.models.tokens import pad, thrifty_groups, tokenize
from sintonia.tasks.classify import encode_targets, loss_sum
from sintonia.train.job import Job
from sintonia.train.vocabulary import CompactVocabulary

OVERHEAD_TOKENS = 64
"""What one more forward and backward pass costs, in padded tokens of a small encoder (measured on 2 cores)."""


class Learner:
    """Live weights in training. `parameters` train; `accumulate` adds the gradients of a batch to them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        training = job.recipe.training
        self.micro_tokens = int(training.micro_tokens)
        self.base: OpenBase = open_base(job.base, int(training.max_tokens))
        self.targets = torch.from_numpy(encode_targets([one.target for one in job.train], job.labels))
        self.model = self.base.model
        self.model.add_head(*self._head_start())
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=training.precision == "bf16")
        self.kept = 1.0
        """What weight decay has left of the word vectors that no text uses (see `vocabulary.py`)."""
        self.lengths: list[int] = [1] * len(job.train)

    def _head_start(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the new head: from a probe of the frozen base, or at random."""
        job, hidden = self.job, self.model.hidden_size
        if job.recipe.training.head_start == "random":
            generator = torch.Generator().manual_seed(job.seed("head"))
            return torch.randn(len(job.labels), hidden, generator=generator) * 0.02, torch.zeros(len(job.labels))
        train = frozen_features(job.run, self.base, [one.input for one in job.train])
        if job.head_strength is not None:
            given = fit_probe(train, self.targets.numpy(), len(job.labels), job.head_strength)
            return torch.from_numpy(given.weight), torch.from_numpy(given.bias)
        validation = frozen_features(job.run, self.base, [one.input for one in job.validation])
        metric, goal = METRICS[job.primary_metric].function, [one.target for one in job.validation]
        probes = [fit_probe(train, self.targets.numpy(), len(job.labels), strength) for strength in STRENGTHS]
        answers = [[job.labels[k] for k in one.logits(validation).argmax(axis=1)] for one in probes]
        probe = max(zip(probes, answers, strict=True), key=lambda pair: metric(goal, pair[1]))[0]
        return torch.from_numpy(probe.weight), torch.from_numpy(probe.bias)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The weights that train, by name."""
        raise NotImplementedError

    def accumulate(self, positions: Sequence[int]) -> float:
        """Adds the gradients of the mean loss of a batch; returns that loss."""
        raise NotImplementedError

    def train_logits(self, positions: Sequence[int]) -> np.ndarray:
        """Logits of training examples, in evaluation mode."""
        raise NotImplementedError

    def validation_logits(self) -> np.ndarray:
        """Logits of the validation set, in evaluation mode."""
        raise NotImplementedError

    def stepped(self, learning_rate: float) -> None:
        """Told after each optimizer step."""

    def load(self, weights: dict[str, Tensor]) -> None:
        """Takes these values for the weights that train."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(weights[name])

    def whole_model(self) -> PooledEncoder:
        """The model as it is to be saved. Training cannot go on after this."""
        return self.model

    def _backward(self, groups: list[list[int]], logits: Callable[[list[int]], Tensor]) -> float:
        size, total = sum(len(group) for group in groups), 0.0
        for group in groups:
            with self.autocast:
                out = logits(group)
            loss = loss_sum(out.float(), self.targets[group]) / size
            if not torch.isfinite(loss):
                return float("nan")
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total


class EncoderLearner(Learner):
    """All weights of encoder and head train, on tokens."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        limit = self.base.max_tokens
        train = tokenize(self.base.tokenizer, [one.input for one in job.train], limit).ids
        validation = tokenize(self.base.tokenizer, [one.input for one in job.validation], limit).ids
        self.vocabulary = CompactVocabulary(self.model, self._used_tokens(train + validation))
        self.train_rows, self.validation_rows = self.vocabulary.rows(train), self.vocabulary.rows(validation)
        self.lengths = [len(ids) for ids in train]
        self.model.train()
        for module in self.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = float(job.recipe.training.dropout)
        self._parameters = {name: value for name, value in self.model.named_parameters() if ".pooler." not in name}

    @staticmethod
    def _used_tokens(token_lists: list[list[int]]) -> list[list[int]]:
        """The tokens whose vectors train; a test puts the whole vocabulary here."""
        return token_lists

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return self._parameters

    def accumulate(self, positions: Sequence[int]) -> float:
        lengths = [self.lengths[position] for position in positions]
        groups = thrifty_groups(lengths, self.micro_tokens, OVERHEAD_TOKENS)
        batch = [[positions[k] for k in group] for group in groups]
        return self._backward(batch, lambda group: self.model(*pad([self.train_rows[k] for k in group])))

    def train_logits(self, positions: Sequence[int]) -> np.ndarray:
        return compute_logits(self.model, [self.train_rows[position] for position in positions])

    def validation_logits(self) -> np.ndarray:
        return compute_logits(self.model, self.validation_rows)

    def stepped(self, learning_rate: float) -> None:
        self.kept *= 1.0 - learning_rate * self.job.recipe.training.weight_decay

    def whole_model(self) -> PooledEncoder:
        module = self.vocabulary.module
        module.weight = nn.Parameter(self.vocabulary.expand(module.weight.detach(), self.kept))
        return self.model


class HeadLearner(Learner):
    """Only the head trains, on features of the frozen base."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.train_features = frozen_features(job.run, self.base, [one.input for one in job.train])
        self.validation_features = frozen_features(job.run, self.base, [one.input for one in job.validation])
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

    def train_logits(self, positions: Sequence[int]) -> np.ndarray:
        return self._logits(self.train_features[list(positions)])

    def validation_logits(self) -> np.ndarray:
        return self._logits(self.validation_features)

    def _logits(self, features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(self.head(torch.from_numpy(features)).numpy())


def make_learner(job: Job) -> Learner:
    """The learner that the method of the recipe needs."""
    return EncoderLearner(job) if METHODS[job.recipe.method].trains_encoder else HeadLearner(job)
