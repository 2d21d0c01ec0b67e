"""The ladder of honest baselines for embed: nothing known, the untouched base, and words alone. No rung sees a target.

What words weigh is learned from training texts, so the rung of words counts as fitted; its way of comparing is chosen
on validation, before the test is opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sintonia.evaluate.ladders.words import word_features
from sintonia.evaluate.score import as_rung, best_baseline
from sintonia.evaluate.scoring.embeddings import embedding_card
from sintonia.metrics import METRICS
from sintonia.models.embeddings.answers import answer
from sintonia.models.embeddings.links import Ids
from sintonia.models.embeddings.ranking import Cosines, Nearness
from sintonia.models.once import frozen_features
from sintonia.models.open import OpenBase
from sintonia.models.tokens import tokenize
from sintonia.records import Baseline, Example, Rung, Scorecard, Split
from sintonia.runs import RunFolder
from sintonia.tasks.embed import has_scores, texts_of

UNTOUCHED = "untouched base"
_TFIDF, _BM25 = 0.0, 1.0
_UNCUT = 2**30
_SATURATION, _LENGTH_FRACTION = 1.2, 0.75
"""k1 and b of BM25, as usual (Robertson and Zaragoza 2009)."""


@dataclass(kw_only=True)
class EmbedGround:
    """What the rungs stand on: the pristine base and the training set."""

    run: RunFolder
    base: OpenBase
    train: tuple[Example, ...]
    primary_metric: str

    @cached_property
    def train_texts(self) -> list[str]:
        """All texts of the training set, each once."""
        return sorted({text for one in self.train for text in texts_of(one)})

    @cached_property
    def weighted_words(self) -> Any:
        """TF-IDF of words, word pairs and pieces of words; None where no word occurs twice."""
        try:
            return word_features(2).fit(self.train_texts)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    near: Callable[[EmbedGround, float, Sequence[str]], Nearness]
    settings: tuple[float, ...]
    needs_training: bool
    description: str
    has_losses: bool = False


@dataclass(frozen=True, slots=True)
class _AtRandom:
    """Nearness that knows nothing: of two texts always the same, as good as drawn."""

    texts: Sequence[str]

    def matrix(self, first: Ids, second: Ids) -> np.ndarray:
        """Drawn from the texts of the first, (first, second)."""
        return np.stack([_drawn(self.texts[k]).random(len(second)) for k in first.tolist()])

    def pairs(self, first: Ids, _second: Ids) -> np.ndarray:
        """The same for all: what cannot be ordered."""
        return np.zeros(len(first))


@dataclass(frozen=True, slots=True)
class _Words:
    """Cosines of sparse rows (texts, words)."""

    rows: Any

    def matrix(self, first: Ids, second: Ids) -> np.ndarray:
        """Cosines (first, second)."""
        return np.asarray((self.rows[first] @ self.rows[second].T).toarray())

    def pairs(self, first: Ids, second: Ids) -> np.ndarray:
        """Cosines (pairs,)."""
        return np.asarray(self.rows[first].multiply(self.rows[second]).sum(axis=1)).ravel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """BM25 of texts that are searched with the words of others."""

    has_word: Any
    """(texts, words), 0 or 1"""
    weights: Any
    """(texts, words): what finding a word in a text is worth."""

    def matrix(self, first: Ids, second: Ids) -> np.ndarray:
        """What the words of the first find in the second, (first, second)."""
        return np.asarray((self.has_word[first] @ self.weights[second].T).toarray())

    def pairs(self, first: Ids, second: Ids) -> np.ndarray:
        """The same of the first in its second, (pairs,)."""
        return np.asarray(self.has_word[first].multiply(self.weights[second]).sum(axis=1)).ravel()


def choose_embed_baselines(ground: EmbedGround, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    """Each rung with the setting that does best on validation."""
    metric, chosen = METRICS[ground.primary_metric], []
    targets = [one.target for one in validation]
    for name, kind in _LADDER.items():
        settings = kind.settings[:1] if has_scores(validation) else kind.settings  # two texts are no query and passage
        scored = []
        for setting in settings:
            found = answer(validation, _measure(ground, kind, setting))
            scored.append((metric.function(targets, found.predictions), {"setting": setting}))
        chosen.append(best_baseline(name, kind, metric, scored))
    return tuple(chosen)


def score_embed_baselines(
    ground: EmbedGround, baselines: Sequence[Baseline], examples: Sequence[Example], split: Split
) -> tuple[tuple[Rung, Scorecard], ...]:
    """What each rung does on a set of examples."""
    results = []
    for one in baselines:
        kind = _LADDER[one.name]
        found = answer(examples, _measure(ground, kind, one.setting))
        card = embedding_card(one.name, split, examples, found, has_losses=kind.has_losses)
        results.append(as_rung(one, card, ground.primary_metric))
    return tuple(results)


def cut_texts(ground: EmbedGround, examples: Sequence[Example]) -> tuple[str, ...]:
    """Ids of the examples with a text that is longer than what is read of it."""
    most, cut = ground.base.max_tokens, []
    for one in examples:
        lengths = map(len, tokenize(ground.base.tokenizer, texts_of(one), _UNCUT).ids)
        if max(lengths) > most:
            cut.append(one.id)
    return tuple(cut)


def _measure(ground: EmbedGround, kind: _Kind, setting: float) -> Callable[[Sequence[str]], Nearness]:
    return lambda texts: kind.near(ground, setting, texts)


def _at_random(_ground: EmbedGround, _setting: float, texts: Sequence[str]) -> Nearness:
    return _AtRandom(texts)


def _drawn(text: str) -> np.random.Generator:
    return np.random.default_rng(
        int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:8], "big")
    )


def _untouched(ground: EmbedGround, _setting: float, texts: Sequence[str]) -> Nearness:
    return Cosines(frozen_features(ground.run, ground.base, texts))


def _words(ground: EmbedGround, setting: float, texts: Sequence[str]) -> Nearness:
    """TF-IDF by words and pieces of words, or BM25 by whole words."""
    if ground.weighted_words is None:
        return _AtRandom(texts)
    if setting == _BM25:
        return _counted(ground.train_texts, texts)
    from sklearn.preprocessing import normalize

    return _Words(normalize(ground.weighted_words.transform(texts)).tocsr())


def _counted(train_texts: Sequence[str], texts: Sequence[str]) -> Nearness:
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(dtype=np.float64).fit([*train_texts, *texts])  # names of words alone, no weights
    known, counts = (csr_array(vectorizer.transform(one)) for one in (train_texts, texts))
    lengths = np.asarray(known.sum(axis=1)).ravel()
    num_having = np.asarray((known > 0).sum(axis=0)).ravel()
    worth = np.log1p((len(train_texts) - num_having + 0.5) / (num_having + 0.5))
    own = np.asarray(counts.sum(axis=1)).ravel() / max(float(lengths.mean()), 1.0)
    room = _SATURATION * (1 - _LENGTH_FRACTION + _LENGTH_FRACTION * own)
    weights = counts.tocoo()
    values = weights.data * (_SATURATION + 1) / (weights.data + room[weights.row]) * worth[weights.col]
    has_word = csr_array((np.ones(counts.nnz), counts.indices, counts.indptr), shape=counts.shape)
    return _Counted(has_word=has_word, weights=csr_array((values, (weights.row, weights.col)), shape=counts.shape))


_LADDER: dict[str, _Kind] = {
    "nothing known": _Kind(
        near=_at_random,
        settings=(0.0,),
        needs_training=False,
        description="all texts in an order drawn at random; for scores, the same answer to all pairs",
    ),
    UNTOUCHED: _Kind(
        near=_untouched,
        settings=(0.0,),
        needs_training=False,
        description="the cosines of the base as it comes",
        has_losses=True,
    ),
    "words alone": _Kind(
        near=_words,
        settings=(_TFIDF, _BM25),
        needs_training=True,
        description="words that two texts share, rare ones for more (TF-IDF or BM25), without any base model",
    ),
}
"""B0, B1 and B6 of science.md 1.5, in the order of the report."""
