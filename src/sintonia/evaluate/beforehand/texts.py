"""What labelled texts and the frozen base tell before any training: cheap classifiers, cross-validated.

Training rows only, and the features that the audit has computed already. It decides nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from sintonia.evaluate.beforehand.closed_form import SHRINKAGES, discriminant_answers, ridge_answers
from sintonia.evaluate.ladders.classify import Ground
from sintonia.evaluate.ladders.words import word_features
from sintonia.evaluate.scoring.names import label_views, mean_view, text_features
from sintonia.metrics import METRICS
from sintonia.records import Beforehand, Example, LabelSignal, Tried
from sintonia.statistics.agreement import beyond_chance
from sintonia.statistics.label_noise import assign_folds
from sintonia.tasks.classify import LABEL_TEMPLATES, followed_metric

MOST_ROWS, MOST_WORD_ROWS = 20_000, 2_000
"""Rows that the probe, and that the words, are tried on; of more, an even draw."""
CLEARLY, SELDOM = 3.3, 0.01
"""Standard deviations above chance, and share of shufflings that do as well, from which on the texts are said to tell
the labels apart. Both: texts that are nearly alike predict each other, so that the first alone says it too often."""

_NAMES = "zero-shot by label names"


def look_at_texts(ground: Ground, signal: LabelSignal | None = None) -> Beforehand:
    """Label names, a probe of the frozen base and words alone, each on training rows that it was not fitted on."""
    metric = followed_metric(ground.primary_metric)
    rows = _drawn(len(ground.train), MOST_ROWS)
    few = [rows[k] for k in _drawn(len(rows), MOST_WORD_ROWS)]
    ways = [(_NAMES, rows, _by_names), ("linear probe", rows, _by_probe), ("TF-IDF", few, _by_words)]
    if len({one.group for one in ground.train}) == 1:
        ways = ways[:1]  # nothing can be fitted on other groups than those it is asked about
    answered = [(name, seen, *way(ground, seen, metric)) for name, seen, way in ways]
    tried = tuple(
        Tried(name=name, score=score, needs_fitting=name != _NAMES, num_measured=len(seen))
        for name, seen, _, score in answered
    )
    apart = max((beyond_chance(answers, _targets(ground, seen)) for _, seen, answers, _ in answered[1:]), default=0.0)
    is_found = apart > CLEARLY and (signal is None or signal.p_value <= SELDOM)
    noise = signal.noise_range if signal else None
    counts = np.bincount(ground.train_targets(), minlength=len(ground.labels))
    return Beforehand(
        task="classify",
        metric=metric,
        tried=tried,
        num_train=len(ground.train),
        evidence="found" if is_found else "not found",
        evidence_in_words=(
            "a simple model finds the labels more often than chance would"
            if is_found
            else "no simple model finds the labels more often than chance would: either the texts do not tell them, or "
            "only tuning finds out how"
        ),
        per_class=float(np.median(counts)),
        noise_fraction=sum(noise) / 2 if noise else None,
    )


Answers = tuple[Sequence[str], float]
"""A label for each row, and what the metric makes of them."""


def _by_names(ground: Ground, rows: Sequence[int], metric: str) -> Answers:
    """The template that does best: nothing else is chosen."""
    features, views = text_features(ground, ground.train)[rows], label_views(ground, LABEL_TEMPLATES)
    found = [(features @ mean_view(some).T).argmax(axis=1) for some in (views, *([one] for one in views))]
    return _best(ground, found, [ground.train[k] for k in rows], metric)


def _by_probe(ground: Ground, rows: Sequence[int], metric: str) -> Answers:
    examples, targets = [ground.train[k] for k in rows], ground.train_targets()[rows]
    features, folds = ground.features(ground.train)[rows], _folds(examples, targets)
    found = [discriminant_answers(features, targets, folds, shrinkage) for shrinkage in SHRINKAGES]
    return _best(ground, found, examples, metric)


def _by_words(ground: Ground, rows: Sequence[int], metric: str) -> Answers:
    examples, targets = [ground.train[k] for k in rows], ground.train_targets()[rows]
    try:
        words = word_features(2).fit_transform([one.input for one in examples])  # how often words occur is no label
    except ValueError:  # no word occurs twice
        return _best(ground, [np.full(len(targets), np.bincount(targets).argmax())], examples, metric)
    return _best(ground, [ridge_answers(words, targets, _folds(examples, targets))], examples, metric)


def _best(ground: Ground, found: Sequence[np.ndarray], examples: Sequence[Example], metric: str) -> Answers:
    goal, rule = [one.target for one in examples], METRICS[metric]
    named = [[ground.labels[int(k)] for k in answers] for answers in found]
    scored = [(rule.function(goal, answers), answers) for answers in named]
    score, answers = max(scored, key=lambda pair: rule.goodness(pair[0]))
    return answers, score


def _targets(ground: Ground, rows: Sequence[int]) -> list[str]:
    return [ground.train[k].target for k in rows]


def _folds(examples: Sequence[Example], targets: np.ndarray) -> np.ndarray:
    _, groups = np.unique([one.group for one in examples], return_inverse=True)
    return assign_folds(groups, targets, seed=0)


def _drawn(count: int, most: int) -> list[int]:
    return sorted(random.Random("before training").sample(range(count), min(most, count)))
