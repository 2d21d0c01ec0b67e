"""The learner of conversations and of plain text: a causal language model, its highest layers, or adapters beside it.

Its batches go to the engine as rows of tokens; which of them are learned is the template's to say.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from sintonia.errors import RunFailed, UsageError
from sintonia.metrics import METRICS
from sintonia.models.adapters import attach_adapters
from sintonia.models.frozen.freezing import freeze_embeddings, freeze_lowest
from sintonia.models.frozen.kept import KeptStates
from sintonia.models.language.frozen import keep_frozen, read_tokens
from sintonia.models.language.losses import Engine, RowLosses
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.saved import OpenLanguageModel, open_language_base, save_language_model
from sintonia.records import Example, Place
from sintonia.tasks.chat import NATS_PER_BYTE
from sintonia.train.job import Job
from sintonia.train.learners.learner import Answers, Learner, adapter_plan


class ConversationLearner(Learner):
    """A language model in training. Examples with nothing to learn in them are passed over (D134 counts them)."""

    loss_unit = NATS_PER_BYTE

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        training = job.recipe.training
        self.opened: OpenLanguageModel = open_language_base(
            job.base, int(training.max_tokens), job.recipe.chat.template
        )
        self.opened.task = job.recipe.task
        self.validation_rows = self._rows(job.validation)
        rows = self._rows(job.train)
        self._learnable = [position for position, row in enumerate(rows) if row.num_learned]
        if not self._learnable:
            raise RunFailed("no training example has anything to learn in it", hint="`sintonia check` says why (D134)")
        if self.opened.below and job.recipe.lora.variant == "dora":
            raise UsageError("DoRA cannot stand on top of an adapter", hint="take `lora.variant=lora` or `rslora`")
        causal = self.opened.causal
        if job.recipe.method != "full":
            for adapter in attach_adapters(causal, adapter_plan(job), job.seed("adapters")).values():
                adapter.train()  # a base is opened in evaluation mode, in which nothing drops out
        freeze_lowest(causal, self.num_frozen)
        if job.recipe.privacy.dp.epsilon is not None:
            freeze_embeddings(causal)
        self.engine = Engine(
            causal,
            micro_tokens=int(training.micro_tokens),
            shares_prefix=training.shared_prefix,
            is_fused=training.fused,
            uses_checkpoints=training.checkpointing == "on",
        )
        self.train_rows = [rows[position] for position in self._learnable]
        self.lengths = [len(row.ids) for row in self.train_rows]
        self.tokens_id = _tokens_id((*rows, *self.validation_rows))
        self._frozen: tuple[KeptStates, KeptStates] | None = None
        self._parameters = {name: one for name, one in causal.named_parameters() if one.requires_grad}

    def prepare(self) -> Iterator[str]:
        if self.job.recipe.training.fused and self.engine.refusal:
            yield f"the layers are computed by transformers' own code, not the faster one: {self.engine.refusal}"
        if not self.engine.is_fused:
            return
        sets = (self.train_rows, self.validation_rows)
        settings = yield from self.frozen_settings((read_tokens(sets[0]), read_tokens(sets[1])))
        if settings is None:
            return
        train = yield from keep_frozen(self.job.run, self.engine, sets[0], settings[0])
        if train is None:
            return
        validation = yield from keep_frozen(self.job.run, self.engine, sets[1], settings[1])
        if validation is not None:
            self._frozen, self.is_kept = (train, validation), True

    def _rows(self, examples: Sequence[Example]) -> list[TokenRow]:
        opened, contents = self.opened, [one.whole for one in examples]
        rendered = opened.template.render_all(contents, opened.max_tokens, self.job.recipe.chat.learn)
        return [one.row for one in rendered]

    @property
    def learned_positions(self) -> list[int]:
        """Of each row that is learned from, the position of its example."""
        return self._learnable

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return self._parameters

    @property
    def micro_tokens(self) -> int:
        return self.engine.micro_tokens

    @micro_tokens.setter
    def micro_tokens(self, most: int) -> None:
        self.engine.micro_tokens = most

    def accumulate(self, positions: Sequence[int]) -> float:
        rows = [self.train_rows[position] for position in positions]
        if self._frozen is None:
            return self.engine.backward(rows)
        return self.engine.backward(rows, self._frozen[0].of(positions), self.num_frozen)

    def step_scores(self, loss: float, positions: Sequence[int]) -> dict[str, float]:
        rows = [self.train_rows[position] for position in positions]
        num_learned, num_bytes = sum(row.num_learned for row in rows), sum(row.num_bytes for row in rows)
        return {"bits_per_byte": loss * num_learned / math.log(2) / max(num_bytes, 1)}

    def score_train(self, positions: Sequence[int]) -> Answers:
        rows = [self.train_rows[position] for position in positions]
        return self._score(rows, self._frozen[0].of(positions) if self._frozen else None)

    def train_losses(self) -> tuple[float, ...]:
        exact = self._score(self.train_rows, None)  # compared with the saved model: not from half precision
        losses = dict(zip(self._learnable, exact.losses, strict=True))
        return tuple(losses.get(position, 0.0) for position in range(len(self.job.train)))

    def score_validation(self) -> Answers:
        everything = range(len(self.validation_rows))
        return self._score(self.validation_rows, self._frozen[1].of(everything) if self._frozen else None)

    def _score(self, rows: Sequence[TokenRow], lower: Sequence[Tensor] | None) -> Answers:
        found: RowLosses = self.engine.losses(rows, lower, 0 if lower is None else self.num_frozen)
        num_bytes = np.array([row.num_bytes for row in rows])
        # What was cut of an answer cannot be known to be right, nor can nothing be.
        is_exact = found.is_exact & np.array([row.num_learned > 0 and not row.num_cut_answer for row in rows], bool)
        per_byte = found.nats / np.maximum(num_bytes, 1)
        values = {
            "bits_per_byte": float(found.nats.sum()) / math.log(2) / max(int(num_bytes.sum()), 1),
            "exact_match": float(is_exact.mean()) if rows else 0.0,
        }
        return Answers(
            losses=tuple(per_byte.tolist()),
            correct=tuple(is_exact.tolist()),
            metric=values[METRICS[self.job.primary_metric].name],
        )

    def places(self, positions: Sequence[int]) -> list[Place]:
        return [self.job.train[self._learnable[position]].place for position in positions]

    def save(self, folder: Path) -> None:
        recipe = self.job.recipe
        save_language_model(
            self.opened,
            folder,
            method=recipe.method,
            template_name=recipe.chat.template,
            max_tokens=self.opened.max_tokens,
        )


def _tokens_id(rows: Sequence[TokenRow]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(np.array([len(row.ids), *row.ids, *row.learned], dtype=np.int64).tobytes())
    return digest.hexdigest()[:16]
