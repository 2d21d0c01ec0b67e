"""The numbers that the diagnosis is made of: fit, transfer, trend, gap, improving (science.md 2.3).

Pure functions of the validations during training. It names no finding and knows no threshold of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm

from sintonia.metrics import METRICS
from sintonia.records import Evaluation
from sintonia.statistics.intervals import wilson
from sintonia.statistics.mcnemar import midp

JUMP = 0.10
"""A rise of the training loss between two evaluations, as a share of the entropy of the targets."""
NOISE = 0.02
"""A rise that a smooth curve does not have, as a share of the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What was there before training: of a classifier, guessing by the frequencies of the training labels."""

    validation_losses: tuple[float, ...]
    """Loss of the guess, or of the base, on each validation example (H0v)."""
    train_entropy: float
    """Mean loss of the same on the training examples (H0t)."""
    prior_correct: tuple[bool, ...]
    """Whether the majority label, or the answer of the base, is right, for each validation example."""
    start: Literal["probe", "random", "base"] = "random"
    """`probe`: the head starts fitted, so what training removed is counted from step 0. `base`: there is no head, a
    language model goes on from what it knows; how low its loss could go, nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The validations of one training as arrays over evaluations; the losses are all finite."""

    steps: np.ndarray
    epochs: np.ndarray
    train_losses: np.ndarray
    """Losses of the probed training examples (evaluations, examples)."""
    train_metric: np.ndarray
    losses: np.ndarray
    """Validation losses (evaluations, examples)."""
    correct: np.ndarray
    """Validation answers that are right (evaluations, examples)."""
    metric: np.ndarray
    """What says how good the answers are, more is better: the primary metric, or the share of right answers where that
    only measures losses."""
    update: np.ndarray
    max_gradient: np.ndarray
    median_gradient: np.ndarray

    @property
    def train_loss(self) -> np.ndarray:
        """Mean training loss of each evaluation (Lt)."""
        return np.asarray(self.train_losses.mean(axis=1))

    @property
    def num_probed(self) -> int:
        """Training examples behind `train_loss` and `train_metric`."""
        return int(self.train_losses.shape[1])

    @property
    def validation_loss(self) -> np.ndarray:
        """Mean validation loss of each evaluation (Lv)."""
        return np.asarray(self.losses.mean(axis=1))

    @property
    def best(self) -> int:
        """t*: the evaluation with the least validation loss."""
        return int(np.argmin(self.validation_loss))

    @property
    def last(self) -> int:
        """T: the last evaluation."""
        return len(self.steps) - 1


def is_finite(evaluation: Evaluation) -> bool:
    """Whether all its losses and norms are numbers."""
    norms = (evaluation.relative_update, evaluation.max_gradient_norm, evaluation.median_gradient_norm)
    return all(bool(np.isfinite(part).all()) for part in (evaluation.train_losses, evaluation.validation_losses, norms))


def prior_from_base(evaluations: Sequence[Evaluation]) -> Prior:
    """The prior of a language model: step 0 of its training is the base (adapters add nothing yet).

    Raises:
        ValueError: step 0 was not evaluated.
    """
    if not evaluations or evaluations[0].step != 0:
        raise ValueError("the base itself was not evaluated")
    first = evaluations[0]
    return Prior(
        validation_losses=first.validation_losses,
        train_entropy=float(np.mean(first.train_losses)),
        prior_correct=first.validation_correct,
        start="base",
    )


def curves_of(evaluations: tuple[Evaluation, ...], metric_name: str) -> Curves:
    """The arrays behind the rules, from evaluations that `is_finite` holds for."""
    higher_is_better = METRICS[metric_name].higher_is_better
    return Curves(
        steps=np.array([one.step for one in evaluations]),
        epochs=np.array([one.epoch for one in evaluations]),
        train_losses=np.array([one.train_losses for one in evaluations], dtype=np.float64),
        train_metric=np.array([np.mean(one.train_correct) for one in evaluations]),
        losses=np.array([one.validation_losses for one in evaluations], dtype=np.float64),
        correct=np.array([one.validation_correct for one in evaluations], dtype=bool),
        metric=np.array([one.metric if higher_is_better else np.mean(one.validation_correct) for one in evaluations]),
        update=np.array([one.relative_update for one in evaluations]),
        max_gradient=np.array([one.max_gradient_norm for one in evaluations]),
        median_gradient=np.array([one.median_gradient_norm for one in evaluations]),
    )


def fit(curves: Curves, prior: Prior) -> float:
    """f: share of the training loss removed, from guessing, or from step 0 when the head started fitted."""
    reference = curves.train_loss[0] if prior.start == "probe" else prior.train_entropy
    return float(1 - curves.train_loss.min() / max(reference, 1e-12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What was learned that holds for new examples: mean loss under guessing, its standard error."""

    gain: float
    error: float
    learned: bool
    disagreement: float
    """Share of validation examples that exactly one of model and guess has right."""


def transfer(curves: Curves, prior: Prior) -> Transfer:
    """g_i = H0v_i - lv_i(t*), tested against zero; or the accuracy, by McNemar's mid-p.

    Of a language model t* may be the base itself, while its answers got better: they count at the end too.
    """
    gains = np.asarray(prior.validation_losses) - curves.losses[curves.best]
    guess, tuned = np.asarray(prior.prior_correct, dtype=bool), curves.correct[curves.best]
    fixed, broken = int((tuned & ~guess).sum()), int((guess & ~tuned).sum())
    gain, error = float(gains.mean()), standard_error(gains)
    is_more_accurate = fixed > broken and midp(fixed, broken) < 0.025
    return Transfer(
        gain=gain,
        error=error,
        learned=gain > 1.96 * error or is_more_accurate or (prior.start == "base" and has_more_right(curves, prior)),
        disagreement=(fixed + broken) / len(gains),
    )


def rise(curves: Curves, prior: Prior) -> float:
    """Proven rise of the validation loss since t*, while the training loss fell; 0 when not proven.

    z_T corrects for t* being the best of T evaluations (Bonferroni).
    """
    best, last = curves.best, curves.last
    difference = curves.losses[last] - curves.losses[best]
    z = float(norm.ppf(1 - 0.05 / len(curves.steps)))
    bar = max(z * standard_error(difference), 0.02 * float(np.mean(prior.validation_losses)))
    is_proven = best < last and difference.mean() > bar and curves.train_loss[last] < curves.train_loss[best]
    return float(difference.mean()) if is_proven else 0.0


def metric_drop(curves: Curves) -> tuple[float, float]:
    """Fall of the metric from its best evaluation to the last, and its mid-p."""
    top = int(np.argmax(curves.metric))
    before, after = curves.correct[top], curves.correct[curves.last]
    p_value = midp(int((after & ~before).sum()), int((before & ~after).sum()))
    return float(curves.metric[top] - curves.metric[curves.last]), p_value


def has_more_right(curves: Curves, prior: Prior) -> bool:
    """Whether more validation answers are right at the end than before training, beyond chance.

    At 1 %: it is asked beside other tests, and a base that gives everybody the same answer is right by chance.
    """
    before, after = np.asarray(prior.prior_correct, dtype=bool), curves.correct[curves.last]
    fixed, broken = int((after & ~before).sum()), int((before & ~after).sum())
    return fixed > broken and midp(fixed, broken) < 0.01


def gap(curves: Curves) -> tuple[float, float]:
    """Share right in training minus in validation at the end, and its lower 95 % bound (Newcombe)."""
    seen, new = float(curves.train_metric[-1]), float(curves.correct[-1].mean())
    low_seen = wilson(round(seen * curves.num_probed), curves.num_probed)[0]
    high_new = wilson(int(curves.correct[-1].sum()), curves.correct.shape[1])[1]
    return seen - new, seen - new - float(np.hypot(seen - low_seen, high_new - new))


def loss_gap(curves: Curves, prior: Prior) -> tuple[float, float]:
    """Share of the loss of the base that is gone in training minus that in validation at the end; lower 95 % bound."""
    seen, new = curves.train_losses[-1] / prior.train_entropy, curves.losses[-1] / np.mean(prior.validation_losses)
    size = float(new.mean() - seen.mean())
    return size, size - 1.96 * float(np.hypot(standard_error(seen), standard_error(new)))


def has_fallen_beyond_chance(curves: Curves) -> bool:
    """Whether the training loss ended under its start by more than 2 % and, paired by example, beyond chance."""
    fall = curves.train_losses[0] - curves.train_losses[-1]
    bar = max(1.96 * standard_error(fall), NOISE * float(curves.train_loss[0]))
    return bool(fall.mean() > bar)


def recent_fall(curves: Curves) -> float:
    """Relative fall of the validation loss over the last quarter of the steps."""
    quarter = int(np.flatnonzero(curves.steps <= 0.75 * curves.steps[-1])[-1])
    before, after = curves.validation_loss[quarter], curves.validation_loss[-1]
    return float((before - after) / max(before, 1e-12))


def largest_jump(curves: Curves) -> tuple[float, int]:
    """Largest rise of the training loss between neighbours, and the position it rose to."""
    rises = np.diff(curves.train_loss)
    position = int(np.argmax(rises))
    return float(rises[position]), position + 1


def is_smooth(curves: Curves, prior: Prior) -> bool:
    """The training loss never went up by more than noise, and did not end above its start."""
    loss, noise = curves.train_loss, NOISE * prior.train_entropy
    return bool(largest_jump(curves)[0] <= noise and loss[-1] <= loss[0] + noise)


def has_fallen(curves: Curves, prior: Prior) -> bool:
    """The training loss ended under its start by more than noise."""
    return bool(curves.train_loss[-1] < curves.train_loss[0] - NOISE * prior.train_entropy)


def is_stuck(curves: Curves, prior: Prior) -> bool:
    """The training loss was where guessing is through the second half."""
    late = curves.train_loss[len(curves.steps) // 2 :]
    return bool(np.abs(late - prior.train_entropy).max() <= NOISE * prior.train_entropy)


def gradient_bursts(curves: Curves, prior: Prior) -> int:
    """Stretches between evaluations in which most steps had a gradient above 10 times the running median.

    Only a stretch whose *median* is above the bar counts: half of its steps are then above it, whatever the
    largest was. At a training loss near zero large ratios of tiny gradients are normal, and not counted.
    """
    bursts = 0
    for position in range(2, len(curves.steps)):
        running = float(np.median(curves.median_gradient[1:position]))
        matters = curves.train_loss[position] > JUMP * prior.train_entropy
        bursts += bool(matters and running > 0 and curves.median_gradient[position] > 10 * running)
    return bursts


def standard_error(values: np.ndarray) -> float:
    """Standard error of the mean; infinite for a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")
