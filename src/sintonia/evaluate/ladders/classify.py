"""The ladder of honest baselines for classify (science.md 1.5). Fits see training rows only.

A rung's setting (neighbours, strength, template) is chosen on validation, before the test is opened. A randomly
initialised head is never on the ladder: it is not a base.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sintonia.evaluate.ladders import contrastive
from sintonia.evaluate.ladders.words import word_features
from sintonia.evaluate.score import as_rung, bare_scorecard, best_baseline, make_scorecard, plain_scorecard
from sintonia.evaluate.scoring.names import SCALE, zero_shot
from sintonia.metrics import METRICS
from sintonia.models.forward import log_softmax, of_length_one
from sintonia.models.once import compared_features, frozen_features
from sintonia.models.open import OpenBase
from sintonia.models.probe import STRENGTHS, fit_probe
from sintonia.records import Baseline, Example, Rung, Scorecard, Split
from sintonia.runs import RunFolder
from sintonia.statistics.calibration import as_logits, fit_temperature, tempered
from sintonia.tasks import HeadTask, classify
from sintonia.tasks.classify import LABEL_TEMPLATES, encode_targets

_NUM_DRAWS, _MOST_DRAWN = (9, 99), 10**6
"""Of labels at random: fewest and most draws, and about so many labels in all: of many examples luck is small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the rungs stand on: the pristine base and the training set."""

    run: RunFolder
    base: OpenBase
    labels: tuple[str, ...]
    train: tuple[Example, ...]
    primary_metric: str
    method: str = ""
    """How the candidate was tuned: a rung that is the same would be no rung."""

    @property
    def task(self) -> HeadTask:
        """What is learned."""
        return cast(HeadTask, classify)

    def features(self, examples: Sequence[Example], *, for_head: bool = False) -> np.ndarray:
        """Frozen features of examples, computed once; of length one but for compared pairs, or as a head gets them."""
        return frozen_features(self.run, self.base, [classify.inputs(one) for one in examples], for_head=for_head)

    def train_targets(self) -> np.ndarray:
        """Positions of the training labels."""
        return encode_targets([one.target for one in self.train], self.labels)


Scores = Callable[[Ground, float, Sequence[Example]], np.ndarray]
"""(ground, setting, examples) to probabilities or scores (examples, labels); the largest is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    scores: Scores
    settings: tuple[float, ...]
    needs_training: bool
    description: str
    gives_probabilities: bool
    is_meant_for: Callable[[Ground], bool] = lambda _ground: True
    """Whether it is tried at all."""


def choose_baselines(ground: Ground, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    """Each rung with the setting that does best on validation, and its temperature, fitted there as the tuned model's.

    Without one, a metric of probabilities would say how the scale of a rung was set, and not what it knows.
    """
    metric, chosen = METRICS[ground.primary_metric], []
    for name, kind in _LADDER.items():
        is_scored = kind.gives_probabilities or metric.reads not in ("nats", "squared_errors")
        if not is_scored or not kind.is_meant_for(ground):
            continue
        scored = []
        for setting in kind.settings:
            scores = kind.scores(ground, setting, validation)
            temperature = _temperature(ground, scores, validation) if kind.gives_probabilities else None
            card = bare_scorecard(name, "validation", validation, ground.labels, tempered(scores, temperature))
            value = metric.function(card.targets, metric.answers(card))
            scored.append((value, {"setting": setting, "temperature": temperature}))
        chosen.append(best_baseline(name, kind, metric, scored))
    return tuple(chosen)


def _temperature(ground: Ground, probabilities: np.ndarray, validation: Sequence[Example]) -> float | None:
    goal = encode_targets([one.target for one in validation], ground.labels)
    return fit_temperature(as_logits(probabilities), goal).value


def score_baselines(
    ground: Ground,
    baselines: Sequence[Baseline],
    examples: Sequence[Example],
    split: Split,
) -> tuple[tuple[Rung, Scorecard], ...]:
    """What each rung does on a set of examples."""
    results = []
    for baseline in baselines:
        kind = _LADDER[baseline.name]
        scores = kind.scores(ground, baseline.setting, examples)
        if kind.gives_probabilities:
            chances = tempered(scores, baseline.temperature)
            card = make_scorecard(baseline.name, split, examples, ground.labels, chances)
        else:
            card = plain_scorecard(baseline.name, split, examples, _answers(scores, ground.labels))
        results.append(as_rung(baseline, card, ground.primary_metric))
    return tuple(results)


def _reads_together(ground: Ground) -> bool:
    """Whether the examples are two texts each, which the base does not compare anyway."""
    return ground.base.model.reading.pairs == "together" and not isinstance(classify.inputs(ground.train[0]), str)


def _answers(scores: np.ndarray, labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(labels[int(k)] for k in scores.argmax(axis=1))


def _majority(ground: Ground, _setting: float, examples: Sequence[Example]) -> np.ndarray:
    counts = Counter(one.target for one in ground.train)
    shares = np.array([counts[label] for label in ground.labels], dtype=np.float64) / len(ground.train)
    return np.tile(shares, (len(examples), 1))


def _prior_sampling(ground: Ground, _setting: float, examples: Sequence[Example]) -> np.ndarray:
    """Labels drawn by their shares in training: of many draws the one nearest their mean, so that its score is no luck.

    Always the same for the same examples.
    """
    shares, metric = _majority(ground, 0, examples[:1])[0], METRICS[ground.primary_metric]
    targets = tuple(one.target for one in examples)
    num_draws = min(max(_MOST_DRAWN // len(examples), _NUM_DRAWS[0]), _NUM_DRAWS[1])
    draws = np.random.default_rng(0).choice(len(shares), size=(num_draws, len(examples)), p=shares)
    values = np.array([metric.function(targets, tuple(ground.labels[int(k)] for k in draw)) for draw in draws])
    return np.asarray(np.eye(len(shares))[draws[np.abs(values - values.mean()).argmin()]])


def _neighbours(ground: Ground, setting: float, examples: Sequence[Example]) -> np.ndarray:
    """Votes of the nearest training examples, each weighted by its cosine."""
    train, features = (of_length_one(ground.features(some)) for some in (ground.train, examples))
    targets, near, rows = ground.train_targets(), min(int(setting), len(ground.train)), []
    for start in range(0, len(examples), 512):
        cosines = features[start : start + 512] @ train.T
        nearest = np.argpartition(-cosines, near - 1, axis=1)[:, :near]
        votes = np.zeros((len(cosines), len(ground.labels)))
        for row, columns in enumerate(nearest):
            np.add.at(votes[row], targets[columns], np.maximum(cosines[row, columns], 0.0) + 1e-6)
        rows.append(votes)
    return np.concatenate(rows)


def _centroids(ground: Ground, _setting: float, examples: Sequence[Example]) -> np.ndarray:
    """The label whose training examples have the nearest mean; a label without any is never taken."""
    train, targets, features = ground.features(ground.train), ground.train_targets(), ground.features(examples)
    scores = np.full((len(examples), len(ground.labels)), -np.inf)
    for label in np.unique(targets):
        centre = train[targets == label].mean(axis=0)
        scores[:, label] = SCALE * (features @ centre - centre @ centre / 2)
    return np.asarray(np.exp(log_softmax(scores)))


def _probe(ground: Ground, setting: float, examples: Sequence[Example]) -> np.ndarray:
    train, asked = (ground.features(some, for_head=True) for some in (ground.train, examples))
    probe = fit_probe(train, ground.train_targets(), len(ground.labels), setting)
    return np.asarray(np.exp(log_softmax(probe.logits(asked))))


def _compared(ground: Ground, setting: float, examples: Sequence[Example]) -> np.ndarray:
    learned, asked = ([classify.inputs(one) for one in some] for some in (ground.train, examples))
    features = compared_features(ground.run, ground.base, learned)
    probe = fit_probe(features, ground.train_targets(), len(ground.labels), setting)
    return np.asarray(np.exp(log_softmax(probe.logits(compared_features(ground.run, ground.base, asked)))))


def _words(ground: Ground, setting: float, examples: Sequence[Example]) -> np.ndarray:
    """Logistic regression on TF-IDF of words, word pairs and pieces of words: no base model at all."""
    union = word_features(2)
    try:
        train = union.fit_transform([one.input for one in ground.train])
    except ValueError:  # Nothing is left after the thresholds: no word occurs twice.
        return _majority(ground, setting, examples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=setting, max_iter=100, tol=1e-3).fit(train, ground.train_targets())
    scores = np.zeros((len(examples), len(ground.labels)))
    scores[:, model.classes_] = model.predict_proba(union.transform([one.input for one in examples]))
    return scores


_LADDER: dict[str, _Kind] = {
    "majority": _Kind(
        scores=_majority,
        settings=(0,),
        needs_training=False,
        gives_probabilities=True,
        description="always answers the most common label",
    ),
    "labels at random": _Kind(
        scores=_prior_sampling,
        settings=(0,),
        needs_training=False,
        gives_probabilities=False,
        description="answers at random, each label as often as it comes in training",
    ),
    "zero-shot by label names": _Kind(
        scores=zero_shot,
        settings=(-1, *range(len(LABEL_TEMPLATES))),
        needs_training=False,
        gives_probabilities=True,
        description="the base compares the text with the names of the labels",
    ),
    "nearest neighbours": _Kind(
        scores=_neighbours,
        settings=(1, 5, 15),
        needs_training=True,
        gives_probabilities=False,
        description="the labels of the most similar training examples, by features of the base",
    ),
    "nearest centroid": _Kind(
        scores=_centroids,
        settings=(0,),
        needs_training=True,
        gives_probabilities=True,
        description="the label whose training examples lie nearest on average, by features of the base",
    ),
    "linear probe": _Kind(
        scores=_probe,
        settings=STRENGTHS,
        needs_training=True,
        gives_probabilities=True,
        description="logistic regression on frozen features of the base",
    ),
    "both texts compared": _Kind(
        scores=_compared,
        settings=STRENGTHS,
        needs_training=True,
        gives_probabilities=True,
        description="logistic regression on where frozen features of the two texts differ and agree",
        is_meant_for=_reads_together,
    ),
    "TF-IDF": _Kind(
        scores=_words,
        settings=(10.0,),
        needs_training=True,
        gives_probabilities=True,
        description="logistic regression on words and pieces of words, without any base model",
    ),
    contrastive.NAME: _Kind(
        scores=contrastive.scores,
        settings=STRENGTHS,
        needs_training=True,
        gives_probabilities=True,
        description=contrastive.DESCRIPTION,
        is_meant_for=lambda ground: (
            not ground.base.model.is_causal
            and ground.base.model.reading.pairs == "together"
            and contrastive.is_meant_for(ground.train, ground.method)
        ),
    ),
}
"""B0 (twice), B4, B5 (three times, of pairs four), B6 and, of few examples, B7 of science.md 1.5, in this order."""
