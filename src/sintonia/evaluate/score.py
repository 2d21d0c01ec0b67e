"""Answers to a scorecard: scores with intervals, and everything a paired test needs later."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from sintonia.evaluate.answers import answers_of
from sintonia.evaluate.compare import Rule, score_alone
from sintonia.metrics import METRICS
from sintonia.metrics.table import BUILT_IN
from sintonia.records import Example, Score, Scorecard, Split
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
        _bare(subject, split, examples),
        predictions=tuple(labels[int(k)] for k in best),
        losses=tuple((-np.log(np.maximum(of_target, SMALLEST))).tolist()),
        confidences=tuple(probabilities.max(axis=1).tolist()),
        squared_errors=tuple(squared_errors(probabilities, goal).tolist()),
    )


def plain_scorecard(subject: str, split: Split, examples: Sequence[Example], predictions: Sequence[str]) -> Scorecard:
    """The scorecard of a subject that gives answers only."""
    bare = dataclasses.replace(_bare(subject, split, examples), predictions=tuple(predictions))
    return with_scores(bare, examples, metrics_of("classify"))


def language_scorecard(subject: str, split: Split, examples: Sequence[Example], columns: Weighed) -> Scorecard:
    """The scorecard of a language model, or of something else that gives probabilities of texts."""
    nats, num_bytes, correct = columns
    bare = dataclasses.replace(
        _bare(subject, split, examples),
        losses=tuple(float(one) for one in nats),
        num_bytes=tuple(int(one) for one in num_bytes),
        correct=tuple(bool(one) for one in correct),
    )
    return with_scores(bare, examples, metrics_of("chat"))


def metrics_of(task: str) -> tuple[str, ...]:
    """The metrics of a task, and those that the recipe of this run adds."""
    return (*TASKS[task]().METRICS, *(name for name in METRICS if name not in BUILT_IN))


def with_scores(card: Scorecard, examples: Sequence[Example], metrics: Sequence[str]) -> Scorecard:
    """The card with each metric that it has the answers for and its 95 % interval, groups resampled together."""
    groups = tuple(one.group for one in examples)
    able = [name for name in metrics if METRICS[name].answers(card)]
    return dataclasses.replace(card, scores=tuple(_score(name, card, groups) for name in able))


def _bare(subject: str, split: Split, examples: Sequence[Example]) -> Scorecard:
    return Scorecard(
        subject=subject,
        split=split,
        scores=(),
        ids=tuple(one.id for one in examples),
        targets=tuple(one.target for one in examples),
        predictions=(),
    )


def _score(name: str, card: Scorecard, groups: tuple[str, ...]) -> Score:
    return score_alone(METRICS[name], answers_of(METRICS[name], card, card, groups), RULE)
