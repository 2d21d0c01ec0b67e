"""Is one recipe better than another: trained with several seeds each, tested on the same examples.

A verdict on one model needs none of this (science.md 1.3). It never trains and never picks seeds.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sintonia.statistics.bootstrap import sum_by_group

FEWEST_SEEDS = 3
"""With two, the interval would be six times as wide as the spread of the seeds."""
MEANINGFUL_SHARE = 0.75
"""Share of seeds that one recipe must win (Bouthillier et al. 2021, MLSys)."""
_CELLS_AT_ONCE = 2_000_000

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeDifference:
    """Recipe A less recipe B, over seeds and examples."""

    estimate: float
    low: float
    high: float
    share_won: float
    """Share of the pairs of runs in which A beats B, P(A > B); a tie is half."""
    num_seeds: int

    @property
    def is_better(self) -> bool:
        """Whether A is better: beyond the noise of seeds and examples, and in three pairs of runs of four."""
        return self.low > 0 and self.share_won >= MEANINGFUL_SHARE

    @property
    def is_worse(self) -> bool:
        """Whether B is better than A, by the same rule."""
        return self.high < 0 and 1 - self.share_won >= MEANINGFUL_SHARE


def recipe_difference(
    differences_by_seed: NDArray[np.float64],
    groups: Sequence[Hashable],
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> RecipeDifference:
    """The mean difference with its interval, by a bootstrap that draws seeds and groups of examples again.

    `differences_by_seed` has shape (seeds, examples): the score of A less that of B on each example, for each pair of
    runs; `groups` names the group of each example. Higher is better. Seeds share the test, so a draw takes the same
    groups for all its seeds: drawing groups anew for each would divide the noise of the examples by the seeds.

    A bootstrap of five seeds knows too little of their spread: it is stretched by sqrt(S / (S - 1)), and the interval
    is Student's t times the standard error, with the degrees of freedom of Welch and Satterthwaite.
    One group alone proves nothing: its interval has no ends.
    """
    table = np.asarray(differences_by_seed, dtype=np.float64)
    if table.ndim != 2 or len(table) < FEWEST_SEEDS or not np.isfinite(table).all():
        raise ValueError(f"differences of {FEWEST_SEEDS} seeds or more by examples, not of shape {table.shape}")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    sums = sum_by_group(np.column_stack([table.T, np.ones(table.shape[1])]), groups).toarray()
    by_group, sizes = sums[:, :-1], sums[:, -1]
    of_seeds, estimate = table.mean(axis=1), float(table.mean())
    freedom = _freedom(of_seeds, (by_group.mean(axis=1) - estimate * sizes) / sizes.sum())
    stretched = by_group + np.outer(sizes, (of_seeds - estimate) * (_stretch(len(table)) - 1))
    error = float(np.std(_draw(stretched, sizes, draws, seed))) if len(sizes) > 1 else float("inf")
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    return RecipeDifference(
        estimate=estimate,
        low=estimate - half,
        high=estimate + half,
        share_won=float(np.mean((of_seeds > 0) + (of_seeds == 0) / 2)),
        num_seeds=len(table),
    )


def _draw(by_group: Array, sizes: Array, draws: int, seed: int) -> Array:
    """Mean differences of drawn seeds on drawn groups; `by_group` holds sums, shape (groups, seeds)."""
    generator = np.random.default_rng(seed)
    num_groups, num_seeds = by_group.shape
    at_once = max(1, _CELLS_AT_ONCE // max(num_groups, num_seeds))
    groups_drawn, seeds_drawn = np.full(num_groups, 1 / num_groups), np.full(num_seeds, 1 / num_seeds)
    means = []
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        of_groups = generator.multinomial(num_groups, groups_drawn, size=count).astype(np.float64)
        of_seeds = generator.multinomial(num_seeds, seeds_drawn, size=count) / num_seeds
        means.append(((of_groups @ by_group) * of_seeds).sum(axis=1) / (of_groups @ sizes))
    return np.concatenate(means)


def _freedom(of_seeds: Array, of_groups: Array) -> float:
    """Welch and Satterthwaite: between seeds - 1 and groups - 1, by whose variance is the larger part."""
    num_seeds, num_groups = len(of_seeds), len(of_groups)
    by_seed = float(of_seeds.var(ddof=1)) / num_seeds
    by_group = float((of_groups**2).sum())
    if by_seed + by_group == 0:
        return num_seeds - 1
    spread = by_seed**2 / (num_seeds - 1) + by_group**2 / max(1, num_groups - 1)
    return (by_seed + by_group) ** 2 / spread


def _stretch(count: int) -> float:
    return float(np.sqrt(count / (count - 1)))
