"""The ladder of honest baselines for any task of an encoder with a head on texts. Fits see training rows only.

A rung's setting is chosen on validation, before the test is opened. Labels have a ladder of their own (`classify.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sintonia.evaluate.ladders.words import word_features
from sintonia.evaluate.score import as_rung, best_baseline
from sintonia.evaluate.scoring.heads import Said, head_scorecard, thresholds_of
from sintonia.metrics import METRICS
from sintonia.models.forward import of_length_one
from sintonia.models.once import frozen_features
from sintonia.models.open import OpenBase
from sintonia.models.probe import STRENGTHS, fit_linear
from sintonia.records import Baseline, Example, Rung, Scorecard, Split
from sintonia.runs import RunFolder
from sintonia.tasks import HeadTask

_LEAST, _MOST = 1e-4, 1 - 1e-4
"""Between these, votes are shares that have a logarithm."""


@dataclass(kw_only=True)
class HeadGround:
    """What the rungs stand on: the pristine base and the training set."""

    run: RunFolder
    base: OpenBase
    task: HeadTask
    labels: tuple[str, ...]
    train: tuple[Example, ...]
    primary_metric: str

    @cached_property
    def fitted(self) -> dict[str, Any]:
        """What is learned of the training targets before anything is fitted."""
        return self.task.fit(self.train, self.labels)

    @cached_property
    def targets(self) -> np.ndarray:
        """Those of the training set, as the task encodes them."""
        return self.task.encode(self.train, self.labels, self.fitted)

    @property
    def num_outputs(self) -> int:
        """Outputs of a head."""
        return self.task.num_outputs(self.labels, self.fitted)

    def features(self, examples: Sequence[Example], *, for_head: bool = False) -> np.ndarray:
        """Frozen features of examples, computed once; of length one but for compared pairs, or as a head gets them."""
        return frozen_features(self.run, self.base, [self.task.inputs(one) for one in examples], for_head=for_head)

    def said(self, logits: np.ndarray) -> Said:
        """Outputs of a rung, and what it takes to read them."""
        return Said(self.task, self.labels, self.fitted, logits)


Logits = Callable[[HeadGround, float, Sequence[Example]], np.ndarray]
"""(ground, setting, examples) to outputs as a head would give them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    logits: Logits
    settings: tuple[float, ...]
    needs_training: bool
    description: str
    pairs_only: bool = False


def choose_head_baselines(ground: HeadGround, validation: Sequence[Example]) -> tuple[Baseline, ...]:
    """Each rung with the setting that does best on validation."""
    metric, chosen = METRICS[ground.primary_metric], []
    is_of_pairs = not isinstance(ground.task.inputs(ground.train[0]), str)
    for name, kind in _LADDER.items():
        if kind.pairs_only and not is_of_pairs:
            continue
        scored = []
        for setting in kind.settings:
            logits = kind.logits(ground, setting, validation)
            offsets, crossed = thresholds_of(ground.said(logits), validation)
            answers = ground.task.answers(logits + crossed, ground.labels, ground.fitted)
            value = metric.function([one.target for one in validation], answers)
            scored.append((value, {"setting": setting, "offsets": offsets}))
        chosen.append(best_baseline(name, kind, metric, scored))
    return tuple(chosen)


def score_head_baselines(
    ground: HeadGround, baselines: Sequence[Baseline], examples: Sequence[Example], split: Split
) -> tuple[tuple[Rung, Scorecard], ...]:
    """What each rung does on a set of examples."""
    results = []
    for one in baselines:
        said = ground.said(_LADDER[one.name].logits(ground, one.setting, examples))
        card = head_scorecard(one.name, split, examples, said, np.array(one.offsets or 0.0))
        results.append(as_rung(one, card, ground.primary_metric))
    return tuple(results)


def _constant(ground: HeadGround, _setting: float, examples: Sequence[Example]) -> np.ndarray:
    return np.tile(ground.task.constant_logits(ground.targets, ground.labels, ground.fitted), (len(examples), 1))


def _neighbours(ground: HeadGround, setting: float, examples: Sequence[Example]) -> np.ndarray:
    """Targets of the nearest training examples, averaged."""
    train, features = (of_length_one(ground.features(some)) for some in (ground.train, examples))
    targets, near, rows = ground.targets, min(int(setting), len(ground.train)), []
    is_label = targets.dtype.kind in "iu"
    values = np.eye(ground.num_outputs)[targets] if is_label else targets.reshape(len(targets), -1).astype(np.float64)
    for start in range(0, len(examples), 512):
        cosines = features[start : start + 512] @ train.T
        nearest = np.argpartition(-cosines, near - 1, axis=1)[:, :near]
        rows.append(values[nearest].mean(axis=1))
    means = np.concatenate(rows)
    if targets.dtype.kind == "f":
        return np.asarray(means)
    shares = np.clip(means, _LEAST, _MOST)
    return np.asarray(np.log(shares) if is_label else np.log(shares / (1 - shares)))


def _probe(ground: HeadGround, setting: float, examples: Sequence[Example]) -> np.ndarray:
    train, asked = (ground.features(some, for_head=True) for some in (ground.train, examples))
    return fit_linear(train, ground.targets, ground.num_outputs, setting).logits(asked)


def _pair_cosine(ground: HeadGround, setting: float, examples: Sequence[Example]) -> np.ndarray:
    """A line through how alike the base finds the two texts."""
    probe = fit_linear(_cosines(ground, ground.train), ground.targets, ground.num_outputs, setting)
    return probe.logits(_cosines(ground, examples))


def _cosines(ground: HeadGround, examples: Sequence[Example]) -> np.ndarray:
    pairs = [ground.task.inputs(one) for one in examples]
    halves = [frozen_features(ground.run, ground.base, [pair[side] for pair in pairs]) for side in (0, 1)]
    return np.asarray((halves[0] * halves[1]).sum(axis=1, keepdims=True), dtype=np.float32)


def _words(ground: HeadGround, setting: float, examples: Sequence[Example]) -> np.ndarray:
    """A linear model on TF-IDF of words, word pairs and pieces of words: no base model at all."""
    union = word_features(2)
    try:
        train = union.fit_transform([one.input for one in ground.train])
    except ValueError:  # Nothing is left after the thresholds: no word occurs twice.
        return _constant(ground, setting, examples)
    probe = fit_linear(train, ground.targets, ground.num_outputs, setting)
    return probe.logits(union.transform([one.input for one in examples]))


_LADDER: dict[str, _Kind] = {
    "constant": _Kind(
        logits=_constant,
        settings=(0,),
        needs_training=False,
        description="always answers the same: what is right most often, or on average",
    ),
    "nearest neighbours": _Kind(
        logits=_neighbours,
        settings=(1, 5, 15),
        needs_training=True,
        description="the targets of the most similar training examples, by features of the base",
    ),
    "linear probe": _Kind(
        logits=_probe,
        settings=STRENGTHS,
        needs_training=True,
        description="a linear model on frozen features of the base",
    ),
    "similarity of the pair": _Kind(
        logits=_pair_cosine,
        settings=STRENGTHS,
        needs_training=True,
        description="a line through how similar the base finds the two texts",
        pairs_only=True,
    ),
    "TF-IDF": _Kind(
        logits=_words,
        settings=(1.0, 10.0),
        needs_training=True,
        description="a linear model on words and pieces of words, without any base model",
    ),
}
"""B0, B5 (twice, of pairs three times) and B6 of science.md 1.5, in the order of the report. Without names of labels to
read, nothing of B1 to B4 can be asked of an encoder."""
