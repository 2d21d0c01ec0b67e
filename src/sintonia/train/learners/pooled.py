"""Learners of tasks with a head on texts: the encoder and its head on tokens, or only the head on frozen features."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sintonia.metrics import METRICS
from sintonia.models.adapters import attach_adapters
from sintonia.models.forward import compute_logits
from sintonia.models.frozen.freezing import freeze_embeddings, freeze_lowest
from sintonia.models.frozen.kept import KeptStates, keep_states
from sintonia.models.frozen.upper import UpperLayers
from sintonia.models.once import frozen_features
from sintonia.models.open import OpenBase, open_base
from sintonia.models.pooled import save_encoder, without_adapters
from sintonia.models.probe import STRENGTHS, Probe, ProbeSettings, fit_labels, fit_linear
from sintonia.models.tokens import is_one_sequence, pad, thrifty_groups, tokenize
from sintonia.records import Example
from sintonia.tasks import TASKS, HeadTask, Input, has_head
from sintonia.tasks.classify import class_weights
from sintonia.train.job import Job
from sintonia.train.learners.learner import Answers, Learner, adapter_plan
from sintonia.train.learners.vocabulary import CompactVocabulary

OVERHEAD_TOKENS = 64
"""What one more forward and backward pass costs, in padded tokens of a small encoder (measured on 2 cores)."""
_KEPT = "vocabulary.kept"
_CHUNK_ROWS = 64
_FEW, _ROUNDING = 4, 0.02
"""Texts on which kept states are tried, and how far half precision may move a logit."""


def _head_task(job: Job) -> HeadTask:
    task = TASKS[job.recipe.task]
    if not has_head(task):
        raise ValueError(f"the task {task.NAME} has no head")  # a mistake of the caller
    return task


class PooledLearner(Learner):
    """An encoder with a head: what the two kinds of training share."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        training = job.recipe.training
        self._micro_tokens = int(training.micro_tokens)
        self.base: OpenBase = open_base(job.base, int(training.max_tokens))
        self.base.model.read_as(job.recipe)
        self.task = _head_task(job)
        self.fitted = self.task.fit(job.train, job.labels)
        """What is learned of the training targets before any step."""
        self.targets = torch.from_numpy(self.task.encode(job.train, job.labels, self.fitted))
        self.model = self.base.model
        is_balanced = training.class_weights == "balanced"
        self.weights_of_classes = class_weights(self.targets.numpy(), len(job.labels)) if is_balanced else None
        """How much an example of each class counts in the training loss; None where all count the same."""
        self._loss_weights = (
            None if self.weights_of_classes is None else torch.from_numpy(self.weights_of_classes).float()
        )
        self.model.add_head(*self._head_start())
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=training.precision == "bf16")
        self.lengths = [1] * len(job.train)

    @property
    def micro_tokens(self) -> int:
        return self._micro_tokens

    @micro_tokens.setter
    def micro_tokens(self, most: int) -> None:
        self._micro_tokens = most

    def _head_start(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the new head: from a probe of the frozen base, or at random."""
        job, width = self.job, self.model.width
        if job.recipe.training.head_start == "random":
            num_outputs = self.task.num_outputs(job.labels, self.fitted)
            generator = torch.Generator().manual_seed(job.seed("head"))
            return torch.randn(num_outputs, width, generator=generator) * 0.02, torch.zeros(num_outputs)
        train = frozen_features(job.run, self.base, self.inputs_of(job.train), for_head=True)
        if job.head_strength is not None:
            probe = self._probe(train, job.head_strength)
            return torch.from_numpy(probe.weight), torch.from_numpy(probe.bias)
        validation = frozen_features(job.run, self.base, self.inputs_of(job.validation), for_head=True)
        metric, wanted = METRICS[job.primary_metric], [one.target for one in job.validation]
        probes = [self._probe(train, strength) for strength in STRENGTHS]
        answers = [self.task.answers(one.logits(validation), job.labels, self.fitted) for one in probes]
        scored = zip(probes, answers, strict=True)
        probe = max(scored, key=lambda pair: metric.goodness(metric.function(wanted, pair[1])))[0]
        return torch.from_numpy(probe.weight), torch.from_numpy(probe.bias)

    def _probe(self, features: np.ndarray, strength: float) -> Probe:
        goal, num_outputs = self.targets.numpy(), self.task.num_outputs(self.job.labels, self.fitted)
        has_bias, weights = not self.model.is_causal, self.weights_of_classes
        if weights is not None:
            return fit_labels(features, goal, num_outputs, ProbeSettings(strength, weights, has_bias))
        return fit_linear(features, goal, num_outputs, strength, has_bias=has_bias)

    def inputs_of(self, examples: Sequence[Example]) -> list[Input]:
        """What the encoder reads of examples."""
        return [self.task.inputs(one) for one in examples]

    def score_train(self, positions: Sequence[int]) -> Answers:
        examples = [self.job.train[position] for position in positions]
        return self._answers(self._train_logits(positions), self.targets.numpy()[list(positions)], examples)

    def score_validation(self) -> Answers:
        job, logits = self.job, self._validation_logits()
        answers = self._answers(logits, self.task.encode(job.validation, job.labels, self.fitted), job.validation)
        predicted = self.task.answers(logits, job.labels, self.fitted)
        metric = METRICS[job.primary_metric].function([one.target for one in job.validation], predicted)
        return Answers(losses=answers.losses, correct=answers.correct, metric=metric)

    def _answers(self, logits: np.ndarray, goal: np.ndarray, examples: Sequence[Example]) -> Answers:
        said = self.task.answers(logits, self.job.labels, self.fitted)
        return Answers(
            losses=tuple(self.task.losses(logits, goal).tolist()),
            correct=self.task.are_right(said, examples, self.fitted),
            metric=float("nan"),
        )

    def _train_logits(self, positions: Sequence[int]) -> np.ndarray:
        raise NotImplementedError

    def _validation_logits(self) -> np.ndarray:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        job, base = self.job, self.base
        says: dict[str, Any] = {"task": self.task.NAME, "labels": list(job.labels)}
        if self.fitted:
            says["fitted"] = self.fitted
        save_encoder(self.model, base.tokenizer, folder, says=says, max_tokens=base.max_tokens)

    def _backward(self, groups: list[list[int]], logits: Callable[[list[int]], Tensor]) -> float:
        size, total = sum(len(group) for group in groups), 0.0
        for group in groups:
            with self.autocast:
                out = logits(group)
            loss = self.task.loss_sum(out.float(), self.targets[group], self._loss_weights) / size
            if not torch.isfinite(loss):
                return float("nan")
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total


class EncoderLearner(PooledLearner):
    """The head trains and the encoder below it: all of it, its highest layers, or adapters beside its weights."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        train, validation = (
            tokenize(self.base.tokenizer, self.inputs_of(some), self.base.max_tokens, self.model.reading).ids
            for some in (job.train, job.validation)
        )
        self.kept = 1.0
        """What weight decay has left of the word vectors that no text uses (see `vocabulary.py`)."""
        self.vocabulary = CompactVocabulary(self.model, self._used_tokens(train + validation))
        self.train_rows, self.validation_rows = self.vocabulary.rows(train), self.vocabulary.rows(validation)
        self.lengths = [len(ids) for ids in train]
        self.model.train()
        for module in self.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = float(job.recipe.training.dropout)
        self._freeze()
        self._parameters = {
            name: value
            for name, value in self.model.named_parameters()
            if value.requires_grad and ".pooler." not in name
        }
        self._upper = UpperLayers(self.model, self.num_frozen) if self.num_frozen else None
        self._kept: KeptStates | None = None
        self._train_ids = train
        self.tokens_id = hashlib.sha256(repr((train, validation)).encode()).hexdigest()[:16]

    def _freeze(self) -> None:
        """Leaves only those weights to train that the method trains."""
        transformer = self.model.transformer
        if self.job.recipe.method == "lora":
            attach_adapters(transformer, adapter_plan(self.job), self.job.seed("adapters"))
        freeze_lowest(transformer, self.num_frozen)
        if self.job.recipe.privacy.dp.epsilon is not None:
            freeze_embeddings(transformer)

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
        return self._backward(batch, self.logits_of)

    def logits_of(self, group: list[int]) -> Tensor:
        """What the model says of some training rows, to learn from."""
        rows = [self.train_rows[k] for k in group]
        if self._upper is None or self._kept is None:
            out: Tensor = self.model(*pad(rows))
            return out
        return self._upper.logits(rows, self._kept.of(group))

    def prepare(self) -> Iterator[str]:
        """What the frozen layers say of the training texts; validation is scored whole, by the model that is saved."""
        if self._upper is None:
            return
        if not all(map(is_one_sequence, self._train_ids)):
            if self.job.recipe.training.cache == "on":
                yield "what is read as several sequences is not kept: the frozen layers are computed each time"
            return
        settings = yield from self.frozen_settings((self._train_ids, []))
        if settings is None:
            return
        upper, rows = self._upper, self.train_rows

        def produce() -> Iterator[np.ndarray]:
            for start in range(0, len(rows), _CHUNK_ROWS):
                for states in upper.lower_states(rows[start : start + _CHUNK_ROWS]):
                    yield states.numpy()

        kept = yield from keep_states(self.job.run, settings[0], self._train_ids, produce)
        if kept is None:
            return
        if self._agrees(upper, kept):
            self._kept, self.is_kept = kept, True
        else:
            yield "this encoder cannot start from its upper layers alone: the lower ones are computed each time"

    def _agrees(self, upper: UpperLayers, kept: KeptStates) -> bool:
        """Whether a few texts get the same logits from what is kept."""
        few = list(range(min(_FEW, len(self.train_rows))))
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                found = upper.logits([self.train_rows[k] for k in few], kept.of(few)).numpy()
        finally:
            self.model.train(was_training)
        return bool(np.allclose(found, self._train_logits(few), atol=_ROUNDING))

    def _train_logits(self, positions: Sequence[int]) -> np.ndarray:
        return compute_logits(self.model, [self.train_rows[position] for position in positions])

    def _validation_logits(self) -> np.ndarray:
        return compute_logits(self.model, self.validation_rows)

    def stepped(self, learning_rate: float) -> None:
        if self.vocabulary.module.weight.requires_grad:
            self.kept *= 1.0 - learning_rate * self.job.recipe.training.weight_decay

    def weights(self) -> dict[str, Tensor]:
        return super().weights() | {_KEPT: torch.tensor(self.kept, dtype=torch.float64)}

    def load(self, weights: dict[str, Tensor]) -> None:
        super().load(weights)
        self.kept = float(weights[_KEPT])

    def save(self, folder: Path) -> None:
        without_adapters(self.model)
        module = self.vocabulary.module
        module.weight = nn.Parameter(self.vocabulary.expand(module.weight.detach(), self.kept))
        super().save(folder)
