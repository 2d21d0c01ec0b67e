"""Would more data help, and where are examples missing? Pure: arrays and records in, one record out.

It trains nothing and reads nothing: `corridor/growing` measures, and asks here what the figures mean (science.md 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sintonia.adjust.curve.answering import MOST_TIMES, Fitted, answer_of, fit_curve
from sintonia.adjust.curve.measured import Draw, Measured, measure_in_words
from sintonia.adjust.curve.missing import Scored, find_missing
from sintonia.adjust.curve.subsets import least_size, nested_subsets, sizes_for, spread_over_folds
from sintonia.adjust.curve.telling import Known, advice_of, told_answer, told_curve, told_goal
from sintonia.metrics import METRICS
from sintonia.records import LearningCurve, Shortfall

__all__ = [
    "MOST_TIMES",
    "Asked",
    "Draw",
    "Fitted",
    "Known",
    "Measured",
    "Scored",
    "answer_of",
    "find_missing",
    "fit_curve",
    "learning_curve",
    "least_size",
    "nested_subsets",
    "sizes_for",
    "spread_over_folds",
    "too_few",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a curve is of, and what is asked besides."""

    subject: Literal["probe", "fine-tune"]
    metric: str
    num_train: int
    num_validation: int
    known: Known
    missing: Sequence[Shortfall] = ()
    goal: float | None = None
    """A score of the metric."""
    seconds: float = 0.0

    @property
    def is_chat(self) -> bool:
        """Whether there are conversations, and no labels."""
        return self.metric == "bits_per_byte"


def learning_curve(measured: Measured, asked: Asked) -> LearningCurve:
    """The curve through what was measured, with its answer in words.

    Raises:
        ValueError: there are less than four sizes.
    """
    fitted = fit_curve(measured, asked.num_train)
    answer, why = answer_of(fitted)
    goal = () if asked.goal is None else (told_goal(fitted, asked.goal),)
    law = fitted.law
    return LearningCurve(
        subject=asked.subject,
        metric=asked.metric,
        measure=measure_in_words(METRICS[asked.metric]),
        is_relative=fitted.is_relative,
        num_train=asked.num_train,
        num_validation=asked.num_validation,
        points=fitted.points(),
        floor=float(law.floor[0]),
        scale=float(law.scale[0]),
        exponent=float(law.exponent[0]),
        band=fitted.band(),
        gain=fitted.gain(),
        answer=answer,
        told=(
            told_answer(fitted, answer, why),
            *goal,
            *told_curve(fitted, asked.subject),
            *_about_tuned(fitted, asked),
        ),
        advice=advice_of(answer, asked.known, asked.missing, is_chat=asked.is_chat),
        missing=tuple(asked.missing),
        seconds=asked.seconds,
    )


def _about_tuned(fitted: Fitted, asked: Asked) -> tuple[str, ...]:
    """Where the probe stands and where the tuned model, so that nobody takes one for the other."""
    tuned, rule = asked.known.tuned, METRICS[asked.metric]
    if asked.subject != "probe" or tuned is None:
        return ()
    now = float(fitted.at(asked.num_train).value)
    probe = rule.range[1] - now if rule.higher_is_better else now
    unit, factor = ("%", 100) if rule.unit == "points" else ("", 1)
    return (
        f"the probe stands at {factor * probe:.3g}{unit} {rule.title} with what there is, the tuned model at "
        f"{factor * tuned:.3g}{unit} on validation: what tuning itself gains from more examples, --fine-tune measures",
    )


def too_few(asked: Asked, num_labels: int) -> LearningCurve:
    """The answer where there are too few examples for four sizes."""
    least = least_size(num_labels)
    why = (
        f"CAN'T TELL: a curve needs four sizes from {least:,} examples on (two of each label, and 40 at least), so "
        f"{4 * least:,} training examples and some that are held out; there are {asked.num_train:,}"
    )
    return LearningCurve(
        subject=asked.subject,
        metric=asked.metric,
        measure=measure_in_words(METRICS[asked.metric]),
        is_relative=METRICS[asked.metric].unit != "points",
        num_train=asked.num_train,
        num_validation=asked.num_validation,
        points=(),
        floor=None,
        scale=None,
        exponent=None,
        band=(),
        gain=None,
        answer="can't tell",
        told=(why,),
        advice=advice_of("can't tell", asked.known, asked.missing, is_chat=asked.is_chat),
        missing=tuple(asked.missing),
        seconds=asked.seconds,
    )
