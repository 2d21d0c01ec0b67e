"""The learner of preferences: a language model, all of it or adapters beside its weights, and pairs or single ratings.

What the base gives the answers is computed once, before the first step, and read ever after. An example is a pair: its
prompt is computed once for both answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from sintonia.errors import RunFailed, UsageError
from sintonia.files import write_json
from sintonia.metrics import METRICS
from sintonia.models.adapters import attach_adapters
from sintonia.models.frozen.freezing import freeze_lowest
from sintonia.models.frozen.kept import KeptStates
from sintonia.models.language.frozen import keep_frozen, read_tokens
from sintonia.models.language.preferences.bundles import Bundle, flat_rows, tree_of
from sintonia.models.language.preferences.reference import FACTS, reference_nats
from sintonia.models.language.preferences.rule import batch_loss, rule_of, to_facts
from sintonia.models.language.preferences.sets import PreferenceSet, are_single, surprises
from sintonia.models.language.preferences.weighing import BundleEngine, Lower
from sintonia.models.language.saved import OpenLanguageModel, open_language_base, save_language_model
from sintonia.records import Example, Place
from sintonia.tasks.prefer import OF_SINGLE_RATINGS, decide, is_yes
from sintonia.train.job import Job
from sintonia.train.learners.learner import Answers, Learner, Row, adapter_plan


class PreferenceLearner(Learner):
    """A language model that learns preferences. Examples of which an answer is cut away are passed over."""

    loss_unit = "nats per example"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        is_single = are_single((*job.train, *job.validation))
        self.rule = rule_of(job.recipe.prefer, is_single=is_single)
        self.needs_threshold = is_single
        """Whether an answer is judged alone, by how far it is above the mean."""
        training = job.recipe.training
        self.opened = _opened(job, self.num_frozen)
        self.engine = BundleEngine(
            self.opened.causal,
            micro_tokens=int(training.micro_tokens),
            shares_prefix=training.shared_prefix,
            is_fused=training.fused,
            uses_checkpoints=training.checkpointing == "on",
        )
        self.sets = (self._set(job.train), self._set(job.validation))
        if not self.sets[0].bundles:
            raise RunFailed(
                "no training example has anything left of each of its answers",
                hint=f"raise `training.max_tokens` (now {training.max_tokens})",
            )
        self.lengths = [tree_of(bundle).num_tokens for bundle in self.sets[0].bundles]
        self.tokens_id = _tokens_id(bundle for one in self.sets for bundle in one.bundles)
        self._frozen: tuple[KeptStates, KeptStates] | None = None
        self._parameters = {name: one for name, one in self.opened.causal.named_parameters() if one.requires_grad}

    def _set(self, examples: Sequence[Example]) -> PreferenceSet:
        return PreferenceSet(self.opened.template, self.opened.max_tokens, examples, self.rule)

    def prepare(self) -> Iterator[str]:
        if self.job.recipe.training.fused and self.engine.refusal:
            yield f"the layers are computed by transformers' own code, not the faster one: {self.engine.refusal}"
        for one, name in zip(self.sets, ("training", "validation"), strict=True):
            if one.num_passed_over:
                yield f"{one.num_passed_over} {name} examples are passed over: an answer is cut away"
        if self.rule.needs_base:
            yield "what the untouched base gives the answers is computed once"
            for one in self.sets:
                one.ask_base(self._reference)
        if self.engine.is_fused:
            yield from self._keep_frozen()

    def _reference(self, bundles: Sequence[Bundle]) -> np.ndarray:
        return reference_nats(self.job.run, self.job.base.revision, self.engine, bundles)

    def _keep_frozen(self) -> Iterator[str]:
        train, validation = (flat_rows(one.bundles) for one in self.sets)
        tokens: tuple[list[Row], list[Row]] = (list(read_tokens(train)), list(read_tokens(validation)))
        settings = yield from self.frozen_settings(tokens)
        if settings is None:
            return
        of_train = yield from keep_frozen(self.job.run, self.engine, train, settings[0])
        if of_train is None:
            return
        of_validation = yield from keep_frozen(self.job.run, self.engine, validation, settings[1])
        if of_validation is not None:
            self._frozen, self.is_kept = (of_train, of_validation), True

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
        some, which = self.sets[0], list(positions)
        divergence = some.divergence(self.engine, which) if self.rule.loss == OF_SINGLE_RATINGS else 0.0
        loss = batch_loss(self.rule, some.known.of(which), divergence)
        return self.engine.learn_bundles([some.bundles[k] for k in which], loss, *self._lower(0, which))

    def _lower(self, number: int, which: Sequence[int]) -> tuple[Lower, int]:
        """States after the frozen layers of some bundles of a set, where they are kept."""
        if self._frozen is None:
            return None, 0
        width = len(self.sets[number].bundles[0].rows)
        kept = self._frozen[number]
        return [kept.of([width * k + row for row in range(width)]) for k in which], self.num_frozen

    def score_train(self, positions: Sequence[int]) -> Answers:
        some, which = self.sets[0], list(positions)
        divergence = some.divergence(self.engine, which) if self.needs_threshold else 0.0
        found = some.margins(self.engine, which, divergence=divergence, lower=self._lower(0, which))
        return self._answers([self.job.train[some.learnable[k]] for k in which], found)

    def train_losses(self) -> tuple[float, ...]:
        # Compared with the saved model: not from states in half precision.
        return self._answers(self.job.train, self._all_margins(self.sets[0], (None, 0))).losses

    def score_validation(self) -> Answers:
        everything = range(len(self.sets[1].bundles))
        return self._answers(self.job.validation, self._all_margins(self.sets[1], self._lower(1, everything)))

    def _all_margins(self, some: PreferenceSet, lower: tuple[Lower, int]) -> np.ndarray:
        which = range(len(some.bundles))
        return some.spread(some.margins(self.engine, which, divergence=self._threshold(), lower=lower))

    def _threshold(self) -> float:
        """How far the weights are from the base by the validation set: what a single answer must be above."""
        some = self.sets[1]
        return some.divergence(self.engine, range(len(some.bundles))) if self.needs_threshold else 0.0

    def _answers(self, examples: Sequence[Example], margins: np.ndarray) -> Answers:
        targets = [one.target for one in examples]
        said = decide(margins.tolist(), targets, [one.id for one in examples])
        metric = METRICS[self.job.primary_metric]
        return Answers(
            losses=tuple(surprises(margins, [is_yes(target) for target in targets]).tolist()),
            correct=tuple(one == target for one, target in zip(said, targets, strict=True)),
            metric=metric.function(targets, said) if examples else float("nan"),
        )

    def places(self, positions: Sequence[int]) -> list[Place]:
        return [self.job.train[self.sets[0].learnable[position]].place for position in positions]

    def save(self, folder: Path) -> None:
        recipe, threshold = self.job.recipe, self._threshold()
        save_language_model(
            self.opened,
            folder,
            method=recipe.method,
            template_name=recipe.chat.template,
            max_tokens=self.opened.max_tokens,
        )
        write_json(folder / FACTS, to_facts(self.rule, threshold))


def _opened(job: Job, num_frozen: int) -> OpenLanguageModel:
    """The base with its adapters, ready to train."""
    recipe = job.recipe
    opened = open_language_base(job.base, int(recipe.training.max_tokens), recipe.chat.template)
    opened.task = "prefer"
    if opened.below and recipe.lora.variant == "dora":
        raise UsageError("DoRA cannot stand on top of an adapter", hint="take `lora.variant=lora` or `rslora`")
    if recipe.method != "full":
        for adapter in attach_adapters(opened.causal, adapter_plan(job), job.seed("adapters")).values():
            adapter.train()  # a base is opened in evaluation mode, in which nothing drops out
    freeze_lowest(opened.causal, num_frozen)
    return opened


def _tokens_id(bundles: Iterable[Bundle]) -> str:
    digest = hashlib.sha256()
    for row in flat_rows(list(bundles)):
        digest.update(np.array([len(row.ids), *row.ids, *row.learned], dtype=np.int64).tobytes())
    return digest.hexdigest()[:16]
