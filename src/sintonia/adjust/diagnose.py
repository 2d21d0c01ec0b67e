"""From the validations during training to findings: a set, not one label (science.md 2.3).

It reads records and returns findings. It trains nothing, stops nothing and proposes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sintonia.adjust import axes as measure
from sintonia.adjust.axes import Prior
from sintonia.adjust.causes import (
    LEAST_FIT,
    NO_EVIDENCE,
    TOO_FEW_TO_TELL,
    WELL_FITTED,
    Case,
    Evidence,
    has_hardly_moved,
    in_words,
    is_overwriting,
    underfit_cause,
)
from sintonia.adjust.codes import make_finding
from sintonia.metrics import METRICS
from sintonia.records import Evaluation, Finding
from sintonia.statistics.power import minimum_detectable_effect

USEFUL_GAIN, USEFUL_GAIN_OVER_BASE = 0.10, 0.05
"""Share of the loss of guessing, or of the base, that would be worth having."""
MOST_NEEDED = 100_000
"""More validation examples than that are told as too many."""


def diagnose(
    evaluations: tuple[Evaluation, ...],
    prior: Prior,
    resolved: Mapping[str, Any],
    spikes: tuple[str, ...] = (),
    evidence: Evidence = NO_EVIDENCE,
) -> tuple[Finding, ...]:
    """What the curves of one training show; empty when it is healthy.

    `evaluations` are in the order of training, step 0 first. `resolved` holds the settings used, by dotted
    name: `training.learning_rate` is quoted, `method` tells how much a step usually changes, and
    `evaluation.primary_metric` what the metric is. `spikes` are the losses that jumped, in words; `evidence` is
    what the audit knows of the data. Codes and hints are in `codes.py`.

    Raises:
        ValueError: the prior is not about the same validation examples.
    """
    if any(len(one.validation_losses) != len(prior.validation_losses) for one in evaluations):
        raise ValueError("the prior and the evaluations are about different validation examples")
    jumps = (make_finding("T215", "; ".join(spikes), count=len(spikes)),) if spikes else ()
    finite = tuple(one for one in evaluations if measure.is_finite(one))
    num_broken = len(evaluations) - len(finite)
    if len(finite) < 2:
        first = next((f", the first at step {one.step}" for one in evaluations if not measure.is_finite(one)), "")
        message = f"{num_broken} of {len(evaluations)} evaluations gave losses that are not numbers{first}"
        return (*((make_finding("T201", message),) if num_broken else ()), *jumps)
    curves = measure.curves_of(finite, _metric_name(resolved))
    case = Case(curves, prior, resolved, num_broken, measure.fit(curves, prior), evidence)
    rules = (_unstable, _underfit, _transfer, _rise, _gap, _unfinished)
    found = (make_finding(code, text, is_chat=case.is_from_base) for rule in rules for code, text in rule(case))
    return (*found, *jumps)


def _metric_name(resolved: Mapping[str, Any]) -> str:
    return str(resolved.get("evaluation.primary_metric", "accuracy"))


def _unstable(case: Case) -> Iterator[tuple[str, str]]:
    """Not a number; a jump that was not recovered; overwriting updates; bursts of gradients."""
    curves, guess = case.curves, case.guess
    jump, position = measure.largest_jump(curves)
    has_jumped, end = jump > measure.JUMP * guess, float(curves.train_loss[-1])
    lowest_before = float(curves.train_loss[:position].min())
    poor_end = lowest_before + measure.JUMP * guess / 2 if case.is_from_base else 0.6 * guess
    bursts = measure.gradient_bursts(curves, case.prior)
    reasons = []
    if case.num_broken:
        reasons.append(
            f"{case.num_broken} evaluations gave losses that are not numbers, and step {curves.steps[-1]} the last "
            "that are"
        )
    if has_jumped and end > poor_end:
        reasons.append(
            f"the training loss jumped from {curves.train_loss[position - 1]:.2f} to "
            f"{curves.train_loss[position]:.2f} at step {curves.steps[position]} and ended at {end:.2f} "
            f"({case.guessing} has {guess:.2f})"
        )
    is_high = end > (guess if case.is_from_base else 0.6 * guess)
    if (has_jumped or is_high or underfit_cause(case) is not None) and is_overwriting(case):
        reasons.append(
            f"single steps changed the weights by up to {case.largest_update_in_words} and the loss did not settle"
        )
    if bursts * 0.5 > 0.05 * curves.last:
        reasons.append(f"in {bursts} of {curves.last} stretches most gradients were over 10 times their usual size")
    if reasons:
        yield "T201", "; ".join(reasons)


def _underfit(case: Case) -> Iterator[tuple[str, str]]:
    """The training examples themselves were not learned; the code carries the cause."""
    curves, cause = case.curves, underfit_cause(case)
    since = {
        "probe": "of its loss at the start",
        "random": "of the loss of guessing",
        "base": "of the loss of the base",
    }
    if cause is not None:
        code, number = cause
        yield (
            code,
            f"training removed only {max(case.fit, 0.0):.0%} {since[case.prior.start]}, and "
            f"{curves.train_metric[-1]:.0%} of the training examples are {_right(case)}; {number}",
        )
    elif has_hardly_moved(case):
        yield (
            "T214",
            f"in {in_words(int(curves.steps[-1]), 'step')} none changed them by more than {case.largest_update:.4%} "
            f"({case.rate}), and the training loss went from {curves.train_loss[0]:.3f} to {curves.train_loss[-1]:.3f}",
        )


_WORDS_OF_RIGHT = {
    "preference_accuracy": "judged rightly",
    "ndcg_at_10": "found first",
    "recall_at_1": "found first",
    "recall_at_10": "found first",
    "spearman": "near enough",
}
"""What right means of answers that are neither labels nor texts, by the metric."""


def _right(case: Case) -> str:
    name = _metric_name(case.resolved)
    if name in _WORDS_OF_RIGHT:
        return _WORDS_OF_RIGHT[name]
    return "answered word for word" if case.is_from_base else "right"


def _transfer(case: Case) -> Iterator[tuple[str, str]]:
    """Nothing learned that holds for validation, or too few examples to say so."""
    found = measure.transfer(case.curves, case.prior)
    count = len(case.prior.validation_losses)
    guess_loss = float(np.mean(case.prior.validation_losses))
    removed = 1 - float(case.curves.train_loss.min()) / max(case.guess, 1e-12)
    if found.learned and not (removed > 0.5 and _is_manner_only(case, found, guess_loss)):
        return
    evidence = (
        f"on {count} validation examples the loss is {guess_loss - found.gain:.2f} at its best (step "
        f"{case.curves.steps[case.curves.best]}), "
        f"{'that of the base' if case.is_from_base else 'with guessing'} {guess_loss:.2f}"
    )
    useful = USEFUL_GAIN_OVER_BASE if case.is_from_base else USEFUL_GAIN
    if not found.learned and found.gain + 1.64 * found.error >= useful * guess_loss:
        yield "T208", f"{evidence}; only {_provable(case, found)} or more could be proven{_would_decide(case, found)}"
        return
    if removed > 0.5:
        evidence += f", although training removed {removed:.0%} of the training loss: memorised"
        evidence += "; so small a gain comes from how answers look" if found.learned else ""
    elif case.fit < LEAST_FIT and underfit_cause(case) is not None:
        evidence += "; the training examples were not learned either, answer that first"
    yield "T207", evidence


def _is_manner_only(case: Case, found: measure.Transfer, base_loss: float) -> bool:
    """A language model learns a little from any answers, namely how they look, and by luck gets a few right."""
    is_trace = found.gain < USEFUL_GAIN_OVER_BASE * base_loss
    return case.is_from_base and is_trace and not measure.has_more_right(case.curves, case.prior)


def _provable(case: Case, found: measure.Transfer) -> str:
    """The smallest gain that this many validation examples could have shown."""
    count = len(case.prior.validation_losses)
    if case.is_from_base or not METRICS[_metric_name(case.resolved)].higher_is_better:
        share = 2.8 * found.error / max(float(np.mean(case.prior.validation_losses)), 1e-12)
        return f"a fall of the loss by {share:.0%}"
    effect = minimum_detectable_effect(max(found.disagreement, 1 / count), count, 0.05)
    return f"a gain of {100 * effect:.0f} points"


def _would_decide(case: Case, found: measure.Transfer) -> str:
    """How many validation examples would prove a gain of the size that is seen; nothing where none is seen."""
    if found.gain <= 0 or not np.isfinite(found.error):
        return ""
    count = len(case.prior.validation_losses)
    needed = max(int(np.ceil(count * (2.8 * found.error / found.gain) ** 2)), count + 1)
    shown = f"{float(f'{needed:.2g}'):,.0f}" if needed <= MOST_NEEDED else f"more than {MOST_NEEDED:,}"
    return f"; to prove the one that is seen, about {shown} validation examples would be needed"


def _rise(case: Case) -> Iterator[tuple[str, str]]:
    """Validation loss provably up while training loss went down: the answers decide what that means.

    Where the metric only measures losses, and no more answers are right than before training, the rise is what
    matters.
    """
    curves, size = case.curves, measure.rise(case.curves, case.prior)
    if not size:
        return
    low, high = curves.validation_loss[curves.best], curves.validation_loss[-1]
    evidence = (
        f"the validation loss rose from {low:.2f} at step {curves.steps[curves.best]} to {high:.2f} "
        f"at step {curves.steps[-1]} while the training loss fell to {curves.train_loss[-1]:.2f}"
    )
    has_answers = METRICS[_metric_name(case.resolved)].higher_is_better
    metric = "the metric" if has_answers else "the share of answers that are right word for word"
    drop, p_value = measure.metric_drop(curves)
    if not has_answers and not measure.has_more_right(curves, case.prior):
        yield "T209", f"{evidence}; the metric follows that loss, and no more answers are right than the base has"
    elif drop >= 0.01 and p_value < 0.05:
        top = curves.steps[int(np.argmax(curves.metric))]
        yield "T209", f"{evidence}; {metric} is {100 * drop:.1f} points under its best, at step {top}"
    else:
        yield "T210", f"{evidence}; {metric} ended at {curves.metric[-1]:.3f}, its best is {curves.metric.max():.3f}"


def _gap(case: Case) -> Iterator[tuple[str, str]]:
    """Training examples known by heart, new ones much less: limited by data, not by time.

    Where hardly anything was trained, the gap was there before: it is that of the head's start.
    """
    if has_hardly_moved(case) or case.curves.steps[-1] < TOO_FEW_TO_TELL:
        return
    size, low = measure.gap(case.curves)
    seen = float(case.curves.train_metric[-1])
    if seen >= WELL_FITTED and low > 0.10:
        yield (
            "T211",
            f"{seen:.0%} of the training examples are {_right(case)} but only "
            f"{seen - size:.0%} of the validation examples, a gap of {100 * size:.0f} "
            f"points (at least {100 * low:.0f}), at step {case.curves.steps[-1]}",
        )
    elif case.is_from_base:
        yield from _gap_of_losses(case)


def _gap_of_losses(case: Case) -> Iterator[tuple[str, str]]:
    """The same of long answers, which are hardly ever right word for word."""
    size, low = measure.loss_gap(case.curves, case.prior)
    removed = 1 - float(case.curves.train_loss[-1]) / max(case.guess, 1e-12)
    if removed >= WELL_FITTED and low > 0.25:
        yield (
            "T211",
            f"by step {case.curves.steps[-1]} training removed {removed:.0%} of the loss of the base on its own "
            f"examples but only {removed - size:.0%} on the validation examples",
        )


def _unfinished(case: Case) -> Iterator[tuple[str, str]]:
    """Training ended while there was more to gain. Too few steps says that by itself."""
    curves = case.curves
    cause = underfit_cause(case)
    if case.is_improving and (cause is None or cause[0] != "T203"):
        yield (
            "T212",
            f"the validation loss fell by another {measure.recent_fall(curves):.0%} "
            f"over the last quarter, to {curves.validation_loss[-1]:.2f} at step "
            f"{curves.steps[-1]}",
        )
    if curves.epochs[-1] < 0.99 and curves.best == curves.last:
        steps, epochs = in_words(int(curves.steps[-1]), "step"), in_words(float(curves.epochs[-1]), "epoch")
        yield "T213", f"training ended after {epochs} ({steps})"
