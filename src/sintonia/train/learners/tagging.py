"""The learner of tags: the encoder with a head on its tokens.

The loss of an example is the mean of its words, and that of a batch the mean of its examples: a long text counts as
much as a short one. A text that is longer than what is read at once is learned in windows that overlap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sintonia.errors import UsageError
from sintonia.metrics import METRICS
from sintonia.models.open import OpenBase, open_base
from sintonia.models.tagging import (
    Aligned,
    TokenTagger,
    align,
    choose_depth,
    compute_word_logits,
    cut_above,
    fit_word_probe,
    learned_words,
    masked,
    save_tagger,
    word_states,
)
from sintonia.models.tokens import thrifty_groups
from sintonia.records import Example
from sintonia.tasks import tag
from sintonia.tasks.classify import class_weights
from sintonia.train.job import Job
from sintonia.train.learners.learner import Answers, Learner
from sintonia.train.learners.trained_encoder import KEPT, TrainedEncoder

OVERHEAD_TOKENS = 64
"""What one more forward and backward pass costs, in padded tokens of a small encoder (measured on 2 cores)."""


_HEAD_FACTORS = {"full": 10.0, "lora": 2.0}
"""The learning rate of the head over that of the recipe, by the method: about 1e-3 with each."""


class TagLearner(Learner):
    """An encoder with a head on words: what the two kinds of training share."""

    def __init__(self, job: Job) -> None:
        training = job.recipe.training
        self._micro_tokens = int(training.micro_tokens)
        self.base: OpenBase = open_base(job.base, int(training.max_tokens))
        self.job, self.fitted = job, tag.fit(job.train, job.labels)
        """What is learned of the training targets before any step."""
        self.train_words, self.validation_words = self._aligned(job.train), self._aligned(job.validation)
        self.train_targets = self._targets(job.train, self.train_words)
        self.validation_targets = self._targets(job.validation, self.validation_words)
        self.depth = choose_depth(job.run, self.base, self.train_words, self.train_targets, self.num_tags)
        """Of the layers of the base, how many are left below the head."""
        super().__init__(_with_layers(job, self.depth))
        self.weights_of_tags = self._weights_of_tags()
        """How much a word of each tag counts in the training loss; None where all count the same."""
        self.model = TokenTagger(self.base.model.transformer, self.base.model.hidden_size)
        self.model.add_head(*self._head_start())
        cut_above(self.model.transformer, self.depth)
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=training.precision == "bf16")
        self.lengths = [1] * len(job.train)

    @property
    def micro_tokens(self) -> int:
        return self._micro_tokens

    @micro_tokens.setter
    def micro_tokens(self, most: int) -> None:
        self._micro_tokens = most

    @property
    def num_tags(self) -> int:
        """Outputs of the head."""
        return tag.num_outputs(self.job.labels, self.fitted)

    @property
    def rate_factors(self) -> dict[str, float]:
        """The head learns faster than the layers below it (science.md 6.2)."""
        factor = _HEAD_FACTORS.get(self.job.recipe.method, 1.0)
        return super().rate_factors | {f"head.{name}": factor for name in ("weight", "bias")}

    def prepare(self) -> Iterator[str]:
        """Says which layers are left out."""
        whole = self.base.record.num_layers
        if self.depth < whole:
            yield (
                f"the head stands on layer {self.depth} of {whole}: there a probe tells the words of training texts "
                "apart best; the layers above are left out, in use too"
            )

    def _weights_of_tags(self) -> np.ndarray | None:
        if self.job.recipe.training.class_weights != "balanced":
            return None
        known = [goal[goal != tag.NOT_LEARNED] for goal in self.train_targets]
        return class_weights(np.concatenate(known), self.num_tags)

    def _aligned(self, examples: Sequence[Example]) -> Aligned:
        texts, units = [tag.inputs(one) for one in examples], [tag.units_of(one, self.fitted) for one in examples]
        may_join = self.fitted["units"] != tag.TOKENS
        return align(self.base.tokenizer, texts, units, self.base.max_tokens, may_join=may_join)

    def _targets(self, examples: Sequence[Example], words: Aligned) -> list[np.ndarray]:
        found = tag.encode(examples, self.job.labels, self.fitted, words.units)
        return masked(found, words, tag.NOT_LEARNED)

    def _head_start(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the new head: from a probe of the frozen base, or at random."""
        if self.job.recipe.training.head_start == "random":
            generator = torch.Generator().manual_seed(self.job.seed("head"))
            weight = torch.randn(self.num_tags, self.model.hidden_size, generator=generator) * 0.02
            return weight, torch.zeros(self.num_tags)
        states = word_states(self.job.run, self.base, self.train_words, self.depth)
        probe = fit_word_probe(states, self.train_targets, self.num_tags, self.job.head_strength)
        return torch.from_numpy(probe.weight), torch.from_numpy(probe.bias)

    def score_train(self, positions: Sequence[int]) -> Answers:
        examples = [self.job.train[position] for position in positions]
        units = [self.train_words.units[position] for position in positions]
        goal = [self.train_targets[position] for position in positions]
        return self._answers(self._train_logits(positions), goal, (examples, units))[0]

    def score_validation(self) -> Answers:
        examples, units = self.job.validation, self.validation_words.units
        answers, said = self._answers(self._validation_logits(), self.validation_targets, (examples, units))
        metric = METRICS[self.job.primary_metric].function([one.target for one in examples], said)
        return Answers(losses=answers.losses, correct=answers.correct, metric=metric)

    def _answers(
        self,
        logits: list[np.ndarray],
        goal: Sequence[np.ndarray],
        asked: tuple[Sequence[Example], Sequence[tag.Units]],
    ) -> tuple[Answers, tuple[str, ...]]:
        examples, units = asked
        said = tag.answers(logits, self.job.labels, self.fitted, units)
        answers = Answers(
            losses=tuple(tag.losses(logits, goal).tolist()),
            correct=tag.are_right(said, examples, self.fitted),
            metric=float("nan"),
        )
        return answers, said

    def _train_logits(self, positions: Sequence[int]) -> list[np.ndarray]:
        raise NotImplementedError

    def _validation_logits(self) -> list[np.ndarray]:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        base = self.base
        save_tagger(self.model, base.tokenizer, folder, fitted=self.fitted, max_tokens=base.max_tokens)


class TagEncoderLearner(TagLearner):
    """The head trains and the encoder below it: all of it, its highest layers, or adapters beside its weights."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        lists = (self.train_words.windows, self.validation_words.windows)
        self.encoder = TrainedEncoder(job, self.model, lists, self.num_frozen)
        self.train_words = self.train_words.with_windows(self.encoder.train_rows)
        self.validation_words = self.validation_words.with_windows(self.encoder.validation_rows)
        self.lengths = [sum(len(lists[0][row]) for row in some) for some in self.train_words.windows_of]
        self.tokens_id = self.encoder.tokens_id
        self._learned = self.train_words.learned_rows(self.train_targets, tag.NOT_LEARNED, self.weights_of_tags)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return self.encoder.parameters

    def prepare(self) -> Iterator[str]:
        """Besides what the frozen layers say of the training texts; validation is scored whole, by the model that is
        saved."""
        yield from super().prepare()
        settings = yield from self.frozen_settings((list(self.encoder.train_ids), []))
        if settings is not None:
            self.is_kept = yield from self.encoder.keep(settings[0])

    def accumulate(self, positions: Sequence[int]) -> float:
        rows = [row for position in positions for row in self.train_words.windows_of[position]]
        lengths = [len(self.encoder.train_rows[row]) for row in rows]
        total = 0.0
        for group in thrifty_groups(lengths, self.micro_tokens, OVERHEAD_TOKENS):
            loss = self._loss([rows[k] for k in group]) / len(positions)
            if not torch.isfinite(loss):
                return float("nan")
            loss.backward()
            total += float(loss.detach())
        return total

    def _loss(self, rows: Sequence[int]) -> Tensor:
        """Sum over the words of some windows, each a share of its example."""
        with self.autocast:
            out = self.encoder.logits(rows)
        learned = [self._learned[row] for row in rows]
        spoken = learned_words(out.float(), learned)
        targets = torch.from_numpy(np.concatenate([one.targets for one in learned]))
        return tag.loss_sum(spoken, targets, torch.from_numpy(np.concatenate([one.weights for one in learned])))

    def _train_logits(self, positions: Sequence[int]) -> list[np.ndarray]:
        return compute_word_logits(self.model, self.train_words.only(positions))

    def _validation_logits(self) -> list[np.ndarray]:
        return compute_word_logits(self.model, self.validation_words)

    def stepped(self, learning_rate: float) -> None:
        self.encoder.stepped(learning_rate)

    def weights(self) -> dict[str, Tensor]:
        return super().weights() | {KEPT: torch.tensor(self.encoder.kept, dtype=torch.float64)}

    def load(self, weights: dict[str, Tensor]) -> None:
        super().load(weights)
        self.encoder.kept = float(weights[KEPT])

    def save(self, folder: Path) -> None:
        self.encoder.make_whole()
        super().save(folder)


def _with_layers(job: Job, depth: int) -> Job:
    """The job as one on a base that has no more layers than are left of it.

    Raises:
        UsageError: more layers were asked for, to be frozen or to get adapters.
    """
    asked = max(job.recipe.training.frozen_layers + 1, 0 if job.recipe.lora.layers == "all" else job.recipe.lora.layers)
    if asked > depth:
        raise UsageError(
            f"the head stands on layer {depth} of {job.base.num_layers}, where words can be told apart best, and the "
            "recipe asks for more layers than that below it",
            expected=f"`training.frozen_layers` below {depth}, and `lora.layers` up to {depth}",
            hint="leave both out",
        )
    return dataclasses.replace(job, base=dataclasses.replace(job.base, num_layers=depth))
