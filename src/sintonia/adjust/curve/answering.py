"""From what was measured to a fit with its band, and to the answer: would twice the examples gain two points?

Pure. Nothing is told beyond four times the examples that there are (science.md 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sintonia.adjust.curve.measured import Measured
from sintonia.adjust.curve.power_law import Laws, fit_many, fit_one
from sintonia.adjust.curve.subsets import LEAST_SIZES
from sintonia.metrics import METRICS
from sintonia.records import CurvePoint, Interval

Floats = NDArray[np.float64]
Answer = Literal["yes", "no", "can't tell"]
MOST_TIMES = 4
"""So many times the examples there are, at most, is anything told of."""
YES_FROM, NO_BELOW, ASKED = 0.03, 0.01, 0.02
"""Gains of twice the examples, in scores or as shares of a loss: from which on it is yes, below which no, and what is
asked about. Between the two nobody is told anything."""
_NUM_CURVES = 400
_TAILS = (0.05, 0.95)
_SURE = 0.95
"""Share of the curves drawn again that must lie on the same side of what is asked: the 90 % interval that is told does
not hold it then."""
_RISE = 0.005
_MISFIT, _MISFIT_SPREADS = 0.01, 3.0
_LEAST_OF_CLASS = 10
"""Scored examples of a class, below which an average over classes hangs on single answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A curve that was fitted, with those of the examples and draws drawn again."""

    measured: Measured
    num_train: int
    """The examples there are: the largest size, or more where some were held out."""
    errors: Floats
    """Of all draws together (sizes,)."""
    again: Floats
    """The same with examples and draws drawn again (curves, sizes)."""
    law: Laws
    laws: Laws

    @property
    def is_relative(self) -> bool:
        """Whether gains are shares of the error: of losses, which have no points."""
        return METRICS[self.measured.metric].unit != "points"

    def at(self, num_examples: float) -> Interval:
        """The error with so many examples, with its 90 % band.

        Raises:
            ValueError: that is more than four times the examples there are.
        """
        if num_examples > MOST_TIMES * self.num_train * (1 + 1e-9):
            raise ValueError(f"nothing is told beyond {MOST_TIMES} times the examples there are")
        return _interval(float(self.law.at(num_examples)[0]), self.laws.at(num_examples))

    def gains(self, times: float = 2.0) -> tuple[float, Floats]:
        """What so many times the examples gain: the fitted one, and those drawn again (curves,)."""
        values = []
        for laws in (self.law, self.laws):
            now, then = laws.at(self.num_train), laws.at(times * self.num_train)
            values.append((now - then) / np.maximum(now, 1e-12) if self.is_relative else now - then)
        return float(values[0][0]), values[1]

    def gain(self, times: float = 2.0) -> Interval:
        """The same as an interval of 90 %."""
        return _interval(*self.gains(times))

    def points(self) -> tuple[CurvePoint, ...]:
        """What was measured."""
        return tuple(
            CurvePoint(num_examples=round(size), error=_interval(value, again), num_draws=len(self.measured.draws))
            for size, value, again in zip(self.measured.sizes, self.errors, self.again.T, strict=True)
        )

    def band(self, num_points: int = 25) -> tuple[CurvePoint, ...]:
        """The fitted curve from the fewest examples to four times those there are."""
        sizes = np.geomspace(self.measured.sizes[0], MOST_TIMES * self.num_train, num_points)
        return tuple(CurvePoint(num_examples=round(size), error=self.at(size), num_draws=0) for size in sizes)


def _interval(value: float, again: Floats) -> Interval:
    low, high = np.quantile(again, _TAILS)
    return Interval(value=value, low=min(value, float(low)), high=max(value, float(high)))


def fit_curve(measured: Measured, num_train: int, seed: int = 0) -> Fitted:
    """A power law through the means of the draws, and through those of examples and draws drawn again.

    Raises:
        ValueError: there are less than four sizes.
    """
    sizes = measured.sizes
    if len(sizes) < LEAST_SIZES:
        raise ValueError(f"a curve needs {LEAST_SIZES} sizes, not {len(sizes)}")
    errors = measured.errors()[0]
    again = measured.drawn_again(_NUM_CURVES, seed)
    return Fitted(
        measured=measured,
        num_train=num_train,
        errors=errors,
        again=again,
        law=fit_one(sizes, errors, num_train),
        laws=fit_many(sizes, again, num_train),
    )


def answer_of(fitted: Fitted) -> tuple[Answer, str]:
    """Whether twice the examples gain two points (2 % of a loss), and why that cannot be told where it cannot."""
    strange = why_strange(fitted)
    if strange:
        return "can't tell", strange
    value, again = fitted.gains()
    is_above = float(np.mean(again >= ASKED))
    if value >= YES_FROM and is_above >= _SURE:
        return "yes", ""
    if value < NO_BELOW and 1 - is_above >= _SURE:
        return "no", ""
    if NO_BELOW <= value < YES_FROM:
        return "can't tell", "the gain is too near to what is asked about"
    return "can't tell", "too few examples were scored to be sure of it"


def why_strange(fitted: Fitted) -> str:
    """Why no law can be trusted with this curve; empty where it behaves."""
    rarest = fitted.measured.rarest
    if rarest is not None and rarest < _LEAST_OF_CLASS:
        return f"a class has only {rarest} scored examples, and counts as much as any other"
    unit = float(fitted.errors[-1]) if fitted.is_relative else 1.0
    rises = np.diff(fitted.errors)
    share_up = (np.diff(fitted.again, axis=1) > 0).mean(axis=0)
    if ((rises > _RISE * unit) & (share_up >= 1 - _TAILS[0])).any():
        return "with more examples it got worse on the way, so that the curve cannot be continued"
    half = len(fitted.errors) // 2  # what is told hangs on the larger sizes
    larger = fitted.measured.sizes[half:]
    missed = fitted.errors[half:] - np.array([float(fitted.law.at(size)[0]) for size in larger])
    noise = fitted.again[:, half:] - np.stack([fitted.laws.at(size) for size in larger], axis=1)
    if ((np.abs(missed) > _MISFIT * unit) & (np.abs(missed) > _MISFIT_SPREADS * noise.std(axis=0))).any():
        return "the measured points do not lie on a curve of the usual form"
    return ""
