"""Why the training examples were not learned: one training, measured once, and the cause as a code and its number.

A classifier has learned when a good share of the loss of guessing is gone. A language model that goes on from its base
has no such share: how low its loss could go, nobody knows, and a good base is near that already. There only a fall of
the training loss or a gain on validation that is proven shows that something was learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sintonia.adjust import axes as measure
from sintonia.adjust.axes import Curves, Prior

LEAST_FIT = 0.15
"""Share of the training loss that a model which fits has at least removed."""
WELL_FITTED = 0.85
"""Share right in training from which a model surely fits."""
SMALL_START = 0.5
"""A head from the probe whose loss is below this share of guessing had little left to remove."""
LOW_UPDATE, HIGH_UPDATE = 1e-4, 0.05
"""Relative change of the weights in one step: below, nothing moves; above, all is overwritten."""
LOW_UPDATE_FROM_BASE = 3e-4
"""The first for all weights of a language model, whose loss moves a little at any rate."""
LOW_UPDATE_ADAPTER, HIGH_UPDATE_ADAPTER = 1e-3, 0.1
"""The same for adapters: their weights are small, and change by 1 % to 4 % in a step at the usual rate."""
MANY_EMPTY = 0.1
"""Share of conversations without a learned token that says the mask, or the template, is broken; set by hand."""
LABEL_LEVEL = 0.05
"""Level of the test of D110, whether labels can be predicted at all."""
FEW_STEPS, TOO_FEW_TO_TELL = 100, 10
"""Optimizer steps that are few for any task; so few that the size of the updates says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of the data besides the curves: it tells labels that cannot be learned from weights that do not."""

    label_p_value: float | None = None
    """That a simple model on the frozen base predicts shuffled labels as well (D110); None where nobody asked."""
    empty_fraction: float = 0.0
    """Share of the conversations of which nothing is learned (D134)."""


NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True)
class Case:
    """One training, measured once for all rules."""

    curves: Curves
    prior: Prior
    resolved: Mapping[str, Any]
    num_broken: int
    """Evaluations with a loss or a norm that is not a number."""
    fit: float
    evidence: Evidence = NO_EVIDENCE

    @property
    def guess(self) -> float:
        """H0t: the training loss of guessing, or of the base."""
        return self.prior.train_entropy

    @property
    def is_from_base(self) -> bool:
        """Whether a language model goes on from what it knows."""
        return self.prior.start == "base"

    @property
    def begins_fitted(self) -> bool:
        """Whether a head alone is trained, and begins as the probe: it has learned before the first step."""
        return self.prior.start == "probe" and self.resolved.get("method") == "head"

    @property
    def guessing(self) -> str:
        """What `guess` is the loss of, in words."""
        return "the base" if self.is_from_base else "guessing"

    @property
    def rate(self) -> str:
        """The learning rate in words, when it is known."""
        rate = self.resolved.get("training.learning_rate")
        return f"learning rate {rate:g}" if isinstance(rate, (int, float)) else "the learning rate"

    @property
    def usual(self) -> str:
        """The learning rate, and how much a step usually changes the weights."""
        share = "0.5 % to 5 %" if self._has_adapters else "0.05 % to 1 %" if self.is_from_base else "0.01 % to 1 %"
        return f"{self.rate}; {share} is usual"

    @property
    def low_update(self) -> float:
        """Relative change in a step below which nothing moves."""
        if self._has_adapters:
            return LOW_UPDATE_ADAPTER
        return LOW_UPDATE_FROM_BASE if self.is_from_base else LOW_UPDATE

    @property
    def high_update(self) -> float:
        """Relative change in a step above which all is overwritten, if the loss does not settle."""
        return HIGH_UPDATE_ADAPTER if self._has_adapters else HIGH_UPDATE

    @property
    def _has_adapters(self) -> bool:
        return self.resolved.get("method") == "lora"

    @property
    def largest_update(self) -> float:
        """Largest relative change of the weights in one step."""
        return float(self.curves.update[1:].max())

    @property
    def largest_update_in_words(self) -> str:
        """`1.2 % at step 40 (learning rate 0.001; 0.01 % to 1 % is usual)`."""
        position = 1 + int(self.curves.update[1:].argmax())
        return f"{self.largest_update:.2%} at step {self.curves.steps[position]} ({self.usual})"

    @property
    def is_improving(self) -> bool:
        """The validation loss is lowest at the end, still falls, and there is something left to fit."""
        curves = self.curves
        return curves.best == curves.last and measure.recent_fall(curves) > 0.02 and self.fit < 0.9


def underfit_cause(case: Case) -> tuple[str, str] | None:
    """Why the training examples were not learned: a code and its number. None when they were."""
    if case.fit >= LEAST_FIT:
        return None
    return _cause_from_base(case) if case.is_from_base else _cause(case)


def _cause(case: Case) -> tuple[str, str] | None:
    """Of a classifier that removed little of the loss of guessing."""
    curves, num_steps = case.curves, int(case.curves.steps[-1])
    if _had_little_left(case):
        return None
    if num_steps < TOO_FEW_TO_TELL:
        return _too_short(case)
    if is_overwriting(case):
        return _too_fast(case)
    if _is_too_slow(case):
        return _too_slow(case)
    is_short = num_steps < FEW_STEPS or case.is_improving
    if is_short and case.begins_fitted:
        return None  # what is still to be gained is told as that (T212)
    if is_short:
        return _too_short(case)
    if measure.is_stuck(curves, case.prior):
        return _stuck(case)
    return "T206", f"after {num_steps} steps the loss is still {curves.train_loss[-1]:.2f}"


def _cause_from_base(case: Case) -> tuple[str, str] | None:
    """Of a language model whose training loss is little under that of the base."""
    curves, num_steps = case.curves, int(case.curves.steps[-1])
    rise = float(curves.train_loss[-1]) / max(case.guess, 1e-12) - 1
    if num_steps < TOO_FEW_TO_TELL and rise <= measure.JUMP:
        return _too_short(case)
    if rise > measure.NOISE or is_overwriting(case):
        return _too_fast(case)
    if curves.train_metric[-1] >= WELL_FITTED:
        return None
    if _is_too_slow(case):
        return _too_slow(case)
    if measure.has_fallen_beyond_chance(curves) or measure.transfer(curves, case.prior).learned:
        return None
    if num_steps < FEW_STEPS or case.is_improving:
        return _too_short(case)
    if measure.is_stuck(curves, case.prior):
        return _stuck(case)
    return "T206", f"after {num_steps} steps the loss is still {curves.train_loss[-1]:.2f}"


def is_overwriting(case: Case) -> bool:
    """Updates so large that the loss is noisy, goes nowhere, or is stuck where guessing is."""
    curves, prior = case.curves, case.prior
    is_settling = measure.is_smooth(curves, prior) and measure.has_fallen(curves, prior)
    return case.largest_update > case.high_update and (not is_settling or measure.is_stuck(curves, prior))


def has_hardly_moved(case: Case) -> bool:
    """The weights stayed where they started, and that was good already."""
    loss = case.curves.train_loss
    is_same = abs(loss[-1] - loss[0]) < 0.02 * loss[0]
    return bool(case.prior.start != "random" and case.largest_update < case.low_update and is_same)


def _had_little_left(case: Case) -> bool:
    """A head from the probe fitted already: that training removed little is then no fault."""
    if case.prior.start != "probe":
        return False
    loss = case.curves.train_loss
    has_small_start = loss[0] <= SMALL_START * case.guess and loss[-1] <= loss[0]
    return bool(case.curves.train_metric[-1] >= WELL_FITTED or has_small_start)


def _is_too_slow(case: Case) -> bool:
    return case.largest_update < case.low_update and measure.is_smooth(case.curves, case.prior)


def _too_short(case: Case) -> tuple[str, str]:
    steps, epochs = int(case.curves.steps[-1]), case.curves.epochs[-1]
    return "T203", f"there were only {in_words(steps, 'step')} ({in_words(epochs, 'epoch')})"


def in_words(count: float, noun: str) -> str:
    """A number of steps or epochs as people say it.

    >>> in_words(1, "step"), in_words(5.94, "epoch"), in_words(120.02, "epoch"), in_words(0.016, "epoch")
    ('1 step', '5.9 epochs', '120 epochs', '0.02 epochs')
    """
    told = f"{count:,.2f}" if count < 1 else f"{count:,.1f}".removesuffix(".0")
    return f"{told} {noun}{'' if told == '1' else 's'}"


def _too_fast(case: Case) -> tuple[str, str]:
    update = f"a step changed the weights by up to {case.largest_update_in_words}"
    return "T204", f"{update}; the loss did not settle: {_ways(case)}"


def _too_slow(case: Case) -> tuple[str, str]:
    return "T202", (
        f"in {in_words(int(case.curves.steps[-1]), 'step')} none changed the weights by more than "
        f"{case.largest_update:.4%} ({case.usual}); the loss is smooth: {_ways(case)}"
    )


def _ways(case: Case) -> str:
    """`2.30 at step 0, 2.29 at step 200`."""
    curves = case.curves
    return (
        f"{curves.train_loss[0]:.2f} at step {curves.steps[0]}, {curves.train_loss[-1]:.2f} at step {curves.steps[-1]}"
    )


def _stuck(case: Case) -> tuple[str, str]:
    """The loss stays where guessing is: of labels that nothing predicts, or of weights that cannot follow them."""
    half, evidence = int(case.curves.steps[len(case.curves.steps) // 2]), case.evidence
    loss = (
        f"from step {half} to step {case.curves.steps[-1]} the loss stayed at {case.curves.train_loss[-1]:.2f}, and "
        f"{case.guessing} has {case.guess:.2f}"
    )
    if evidence.empty_fraction >= MANY_EMPTY:
        return "T205", f"{loss}; of {evidence.empty_fraction:.0%} of the examples nothing is learned (D134)"
    p_value = evidence.label_p_value
    if p_value is None:
        return "T205", f"{loss}; whether the targets or the trained weights are the reason, the curves do not tell"
    if p_value > LABEL_LEVEL:
        simple = f"a simple model on the frozen base finds nothing in the labels either (p = {p_value:.2f})"
        return "T205", f"{loss}; {simple}: the labels are the reason, not the training"
    simple = f"a simple model on the frozen base does predict the labels (p = {p_value:.2f})"
    return "T206", f"{loss}; {simple}, so it is the trained weights that cannot follow, and not the labels"
