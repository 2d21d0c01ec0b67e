"""What two subjects answered to the same examples, example by example, and counting over whole groups.

Pure. It compares nothing with chance (`compare.py`) and knows no metric but through what it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sintonia.metrics import Metric
from sintonia.records import Scorecard
from sintonia.statistics import sum_by_group

_ROUNDING = 1e-6
"""Share of a group's counts below which a difference is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Targets, and what base and tuned answered, example by example, with the group of each example.

    An answer is what the metric reads: a predicted text, the nats and bytes of the target, or whether it was right.
    """

    targets: tuple[str, ...]
    base: tuple[Any, ...]
    tuned: tuple[Any, ...]
    groups: tuple[str, ...]
    base_correct: tuple[bool, ...] = ()
    """Whether each answer was right, where comparing it with the target does not tell: as the metric sees it, when it
    is a share of right answers."""
    tuned_correct: tuple[bool, ...] = ()
    repeats: int = 1
    """How often each example was tested, by another model each time, always in the same group.

    A group is the unit of every test and interval, so the repeats of an example never count as examples: they
    are averaged (out-of-fold answers as independent draws: Bayle et al. 2020, NeurIPS, for the means over folds).
    """

    def __post_init__(self) -> None:
        lengths = {len(self.targets), len(self.base), len(self.tuned), len(self.groups)}
        if self.base_correct or self.tuned_correct:
            lengths |= {len(self.base_correct), len(self.tuned_correct)}
        if len(lengths) != 1 or not self.targets or len(self.targets) % self.repeats:
            raise ValueError(f"targets, predictions and groups must be as many: {sorted(lengths)}")

    @property
    def num_examples(self) -> int:
        """Examples, however often each was tested."""
        return len(self.targets) // self.repeats

    @property
    def num_groups(self) -> int:
        """Groups of examples: what is independent of each other."""
        return len(set(self.groups))


def answers_of(metric: Metric, base: Scorecard, tuned: Scorecard, groups: tuple[str, ...]) -> Answers:
    """What a metric reads of two scorecards of the same examples.

    Raises ValueError when a scorecard lacks it: a mistake of the caller.
    """
    return Answers(
        targets=tuned.targets,
        base=metric.answers(base),
        tuned=metric.answers(tuned),
        groups=groups,
        base_correct=_correct(metric, base),
        tuned_correct=_correct(metric, tuned),
        repeats=count_repeats(tuned.ids),
    )


def _correct(metric: Metric, card: Scorecard) -> tuple[bool, ...]:
    """Which answers are right: as the metric sees it; else as the card says, or by comparing with the target."""
    if metric.is_mean_of_correct:
        return metric.hits(card.targets, metric.answers(card))
    return tuple(is_right(card).tolist()) if card.correct or card.predictions else ()


def is_right(card: Scorecard) -> NDArray[np.bool_]:
    """Whether each answer is right: as the scorecard says, else by comparing it with its target.

    Raises ValueError when the card holds neither: a mistake of the caller.
    """
    if card.correct:
        return np.array(card.correct, dtype=bool)
    if len(card.predictions) != len(card.targets):
        raise ValueError(f"{card.subject} has no answers that are right or wrong")
    return np.array([a == b for a, b in zip(card.targets, card.predictions, strict=True)], dtype=bool)


def count_repeats(ids: Sequence[str]) -> int:
    """How often each example was tested.

    Raises ValueError when some were tested more often than others: a mistake of the caller.
    """
    counts = set(Counter(ids).values())
    if len(counts) != 1:
        raise ValueError("an example is tested more often than others, or none is tested")
    return counts.pop()


def count_changes(answers: Answers) -> tuple[int, int]:
    """How many answers the tuned model fixes, and how many it breaks; over repeats, the mean, rounded up from .5."""
    net = _net_correct(answers)
    fixed, broken = ((net > 0).sum() / answers.repeats, (net < 0).sum() / answers.repeats)
    return int(fixed + 0.5), int(broken + 0.5)


def net_by_group(answers: Answers) -> NDArray[np.int64]:
    """For each group, how many answers the tuned model fixes minus how many it breaks."""
    net: dict[str, int] = {}
    for group, change in zip(answers.groups, _net_correct(answers).tolist(), strict=True):
        net[group] = net.get(group, 0) + change
    return np.array(list(net.values()), dtype=np.int64)


def num_differing_groups(metric: Metric, answers: Answers) -> int:
    """Groups whose counts the two have not in common, beyond rounding."""
    base, tuned = (metric.counts(answers.targets, part) for part in (answers.base, answers.tuned))
    change = abs(sum_by_group(tuned - base, answers.groups)).sum(axis=1)
    size = abs(sum_by_group(tuned + base, answers.groups)).sum(axis=1)
    return int(np.count_nonzero(np.asarray(change) > _ROUNDING * np.asarray(size)))


def num_informative_groups(metric: Metric, answers: Answers, subject: tuple[Any, ...]) -> int:
    """The fewer of the groups with a mistake and of those with a hit; all groups where nothing is right or wrong."""
    if metric.is_mean_of_correct:
        hits = metric.hits(answers.targets, subject)
    elif metric.reads == "predictions":
        hits = tuple(target == answer for target, answer in zip(answers.targets, subject, strict=True))
    else:
        return answers.num_groups
    with_hit = {group for group, is_hit in zip(answers.groups, hits, strict=True) if is_hit}
    with_mistake = {group for group, is_hit in zip(answers.groups, hits, strict=True) if not is_hit}
    return min(len(with_mistake), len(with_hit))


def _net_correct(answers: Answers) -> NDArray[np.int64]:
    """For each example, 1 where only the tuned model is right, -1 where only the base is, else 0."""
    tuned, base = answers.tuned_correct, answers.base_correct
    if not tuned:
        tuned, base = (
            tuple(answer == target for answer, target in zip(part, answers.targets, strict=True))
            for part in (answers.tuned, answers.base)
        )
    return np.array(tuned, dtype=np.int64) - np.array(base, dtype=np.int64)
