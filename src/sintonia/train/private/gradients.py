"""Gradients of single units, cut to a length and added up: the plain way, one after the other, for any learner.

A unit is a row, or all rows of a group, whose gradient is the mean over them. No noise is added here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

Units = Sequence[Sequence[int]]
"""Of each unit the positions of its rows."""
Sums = dict[str, Tensor]
"""By the name of the weight."""


class Clipping(Protocol):
    """A way to get the sum of the cut gradients of units."""

    def clipped(self, units: Units, clip_norm: float, sums: Sums) -> float:
        """Adds the cut gradient of each unit to `sums`; the sum of their losses, NaN when one is not finite."""


def clip_factors(norms: Tensor, clip_norm: float) -> Tensor:
    """What gradients of these lengths are multiplied with, so that none is longer than that."""
    return (clip_norm / norms.clamp_min(1e-12)).clamp_max(1.0)


def length_of(gradients: Iterable[Tensor]) -> float:
    """The length of all of them as one vector, in float64."""
    return math.sqrt(sum(float(one.double().square().sum()) for one in gradients))


class ByLoop:
    """One unit after the other: right by construction, which every faster way must equal."""

    def __init__(self, learner: Any) -> None:
        self.learner = learner

    def clipped(self, units: Units, clip_norm: float, sums: Sums) -> float:
        total = 0.0
        for gradients, loss in self._each(units):
            length = length_of(gradients.values())
            if not math.isfinite(loss) or not math.isfinite(length):
                return float("nan")
            factor = min(1.0, clip_norm / max(length, 1e-12))
            for name, one in gradients.items():
                sums[name].add_(one, alpha=factor)
            total += loss
        return total

    def _each(self, units: Units) -> Iterator[tuple[Sums, float]]:
        parameters = self.learner.parameters
        for unit in units:
            for value in parameters.values():
                value.grad = None
            loss = self.learner.accumulate(list(unit))
            yield {name: one.grad for name, one in parameters.items() if one.grad is not None}, loss
        for value in parameters.values():
            value.grad = None


def zero_sums(parameters: dict[str, Any]) -> Sums:
    """One of zeros for each weight, in its own shape."""
    return {name: torch.zeros_like(value) for name, value in parameters.items()}
