"""Which method for few examples: decided from how each did on training rows that it had not seen. Pure.

Who trains is the corridor. What so few examples cannot show is not claimed: without a difference that is larger than
its error the usual method is taken, and even then it is said whether chance explains the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.methods.contrastive import MOST_EXAMPLES
from sintonia.statistics.mcnemar import clustered_midp
from sintonia.statistics.power import minimum_detectable_effect

TRIED = ("head", "contrastive", "full")
"""The methods that are compared, the cheapest first."""
_LEVEL, _ONE_ERROR = 0.05, 0.32
"""Mid-p values: what chance hardly explains, and what lies beyond one standard error. A single answer more is neither,
though it is larger than its own standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodChoice:
    """The method that is taken, and what that rests on."""

    method: str
    why: tuple[str, ...]
    num_examples: int
    """Training examples that each method answered without having seen them."""
    shares: Mapping[str, float]
    """Of each method the share of right answers."""


def is_few_shot(label_counts: Mapping[str, int]) -> bool:
    """Whether no class has more examples than contrastive tuning is meant for, and some class has two.

    >>> is_few_shot({"a": 8, "b": 8}), is_few_shot({"a": 8, "b": 500}), is_few_shot({"a": 1, "b": 1})
    (True, False, False)
    """
    most = max(label_counts.values(), default=0)
    return len(label_counts) > 1 and 2 <= most <= MOST_EXAMPLES


def decide_method(outcomes: Mapping[str, Sequence[bool]], groups: Sequence[str], usual: str) -> MethodChoice:
    """The method to take.

    `outcomes` says of each method whether its answer to each example was right, the same examples in the same order,
    every one answered by a model that had not seen it or its group. The best one is taken where it is ahead of `usual`
    by more than about one paired standard error, whole groups counted as one; else `usual`.

    Raises:
        ValueError: `usual` was not tried, or the outcomes are not of the same examples.
    """
    right = {name: np.array(values, dtype=np.int64) for name, values in outcomes.items()}
    if usual not in right or not groups or any(len(values) != len(groups) for values in right.values()):
        raise ValueError("the methods were not tried on the same examples")
    shares = {name: float(values.mean()) for name, values in right.items()}
    best = max(shares, key=lambda name: (shares[name], name == usual))
    gains = right[best] - right[usual]
    told = ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda one: -one[1]))
    why = [f"right on training rows that were held out ({len(groups)}, cross-validated): {told}"]
    chance = _chance(gains, groups)
    if best == usual:
        why.append(f"`{usual}` is the usual method for few examples, and none does better here")
    elif chance >= _ONE_ERROR:
        best = usual
        why.append(f"the first is ahead by less than one standard error: `{usual}` is taken, the usual one")
    else:
        likely = "more than chance explains" if chance < _LEVEL else "and chance alone may still be the reason"
        why.append(f"`{best}` is ahead of `{usual}`, the usual one, by {100 * gains.mean():.0f} points, {likely}")
    why.append(_resolution(right, groups))
    return MethodChoice(method=best, why=tuple(why), num_examples=len(groups), shares=shares)


def _chance(gains: np.ndarray, groups: Sequence[str]) -> float:
    """How likely so large a difference is where none is: McNemar's mid-p by whole groups."""
    by_group: dict[str, int] = {}
    for group, gain in zip(groups, gains.tolist(), strict=True):
        by_group[group] = by_group.get(group, 0) + gain
    return clustered_midp(list(by_group.values()))


def _resolution(right: Mapping[str, np.ndarray], groups: Sequence[str]) -> str:
    """How small a difference these examples could have shown, by how often the methods disagreed."""
    values, number = list(right.values()), len(set(groups))
    disagreements = [float((one != other).mean()) for k, one in enumerate(values) for other in values[k + 1 :]]
    least = minimum_detectable_effect(max(disagreements, default=0.0), number, _LEVEL)
    return f"so many examples show differences of about {100 * least:.0f} points or more, and no smaller ones"
