"""Predictions to a scorecard: scores with intervals, and everything a paired test needs later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sintonia.evaluate.compare import Rule, score
from sintonia.metrics import METRICS
from sintonia.records import Example, Score, Scorecard, Split
from sintonia.tasks import classify

_SMALLEST = 1e-12
RULE = Rule(level=0.05, margin=0.0, draws=2_000)
"""Only its confidence (95 %) and number of draws matter here: nothing is decided."""


def make_scorecard(
    subject: str,
    split: Split,
    examples: Sequence[Example],
    labels: Sequence[str],
    probabilities: np.ndarray,
) -> Scorecard:
    """The scorecard of a subject that gives probabilities (examples, labels)."""
    best = probabilities.argmax(axis=1)
    goal = classify.encode_targets([one.target for one in examples], labels)
    of_target = np.where(goal >= 0, probabilities[np.arange(len(goal)), goal], 0.0)
    predictions = tuple(labels[int(k)] for k in best)
    return Scorecard(
        subject=subject,
        split=split,
        scores=score_all(examples, predictions),
        ids=tuple(one.id for one in examples),
        targets=tuple(one.target for one in examples),
        predictions=predictions,
        losses=tuple((-np.log(np.maximum(of_target, _SMALLEST))).tolist()),
        confidences=tuple(probabilities.max(axis=1).tolist()),
    )


def plain_scorecard(subject: str, split: Split, examples: Sequence[Example], predictions: Sequence[str]) -> Scorecard:
    """The scorecard of a subject that gives answers only."""
    return Scorecard(
        subject=subject,
        split=split,
        scores=score_all(examples, predictions),
        ids=tuple(one.id for one in examples),
        targets=tuple(one.target for one in examples),
        predictions=tuple(predictions),
    )


def score_all(examples: Sequence[Example], predictions: Sequence[str]) -> tuple[Score, ...]:
    """Each metric with its 95 % interval, groups of examples resampled together."""
    targets, groups = tuple(one.target for one in examples), tuple(one.group for one in examples)
    return tuple(score(METRICS[name], targets, tuple(predictions), groups, RULE) for name in classify.METRICS)
