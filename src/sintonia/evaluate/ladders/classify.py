"""The ladder of honest baselines for classify (science.md 1.5). Fits see training rows only.

A rung's setting (neighbours, strength, template) is chosen on validation, before the test is opened. A randomly
initialised head is never on the ladder: it is not a base.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sintonia.evaluate.ladders.words import word_features
from sintonia.evaluate.score import bare_scorecard, make_scorecard, plain_scorecard
from sintonia.metrics import METRICS
from sintonia.models.forward import compute_features, log_softmax
from sintonia.models.once import frozen_features
from sintonia.models.open import OpenBase
from sintonia.models.probe import STRENGTHS, fit_probe
from sintonia.models.tokens import tokenize
from sintonia.records import Baseline, Example, Rung, Scorecard, Split
from sintonia.runs import RunFolder
from sintonia.statistics.calibration import as_logits, fit_temperature, tempered
from sintonia.tasks.classify import LABEL_TEMPLATES, encode_targets, readable

_SCALE = 20.0
"""Cosines are sharpened by this before they are read as logits; it changes no answer."""
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

    def features(self, examples: Sequence[Example]) -> np.ndarray:
        """Frozen features of examples, computed once."""
        return frozen_features(self.run, self.base, [one.input for one in examples])

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


def choose_baselines(ground: Ground, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    """Each rung with the setting that does best on validation, and its temperature, fitted there as the tuned model's.

    Without one, a metric of probabilities would say how the scale of a rung was set, and not what it knows.
    """
    metric, chosen = METRICS[ground.primary_metric], []
    for name, kind in _LADDER.items():
        if metric.reads in ("nats", "squared_errors") and not kind.gives_probabilities:
            continue
        scored = []
        for setting in kind.settings:
            scores = kind.scores(ground, setting, validation)
            temperature = _temperature(ground, scores, validation) if kind.gives_probabilities else None
            card = bare_scorecard(name, "validation", validation, ground.labels, tempered(scores, temperature))
            scored.append((metric.function(card.targets, metric.answers(card)), setting, temperature))
        value, setting, temperature = max(scored, key=lambda one: metric.goodness(one[0]))
        chosen.append(
            Baseline(
                name=name,
                setting=setting,
                validation_score=value,
                needs_training=kind.needs_training,
                description=kind.description,
                temperature=temperature,
            )
        )
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
        score = next(one.value for one in card.scores if one.metric == ground.primary_metric)
        rung = Rung(name=baseline.name, score=score, needs_training=kind.needs_training, description=kind.description)
        results.append((rung, card))
    return tuple(results)


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


def _zero_shot(ground: Ground, setting: float, examples: Sequence[Example]) -> np.ndarray:
    """Cosine of the text and of a sentence made from the label's name; no training row is looked at."""
    templates = LABEL_TEMPLATES if setting < 0 else (LABEL_TEMPLATES[int(setting)],)
    cosines = ground.features(examples) @ mean_view(label_views(ground, templates)).T
    return np.asarray(np.exp(log_softmax(_SCALE * cosines)))


def label_views(ground: Ground, templates: Sequence[str]) -> list[np.ndarray]:
    """What the base sees in the names of the labels, for each template; (labels, hidden) each."""
    names, base = [readable(label) for label in ground.labels], ground.base
    texts = [[template.format(label=name) for name in names] for template in templates]
    return [compute_features(base.model, tokenize(base.tokenizer, some, base.max_tokens).ids) for some in texts]


def mean_view(views: Sequence[np.ndarray]) -> np.ndarray:
    """Their mean, of length one for each label."""
    mean = np.mean(views, axis=0)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12))


def _neighbours(ground: Ground, setting: float, examples: Sequence[Example]) -> np.ndarray:
    """Votes of the nearest training examples, each weighted by its cosine."""
    train, targets, near = ground.features(ground.train), ground.train_targets(), min(int(setting), len(ground.train))
    features, rows = ground.features(examples), []
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
        scores[:, label] = _SCALE * (features @ centre - centre @ centre / 2)
    return np.asarray(np.exp(log_softmax(scores)))


def _probe(ground: Ground, setting: float, examples: Sequence[Example]) -> np.ndarray:
    probe = fit_probe(ground.features(ground.train), ground.train_targets(), len(ground.labels), setting)
    return np.asarray(np.exp(log_softmax(probe.logits(ground.features(examples)))))


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
        scores=_zero_shot,
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
    "TF-IDF": _Kind(
        scores=_words,
        settings=(10.0,),
        needs_training=True,
        gives_probabilities=True,
        description="logistic regression on words and pieces of words, without any base model",
    ),
}
"""B0 (twice), B4, B5 (three times) and B6 of science.md 1.5, in the order of the report."""
