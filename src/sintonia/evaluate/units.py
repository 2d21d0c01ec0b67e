"""How the scores of a metric are said: as shares and points, as bits per byte, or as they are. It knows no outcome."""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.metrics import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Numbers of one metric in words; decimals are added where fewer would make a claim."""

    factor: float
    decimals: int
    noun: str
    limits: tuple[float, ...]
    """Scores that are claims: never to be rounded to."""
    tells_apart: bool = False
    """Whether the ends of an interval get as many decimals as it takes for them to differ."""

    @property
    def whole(self) -> str:
        """What a score is a part of: ` out of 100` for points."""
        return " out of 100" if self.factor == 100 else f" {self.noun}".rstrip()

    def score(self, value: float) -> str:
        """A score without its unit: more decimals only where fewer would claim a perfect or an empty one."""
        decimals = self.decimals
        claims = [round(self.factor * limit, 9) for limit in self.limits]
        while decimals < 4 and value not in self.limits and float(f"{self.factor * value:.{decimals}f}") in claims:
            decimals += 1
        return f"{self.factor * value:.{decimals}f}"

    def differences(self, *values: float) -> tuple[str, ...]:
        """Signed differences without their unit: more decimals only where fewer would make one look like zero."""
        decimals = self.decimals
        nonzero = [self.factor * value for value in values if abs(value) > 1e-9]
        while decimals < 4 and any(float(f"{size:.{decimals}f}") == 0 for size in nonzero):
            decimals += 1
        while self.tells_apart and decimals < 4 and len(self._rounded(values, decimals)) < len(set(values)):
            decimals += 1
        signed = [f"{self.factor * value:+.{decimals}f}" for value in values]
        return tuple(text[1:] if float(text) == 0 else text for text in signed)

    def _rounded(self, values: tuple[float, ...], decimals: int) -> set[str]:
        return {f"{self.factor * value:.{decimals}f}" for value in values}

    def interval(self, low: float, high: float, value: float) -> str:
        """The two ends of the interval of a difference, plus signs left out."""
        _, *ends = self.differences(value, low, high)
        return " to ".join(end.removeprefix("+") for end in ends)

    def size(self, difference: float) -> str:
        """The size of a difference with its unit: `1.0 points`, `0.02 bits per byte`."""
        return f"{self.differences(difference)[0].removeprefix('+')} {self.noun}".rstrip()


POINTS = Unit(factor=100.0, decimals=1, noun="points", limits=(0.0, 1.0))
BITS = Unit(factor=1.0, decimals=2, noun="bits per byte", limits=(0.0,), tells_apart=True)

NATS = Unit(factor=1.0, decimals=3, noun="nats", limits=(0.0,), tells_apart=True)
PLAIN = Unit(factor=1.0, decimals=3, noun="", limits=(), tells_apart=True)
_UNITS = {"points": POINTS, "bits per byte": BITS, "nats": NATS, "plain": PLAIN}


def unit_of(metric: Metric) -> Unit:
    """The unit of a metric's scores."""
    return _UNITS[metric.unit]
