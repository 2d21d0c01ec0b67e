"""The ladder of honest baselines for tags (science.md 1.5). Fits see training rows only.

A rung's setting is chosen on validation, before the test is opened. Every rung's answers are sequences that are
allowed, put together as those of the tuned model are. An encoder says no tag without training, and a head of random
numbers is no base: what needs no training is the commonest tag alone.

E340: the base alone says no tag. E341: the head stands below the highest layers of the base.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sintonia.evaluate.ladders.neighbouring_words import WordModel, fit_word_model
from sintonia.evaluate.score import as_rung, best_baseline, metrics_of, with_scores
from sintonia.evaluate.scoring.tags import SaidOfWords, bare_tag_card, words_of_examples
from sintonia.metrics import METRICS
from sintonia.models.open import OpenBase
from sintonia.models.probe import Probe
from sintonia.models.tagging import Aligned, choose_depth, fit_word_probe, masked, word_states
from sintonia.records import Baseline, Example, Finding, Rung, Scorecard, Split
from sintonia.runs import RunFolder
from sintonia.tasks import tag

STRENGTHS = (0.1, 1.0)
"""Of the probe: states of words are longer than the unit features of texts, so less strength is the same."""
_SEEN_WEIGHT = 1.0
"""How many sightings the shares of all tags count as, beside those of a word itself."""


@dataclass(kw_only=True)
class TagGround:
    """What the rungs stand on: the pristine base and the training set."""

    run: RunFolder
    base: OpenBase
    train: tuple[Example, ...]
    primary_metric: str

    @cached_property
    def fitted(self) -> dict[str, Any]:
        """What is learned of the training targets before anything is fitted."""
        return tag.fit(self.train)

    @cached_property
    def train_words(self) -> Aligned:
        """The words of the training set."""
        return self.words(self.train)

    @cached_property
    def targets(self) -> list[np.ndarray]:
        """Their tags."""
        return masked(
            tag.encode(self.train, (), self.fitted, self.train_words.units), self.train_words, tag.NOT_LEARNED
        )

    @cached_property
    def constant(self) -> np.ndarray:
        """What is said of a word by somebody who knows only how common each tag is."""
        return tag.constant_logits(self.targets, (), self.fitted)

    @cached_property
    def depth(self) -> int:
        """Of the layers of the base, how many are below the head: as in training."""
        return choose_depth(self.run, self.base, self.train_words, self.targets, len(self.constant))

    @cached_property
    def probes(self) -> dict[float, Probe]:
        """Probes of the frozen states, by their strength."""
        return {}

    @cached_property
    def seen(self) -> tuple[dict[str, Counter[int]], dict[str, Counter[int]]]:
        """The tags of each word in training, as it is written, and in lower case."""
        exact: defaultdict[str, Counter[int]] = defaultdict(Counter)
        folded: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for one, places, goal in zip(self.train, self.train_words.units, self.targets, strict=True):
            text = tag.inputs(one)
            for (start, end), target in zip(places, goal.tolist(), strict=True):
                if target != tag.NOT_LEARNED:
                    exact[text[start:end]][target] += 1
                    folded[text[start:end].casefold()][target] += 1
        return dict(exact), dict(folded)

    @cached_property
    def word_model(self) -> WordModel:
        """Fitted on words and their neighbours, without any base."""
        texts = [tag.inputs(one) for one in self.train]
        return fit_word_model(texts, self.train_words.units, self.targets, len(self.constant))

    def words(self, examples: Sequence[Example]) -> Aligned:
        """The words of examples."""
        return words_of_examples(self.base.tokenizer, examples, self.fitted, self.base.max_tokens)


Logits = Callable[[TagGround, float, Sequence[Example], Aligned], list[np.ndarray]]
"""(ground, setting, examples, their words) to logits (words, tags) of each example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    logits: Logits
    settings: tuple[float, ...]
    needs_training: bool
    description: str


def choose_tag_baselines(ground: TagGround, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    """Each rung with the setting that does best on validation."""
    metric, chosen, words = METRICS[ground.primary_metric], [], ground.words(validation)
    for name, kind in _LADDER.items():
        scored = []
        for setting in kind.settings:
            said = SaidOfWords(ground.fitted, words, kind.logits(ground, setting, validation, words))
            card = bare_tag_card(name, "validation", validation, said)
            scored.append((metric.function(card.targets, metric.answers(card)), {"setting": setting}))
        chosen.append(best_baseline(name, kind, metric, scored))
    return tuple(chosen)


def score_tag_baselines(
    ground: TagGround, baselines: Sequence[Baseline], examples: Sequence[Example], split: Split
) -> tuple[tuple[Rung, Scorecard], ...]:
    """What each rung does on a set of examples."""
    results, words = [], ground.words(examples)
    for one in baselines:
        logits = _LADDER[one.name].logits(ground, one.setting, examples, words)
        bare = bare_tag_card(one.name, split, examples, SaidOfWords(ground.fitted, words, logits))
        card = with_scores(bare, examples, metrics_of(tag.NAME))
        results.append(as_rung(one, card, ground.primary_metric))
    return tuple(results)


def note_tags(ground: TagGround, _baselines: Sequence[Baseline], _found: Sequence[Example]) -> tuple[Finding, ...]:
    """That the base says no tag without training, and which of its layers are left out."""
    silent = Finding(
        code="E340",
        severity="note",
        message="the base alone says no tag, for an encoder has no words for them: the tuned model is compared "
        "with the commonest tag, which needs no training, and with what is fitted",
        hint="nothing has to be done",
    )
    whole = ground.base.record.num_layers
    if ground.depth >= whole:
        return (silent,)
    lower = Finding(
        code="E341",
        severity="note",
        count=whole - ground.depth,
        message=f"the head stands on layer {ground.depth} of {whole}: there a probe tells the words of training texts "
        f"apart best, so that the {whole - ground.depth} above are left out of the tuned model and of the probe",
        hint="nothing has to be done: the model is smaller and faster",
    )
    return silent, lower


def _constant(ground: TagGround, _setting: float, _examples: Sequence[Example], words: Aligned) -> list[np.ndarray]:
    return [np.tile(ground.constant, (len(places), 1)) for places in words.units]


def _memory(ground: TagGround, setting: float, examples: Sequence[Example], words: Aligned) -> list[np.ndarray]:
    """How often a word had each tag in training; a word that was not seen is any word."""
    seen, found = ground.seen[int(setting)], []
    shares = np.exp(ground.constant)
    for one, places in zip(examples, words.units, strict=True):
        text, rows = tag.inputs(one), np.tile(shares * _SEEN_WEIGHT, (len(places), 1))
        for row, (start, end) in enumerate(places):
            word = text[start:end].casefold() if setting else text[start:end]
            for target, count in seen.get(word, {}).items():
                rows[row, target] += count
        found.append(np.log(rows / rows.sum(axis=1, keepdims=True)) if len(rows) else rows)
    return found


def _neighbouring_words(
    ground: TagGround, _setting: float, examples: Sequence[Example], words: Aligned
) -> list[np.ndarray]:
    return ground.word_model.logits([tag.inputs(one) for one in examples], words.units)


def _probe(ground: TagGround, setting: float, _examples: Sequence[Example], words: Aligned) -> list[np.ndarray]:
    if setting not in ground.probes:
        train = word_states(ground.run, ground.base, ground.train_words, ground.depth)
        ground.probes[setting] = fit_word_probe(train, ground.targets, len(ground.constant), setting)
    states = word_states(ground.run, ground.base, words, ground.depth)
    return states.split(ground.probes[setting].logits(np.array(states.values)))


_LADDER: dict[str, _Kind] = {
    "commonest tag": _Kind(
        logits=_constant,
        settings=(0,),
        needs_training=False,
        description="gives every word the commonest tag; where that is none, it tags nothing",
    ),
    "memory of words": _Kind(
        logits=_memory,
        settings=(0, 1),
        needs_training=True,
        description="gives each word the tag that it had most often in training",
    ),
    "words and neighbours": _Kind(
        logits=_neighbouring_words,
        settings=(0,),
        needs_training=True,
        description="a linear model on words, their endings and their neighbours, without any base model",
    ),
    "linear probe": _Kind(
        logits=_probe,
        settings=STRENGTHS,
        needs_training=True,
        description="logistic regression on frozen states of the words in the base",
    ),
}
"""B0, B5 (twice) and B6 of science.md 1.5, in the order of the report."""
