"""Made-up curves whose law is known: each example has a difficulty, and each draw disturbs it a little."""

from __future__ import annotations

import numpy as np

from sintonia.adjust.curve import Draw, Measured, sizes_for
from sintonia.adjust.curve.measured import Floats


def error_at(sizes: Floats, floor: float, scale: float, exponent: float, reference: float) -> Floats:
    """The true errors."""
    return np.asarray(floor + scale * (sizes / reference) ** -exponent)


def planted_curve(
    law: tuple[float, float, float],
    num_train: int = 800,
    num_scored: int = 1_000,
    num_draws: int = 5,
    seed: int = 0,
    sizes: tuple[int, ...] | None = None,
    chance: float = 0.3,
) -> Measured:
    """Right and wrong answers whose expected share follows the law (floor, scale, exponent) at `num_train`.

    Examples that are hard are hard at every size; `chance` of the answers are anew so for each size and draw.
    """
    generator = np.random.default_rng(seed)
    sizes = sizes or sizes_for(num_train, 3)
    errors = error_at(np.array(sizes, dtype=float), *law, num_train)
    difficulty = generator.random(num_scored)
    draws = []
    for _ in range(num_draws):
        counts = []
        for error in errors:
            is_chance = generator.random(num_scored) < chance
            wrong = np.where(is_chance, generator.random(num_scored), difficulty) < error
            counts.append(np.column_stack([~wrong, np.ones(num_scored)]).astype(float))
        draws.append(Draw(scored=np.arange(num_scored), sizes=sizes, counts=tuple(counts)))
    return Measured(metric="accuracy", draws=tuple(draws), groups=np.arange(num_scored))
