"""What a judge said about each pair, in numbers: win rates, lengths, position bias. It finds no fault."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sintonia.records import Interval, Preference, Preferred, WinRate
from sintonia.statistics import cluster_bootstrap, clustered_midp, clustered_wilson, sum_by_group

LIKE_LENGTH = 0.1
"""Two answers are of like length where the logarithm of their ratio is smaller than this (science.md 1.7)."""
_WORTH = {"tuned": 1.0, "base": 0.0, "tie": 0.5, "unreadable": 0.5}
_NET = {"tuned": 1, "base": -1}


def preference_of(judge: str, pairs: Sequence[Preferred], num_meant: int) -> Preference:
    """All numbers about some pairs, of which there must be one; `num_meant` were to be judged."""
    alike = [one for one in pairs if abs(log_ratio(one)) < LIKE_LENGTH]
    unlike = [one for one in pairs if abs(log_ratio(one)) >= LIKE_LENGTH]
    asked = [one for one in pairs if one.is_asked]
    compared = [one for one in asked if one.outcome != "unreadable"]
    named_first, named_second = np.sum([positions(one) for one in asked] or [(0, 0)], axis=0).tolist()
    return Preference(
        judge=judge,
        num_meant=num_meant,
        whole=win_rate(pairs),
        like_length=win_rate(alike) if alike else None,
        length_ratio=math.exp(sum(log_ratio(one) for one in pairs) / len(pairs)),
        longer_won=(sum(_longer_won(one) == 1 for one in unlike), sum(_longer_won(one) == -1 for one in unlike)),
        num_identical=len(pairs) - len(asked),
        num_unreadable=len(asked) - len(compared),
        disagreement=(sum(one.base_first != one.tuned_first for one in compared) / len(compared) if compared else None),
        first_share=named_first / (named_first + named_second) if named_first + named_second else None,
        pairs=tuple(pairs),
    )


def win_rate(pairs: Sequence[Preferred]) -> WinRate:
    """How often the tuned model won among some pairs, of which there must be one.

    The interval at 95 % is that of the cluster bootstrap; where all pairs came out alike, or all are one group, nothing
    can be drawn again, and it is Wilson's. The p-value is the mid-p of the sign
    test over groups.
    """
    net = [_NET.get(one.outcome, 0) for one in pairs]
    return WinRate(
        num_pairs=len(pairs),
        wins=net.count(1),
        losses=net.count(-1),
        rate=_interval(pairs),
        p_value=clustered_midp(by_group(pairs, net)),
    )


def by_group(pairs: Sequence[Preferred], values: Sequence[int]) -> list[int]:
    """The sums of one number a pair, group by group."""
    sums: dict[str, int] = {}
    for one, value in zip(pairs, values, strict=True):
        sums[one.group] = sums.get(one.group, 0) + value
    return list(sums.values())


def positions(pair: Preferred) -> tuple[int, int]:
    """How often the judge named the answer that stood first, and how often the second, in two questions."""
    named = (
        (pair.base_first == "base", pair.tuned_first == "tuned"),
        (
            pair.base_first == "tuned",
            pair.tuned_first == "base",
        ),
    )
    return sum(named[0]), sum(named[1])


def log_ratio(pair: Preferred) -> float:
    """Logarithm of the length of the tuned model's answer over that of the base; an empty one counts as one letter."""
    return math.log(max(pair.tuned_length, 1) / max(pair.base_length, 1))


def _longer_won(pair: Preferred) -> int:
    """1 where the longer answer won, -1 where the shorter did, else 0."""
    return _NET.get(pair.outcome, 0) * (1 if log_ratio(pair) > 0 else -1)


def _interval(pairs: Sequence[Preferred]) -> Interval:
    worth = np.array([_WORTH[one.outcome] for one in pairs])
    counts, groups = np.column_stack([worth, np.ones(len(pairs))]), [one.group for one in pairs]
    if len(set(groups)) == 1 or len(set(worth.tolist())) == 1:
        sums = sum_by_group(counts, groups).toarray()
        low, high = clustered_wilson(sums[:, 0], sums[:, 1])
    else:
        low, high = cluster_bootstrap(counts, groups, lambda totals: totals[:, 0] / totals[:, 1]).interval()
    return Interval(value=float(worth.mean()), low=low, high=high)
