"""Answers to a scorecard: scores with intervals, and everything a paired test needs later."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from sintonia.evaluate.answers import answers_of
from sintonia.evaluate.compare import Rule, score_alone
from sintonia.metrics import METRICS, Metric
from sintonia.metrics.table import BUILT_IN
from sintonia.records import Baseline, Example, Rung, Score, Scorecard, Split
from sintonia.statistics.calibration import SMALLEST, squared_errors
from sintonia.tasks import TASKS, classify

RULE = Rule(level=0.05, margin=0.0, draws=2_000)
"""Only its confidence (95 %) and number of draws matter here: nothing is decided."""

Weighed = tuple[Sequence[float], Sequence[int], Sequence[bool]]
"""Of each example: nats of the target, its bytes, and whether it is the likeliest answer."""


def make_scorecard(
    subject: str,
    split: Split,
    examples: Sequence[Example],
    labels: Sequence[str],
    probabilities: np.ndarray,
) -> Scorecard:
    """The scorecard of a subject that gives probabilities (examples, labels)."""
    bare = bare_scorecard(subject, split, examples, labels, probabilities)
    return with_scores(bare, examples, metrics_of("classify"))


def bare_scorecard(
    subject: str, split: Split, examples: Sequence[Example], labels: Sequence[str], probabilities: np.ndarray
) -> Scorecard:
    """The same without its scores, whose intervals take most of the time."""
    best = probabilities.argmax(axis=1)
    goal = classify.encode_targets([one.target for one in examples], labels)
    of_target = np.where(goal >= 0, probabilities[np.arange(len(goal)), goal], 0.0)
    return dataclasses.replace(
        bare_card(subject, split, examples),
        predictions=tuple(labels[int(k)] for k in best),
        losses=tuple((-np.log(np.maximum(of_target, SMALLEST))).tolist()),
        confidences=tuple(probabilities.max(axis=1).tolist()),
        squared_errors=tuple(squared_errors(probabilities, goal).tolist()),
    )


def plain_scorecard(subject: str, split: Split, examples: Sequence[Example], predictions: Sequence[str]) -> Scorecard:
    """The scorecard of a subject that gives answers only."""
    bare = dataclasses.replace(bare_card(subject, split, examples), predictions=tuple(predictions))
    return with_scores(bare, examples, metrics_of("classify"))


def language_scorecard(subject: str, split: Split, examples: Sequence[Example], columns: Weighed) -> Scorecard:
    """The scorecard of a language model, or of something else that gives probabilities of texts."""
    nats, num_bytes, correct = columns
    bare = dataclasses.replace(
        bare_card(subject, split, examples),
        losses=tuple(float(one) for one in nats),
        num_bytes=tuple(int(one) for one in num_bytes),
        correct=tuple(bool(one) for one in correct),
    )
    return with_scores(bare, examples, metrics_of("chat"))


def metrics_of(task: str) -> tuple[str, ...]:
    """The metrics of a task, and those that the recipe of this run adds."""
    return (*TASKS[task].METRICS, *(name for name in METRICS if name not in BUILT_IN))


def with_scores(card: Scorecard, examples: Sequence[Example], metrics: Sequence[str]) -> Scorecard:
    """The card with each metric that it has the answers for and its 95 % interval, groups resampled together."""
    groups = tuple(one.group for one in examples)
    able = [name for name in metrics if METRICS[name].answers(card)]
    return dataclasses.replace(card, scores=tuple(_score(name, card, groups) for name in able))


def bare_card(subject: str, split: Split, examples: Sequence[Example]) -> Scorecard:
    """A scorecard with nothing on it yet but targets."""
    return Scorecard(
        subject=subject,
        split=split,
        scores=(),
        ids=tuple(one.id for one in examples),
        targets=tuple(one.target for one in examples),
        predictions=(),
    )


class RungKind(Protocol):
    """What a kind of rung says of itself, whatever it is fitted to."""

    @property
    def needs_training(self) -> bool:
        """Whether it is fitted to training rows."""
        ...

    @property
    def description(self) -> str:
        """What it does, in words."""
        ...


def best_baseline(name: str, kind: RungKind, metric: Metric, tried: Sequence[tuple[float, dict[str, Any]]]) -> Baseline:
    """The rung as it does best on validation; `tried` are what it scored and what it was: its `setting`, and what was
    fitted with it. Of equals the first."""
    value, found = max(tried, key=lambda one: metric.goodness(one[0]))
    return Baseline(
        name=name,
        validation_score=value,
        needs_training=kind.needs_training,
        description=kind.description,
        **found,
    )


def as_rung(baseline: Baseline, card: Scorecard, metric_name: str) -> tuple[Rung, Scorecard]:
    """A rung with what its scorecard says of the metric, and the card."""
    value = next(one.value for one in card.scores if one.metric == metric_name)
    rung = Rung(
        name=baseline.name, score=value, needs_training=baseline.needs_training, description=baseline.description
    )
    return rung, card


def _score(name: str, card: Scorecard, groups: tuple[str, ...]) -> Score:
    return score_alone(METRICS[name], answers_of(METRICS[name], card, card, groups), RULE)
