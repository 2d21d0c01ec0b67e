"""What can be done about rare classes with the examples there are: let each of their examples count for more."""

from __future__ import annotations

from collections.abc import Iterator

from sintonia.adjust.remedies.ideas import Idea, effective, task_of
from sintonia.records import Turn
from sintonia.tasks import CLASS_WEIGHTED

RARE_CLASS = "D104"
"""The finding about the data that it answers: where the data do not show it, the weights would all be about 1."""


def weigh_classes(turn: Turn) -> Iterator[Idea]:
    """Of data with a rare class, where macro-F1 is what counts: the rarer a class, the more its examples count."""
    is_of_classes = turn.primary_metric == "macro_f1" and task_of(turn).NAME in CLASS_WEIGHTED
    if is_of_classes and effective(turn, "training.class_weights") == "none":
        yield Idea(
            "training.class_weights",
            "balanced",
            "a class is rare, and macro-F1 counts it as much as the others: so should training",
            "more of the rare classes is found, and some of the common ones is taken for them",
        )
