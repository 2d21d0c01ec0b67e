"""Approximate randomisation: is the difference larger than when base and tuned swap places at random?

For metrics that are no mean over examples. Whole groups swap. It never gives an interval (`bootstrap.py`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from sintonia.statistics.bootstrap import Statistic, sum_by_group

_CELLS_AT_ONCE = 2_000_000
_TIE = 1e-12


def approximate_randomisation(
    counts: tuple[Any, Any],
    groups: Sequence[Hashable],
    statistic: Statistic,
    draws: int = 10_000,
    seed: int = 0,
) -> float:
    """Two-sided p-value that base and tuned are exchangeable, 1 / (draws + 1) at least; 1 if none differs.

    `counts` are those of base and of tuned: additive, one row an example, as `cluster_bootstrap` takes them.
    Ties count against a difference (Noreen 1989; sacrebleu's paired test is the same with `>`).
    """
    base, tuned = (sum_by_group(part, groups) for part in counts)
    change = tuned - base
    change = change[np.flatnonzero(abs(change).sum(axis=1))]
    if change.shape[0] == 0:
        return 1.0
    base_total, tuned_total = (np.asarray(part.sum(axis=0)).reshape(1, -1) for part in (base, tuned))
    observed = abs(float((statistic(tuned_total) - statistic(base_total))[0]))
    rng = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // max(change.shape))
    as_large = 0
    for start in range(0, draws, at_once):
        swapped = rng.integers(0, 2, size=(min(at_once, draws - start), change.shape[0])).astype(np.float64)
        moved = np.asarray((change.T @ swapped.T).T)
        differences = statistic(tuned_total - moved) - statistic(base_total + moved)
        as_large += int(np.count_nonzero(np.abs(differences) >= observed - _TIE))
    return (as_large + 1) / (draws + 1)
