"""The power law of an error, e(n) = floor + scale * (n / reference) ** -exponent, fitted to one curve or to many.

science.md 4.1: 0 <= floor <= least error, .02 <= exponent <= 1.5, weights sqrt(n). Numbers in, numbers out: it answers
no question.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_EXPONENT, MOST_EXPONENT = 0.02, 1.5
_EXPONENTS = np.geomspace(LEAST_EXPONENT, MOST_EXPONENT, 60)
_STARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """Many fitted curves: arrays (curves,), over the same reference size."""

    floor: Floats
    scale: Floats
    exponent: Floats
    reference: float

    def at(self, num_examples: float) -> Floats:
        """The errors with so many training examples (curves,)."""
        return np.asarray(self.floor + self.scale * (num_examples / self.reference) ** -self.exponent)

    def needed(self, error: float) -> Floats:
        """Training examples for this error (curves,); infinite where the curve flattens above it."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = (error - self.floor) / self.scale
            return np.where(ratio > 0, self.reference * np.maximum(ratio, 1e-300) ** (-1 / self.exponent), np.inf)


def fit_many(sizes: Floats, errors: Floats, reference: float) -> Laws:
    """The best laws through `errors` (curves, sizes): for each exponent of a grid floor and scale in closed form."""
    weights = np.sqrt(sizes)
    powers = (sizes[None, :] / reference) ** -_EXPONENTS[:, None]
    floors, scales = _floors_and_scales(powers, errors, weights)
    misses = errors[None] - floors[:, :, None] - scales[:, :, None] * powers[:, None, :]
    best = np.einsum("gcs,s->gc", misses**2, weights).argmin(axis=0)
    curves = np.arange(len(errors))
    return Laws(
        floor=floors[best, curves],
        scale=scales[best, curves],
        exponent=_EXPONENTS[best],
        reference=reference,
    )


def _floors_and_scales(powers: Floats, errors: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Bounded weighted least squares of floor and scale (exponents, curves): the inside, or the best of the edges."""
    total = weights.sum()
    mean_power = (powers @ weights / total)[:, None]
    mean_error = (errors @ weights / total)[None, :]
    spread = ((powers - mean_power) ** 2 @ weights)[:, None]
    together = np.einsum("gs,cs,s->gc", powers - mean_power, errors - mean_error.T, weights)
    most = errors.min(axis=1)[None, :]
    scale = np.maximum(together / np.maximum(spread, 1e-300), 0.0)
    floor = mean_error - scale * mean_power
    bounded = np.clip(floor, 0.0, most)
    # On an edge of the floor the scale is fitted again.
    squares = (powers**2 @ weights)[:, None]
    products = np.einsum("gs,cs,s->gc", powers, errors, weights) - bounded * (powers @ weights)[:, None]
    again = np.maximum(products / squares, 0.0)
    return bounded, np.where(bounded != floor, again, scale)


def fit_one(sizes: Floats, errors: Floats, reference: float) -> Laws:
    """The best law through one curve (sizes,): least squares within the bounds, begun at several exponents."""
    from scipy.optimize import least_squares

    weights, most = np.sqrt(np.sqrt(sizes / sizes.max())), float(max(errors.min(), 1e-9))

    def missed(values: Floats) -> Floats:
        floor, scale, exponent = values
        return np.asarray(weights * (floor + scale * (sizes / reference) ** -exponent - errors))

    begun = fit_many(sizes, errors[None], reference)
    found = [float(one[0]) for one in (begun.floor, begun.scale, begun.exponent)]
    starts = [found] + [[most / 2, max(float(np.ptp(errors)), 1e-6), g] for g in np.geomspace(0.1, 1.0, _STARTS)]
    bounds = ([0.0, 0.0, LEAST_EXPONENT], [most, np.inf, MOST_EXPONENT])
    inside = [np.clip(start, np.array(bounds[0]), np.array(bounds[1])) for start in starts]
    best = min((least_squares(missed, start, bounds=bounds) for start in inside), key=lambda one: one.cost)
    floor, scale, exponent = best.x
    return Laws(floor=np.array([floor]), scale=np.array([scale]), exponent=np.array([exponent]), reference=reference)
