"""From the validations during training to findings: a set, not one label (science.md 2.3).

It reads records and returns findings. It trains nothing, stops nothing and proposes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sintonia.adjust import axes as measure
from sintonia.adjust.axes import Curves, Prior
from sintonia.adjust.codes import make_finding
from sintonia.records import Evaluation, Finding
from sintonia.statistics.power import minimum_detectable_effect

LEAST_FIT = 0.15
"""Share of the training loss that a model which fits has at least removed."""
WELL_FITTED = 0.85
"""Share right in training from which a model surely fits."""
SMALL_START = 0.5
"""A head from the probe whose loss is below this share of guessing had little left to remove."""
LOW_UPDATE, HIGH_UPDATE = 1e-4, 0.05
"""Relative change of the weights in one step: below, nothing moves; above, all is overwritten."""
FEW_STEPS, TOO_FEW_TO_TELL = 100, 10
"""Optimizer steps that are few for any task; so few that the size of the updates says nothing."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One training, measured once for all rules."""

    curves: Curves
    prior: Prior
    resolved: Mapping[str, Any]
    num_broken: int
    """Evaluations with a loss or a norm that is not a number."""
    fit: float

    @property
    def guess(self) -> float:
        """H0t: the training loss of guessing."""
        return self.prior.train_entropy

    @property
    def rate(self) -> str:
        """The learning rate in words, when it is known."""
        rate = self.resolved.get("training.learning_rate")
        return f"learning rate {rate:g}" if isinstance(rate, (int, float)) else "the learning rate"

    @property
    def largest_update(self) -> float:
        """Largest relative change of the weights in one step."""
        return float(self.curves.update[1:].max())

    @property
    def is_improving(self) -> bool:
        """The validation loss is lowest at the end, still falls, and there is something left to fit."""
        curves = self.curves
        return curves.best == curves.last and measure.recent_fall(curves) > 0.02 and self.fit < 0.9


def diagnose(evaluations: tuple[Evaluation, ...], prior: Prior, resolved: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What the curves of one training show; empty when it is healthy.

    `evaluations` are in the order of training, step 0 first. `resolved` holds the settings used, by dotted
    name; only their numbers are quoted. Codes and hints are in `codes.py`.

    Raises:
        ValueError: the prior is not about the same validation examples.
    """
    if any(len(one.validation_losses) != len(prior.validation_losses) for one in evaluations):
        raise ValueError("the prior and the evaluations are about different validation examples")
    finite = tuple(one for one in evaluations if measure.is_finite(one))
    num_broken = len(evaluations) - len(finite)
    if len(finite) < 2:
        message = f"{num_broken} of {len(evaluations)} evaluations gave losses that are not numbers"
        return (make_finding("T201", message),) if num_broken else ()
    curves = measure.curves_of(finite)
    case = _Case(curves, prior, resolved, num_broken, measure.fit(curves, prior))
    rules = (_unstable, _underfit, _transfer, _rise, _gap, _unfinished)
    return tuple(finding for rule in rules for finding in rule(case))


def _unstable(case: _Case) -> Iterator[Finding]:
    """Not a number; a jump that was not recovered; overwriting updates; bursts of gradients."""
    curves, guess = case.curves, case.guess
    jump, position = measure.largest_jump(curves)
    has_jumped, end = jump > measure.JUMP * guess, float(curves.train_loss[-1])
    bursts = measure.gradient_bursts(curves, case.prior)
    reasons = []
    if case.num_broken:
        reasons.append(f"{case.num_broken} evaluations gave losses that are not numbers")
    if has_jumped and end > 0.6 * guess:
        reasons.append(
            f"the training loss jumped from {curves.train_loss[position - 1]:.2f} to "
            f"{curves.train_loss[position]:.2f} at step {curves.steps[position]} and ended at {end:.2f} "
            f"(guessing has {guess:.2f})"
        )
    is_poor = has_jumped or end > 0.6 * guess or _underfit_cause(case) is not None
    if is_poor and _is_overwriting(case):
        reasons.append(
            f"single steps changed the weights by up to {case.largest_update:.1%} "
            f"({case.rate}; 0.01 % to 1 % is usual) and the loss did not settle"
        )
    if bursts * 0.5 > 0.05 * curves.last:
        reasons.append(f"in {bursts} of {curves.last} stretches most gradients were over 10 times their usual size")
    if reasons:
        yield make_finding("T201", "; ".join(reasons))


def _underfit(case: _Case) -> Iterator[Finding]:
    """The training examples themselves were not learned; the code carries the cause."""
    curves, cause = case.curves, _underfit_cause(case)
    since = "of its loss at the start" if case.prior.start == "probe" else "of the loss of guessing"
    if cause is not None:
        code, number = cause
        yield make_finding(
            code,
            f"training removed only {max(case.fit, 0.0):.0%} {since}, and "
            f"{curves.train_metric[-1]:.0%} of the training examples are right; "
            f"{number}",
        )
    elif _hardly_moved(case):
        yield make_finding(
            "T214",
            f"no step changed them by more than {case.largest_update:.4%} "
            f"({case.rate}), and the training loss went from "
            f"{curves.train_loss[0]:.3f} to {curves.train_loss[-1]:.3f}",
        )


def _underfit_cause(case: _Case) -> tuple[str, str] | None:
    """Why the training examples were not learned: a code and its number. None when they were."""
    curves, update = case.curves, case.largest_update
    if case.fit >= LEAST_FIT or _had_little_left(case):
        return None
    usual, num_steps = f"{case.rate}; 0.01 % to 1 % is usual", int(curves.steps[-1])
    short = ("T203", f"there were only {num_steps} steps ({curves.epochs[-1]:.2g} epochs)")
    if num_steps < TOO_FEW_TO_TELL:
        return short
    if _is_overwriting(case):
        return "T204", f"a step changed the weights by up to {update:.1%} ({usual}); the loss did not settle"
    if update < LOW_UPDATE and measure.is_smooth(curves, case.prior):
        return "T202", f"no step changed the weights by more than {update:.4%} ({usual}); the loss is smooth"
    if num_steps < FEW_STEPS or case.is_improving:
        return short
    if measure.is_stuck(curves, case.prior):
        return "T205", f"the loss stayed at {curves.train_loss[-1]:.2f}, and guessing has {case.guess:.2f}"
    return "T206", f"after {num_steps} steps the loss is still {curves.train_loss[-1]:.2f}"


def _is_overwriting(case: _Case) -> bool:
    """Updates so large that the loss is noisy, goes nowhere, or is stuck where guessing is."""
    curves, prior = case.curves, case.prior
    is_settling = measure.is_smooth(curves, prior) and measure.has_fallen(curves, prior)
    return case.largest_update > HIGH_UPDATE and (not is_settling or measure.is_stuck(curves, prior))


def _had_little_left(case: _Case) -> bool:
    """A head from the probe fitted already: that training removed little is then no fault."""
    if case.prior.start != "probe":
        return False
    loss = case.curves.train_loss
    has_small_start = loss[0] <= SMALL_START * case.guess and loss[-1] <= loss[0]
    return bool(case.curves.train_metric[-1] >= WELL_FITTED or has_small_start)


def _hardly_moved(case: _Case) -> bool:
    loss = case.curves.train_loss
    is_same = abs(loss[-1] - loss[0]) < 0.02 * loss[0]
    return bool(case.prior.start == "probe" and case.largest_update < LOW_UPDATE and is_same)


def _transfer(case: _Case) -> Iterator[Finding]:
    """Nothing learned that holds for validation, or too few examples to say so."""
    found = measure.transfer(case.curves, case.prior)
    if found.learned:
        return
    count = len(case.prior.validation_losses)
    guess_loss = float(np.mean(case.prior.validation_losses))
    evidence = (
        f"on {count} validation examples the loss is {guess_loss - found.gain:.2f}, with guessing {guess_loss:.2f}"
    )
    if found.gain + 1.64 * found.error >= 0.10 * guess_loss:
        effect = minimum_detectable_effect(max(found.disagreement, 1 / count), count, 0.05)
        yield make_finding("T208", f"{evidence}; only a gain of {100 * effect:.0f} points or more could be proven")
        return
    removed = 1 - float(case.curves.train_loss.min()) / max(case.guess, 1e-12)
    if removed > 0.5:
        evidence += f", although training removed {removed:.0%} of the training loss: memorised"
    elif case.fit < LEAST_FIT:
        evidence += "; the training examples were not learned either, answer that first"
    yield make_finding("T207", evidence)


def _rise(case: _Case) -> Iterator[Finding]:
    """Validation loss provably up while training loss went down: the metric decides what that means."""
    curves, size = case.curves, measure.rise(case.curves, case.prior)
    if not size:
        return
    low, high = curves.validation_loss[curves.best], curves.validation_loss[-1]
    evidence = (
        f"the validation loss rose from {low:.2f} at step {curves.steps[curves.best]} to {high:.2f} "
        f"at step {curves.steps[-1]} while the training loss fell to {curves.train_loss[-1]:.2f}"
    )
    drop, p_value = measure.metric_drop(curves)
    if drop >= 0.01 and p_value < 0.05:
        top = curves.steps[int(np.argmax(curves.metric))]
        yield make_finding("T209", f"{evidence}; the metric is {100 * drop:.1f} points under its best, at step {top}")
    else:
        yield make_finding(
            "T210", f"{evidence}; the metric ended at {curves.metric[-1]:.3f}, its best is {curves.metric.max():.3f}"
        )


def _gap(case: _Case) -> Iterator[Finding]:
    """Training examples known by heart, new ones much less: limited by data, not by time."""
    size, low = measure.gap(case.curves)
    seen = float(case.curves.train_metric[-1])
    if seen >= WELL_FITTED and low > 0.10:
        yield make_finding(
            "T211",
            f"{seen:.0%} of the training examples are right but only "
            f"{seen - size:.0%} of the validation examples, a gap of {100 * size:.0f} "
            f"points (at least {100 * low:.0f})",
        )


def _unfinished(case: _Case) -> Iterator[Finding]:
    """Training ended while there was more to gain. Too few steps says that by itself."""
    curves = case.curves
    cause = _underfit_cause(case)
    if case.is_improving and (cause is None or cause[0] != "T203"):
        yield make_finding(
            "T212",
            f"the validation loss fell by another {measure.recent_fall(curves):.0%} "
            f"over the last quarter, to {curves.validation_loss[-1]:.2f} at step "
            f"{curves.steps[-1]}",
        )
    if curves.epochs[-1] < 0.99 and curves.best == curves.last:
        yield make_finding("T213", f"training ended after {curves.epochs[-1]:.2f} epochs ({curves.steps[-1]} steps)")
