"""Class by class, and which classes are taken for each other. The counting is that of `metrics/per_class.py`."""

from __future__ import annotations

from functools import partial

from sintonia.evaluate.answers import count_repeats
from sintonia.metrics import confusions, per_class
from sintonia.records import ClassScore, Confusion, Scorecard
from sintonia.statistics import clustered_wilson


def class_scores(
    base: Scorecard, tuned: Scorecard, groups: tuple[str, ...], confidence: float = 0.95
) -> tuple[ClassScore, ...]:
    """Each class that is a target or an answer of the tuned model, by name, with what the base finds of it."""
    interval = partial(clustered_wilson, confidence=confidence)
    repeats = count_repeats(tuned.ids)
    before = {one.label: one for one in per_class(base.targets, base.predictions, (), groups, interval)}
    return tuple(
        ClassScore(
            label=one.label,
            num_examples=one.num_examples // repeats,
            precision=one.precision,
            recall=one.recall,
            f1=one.f1,
            base_recall=before[one.label].recall.value if one.label in before else 0.0,
        )
        for one in per_class(tuned.targets, tuned.predictions, (), groups, interval)
    )


def top_confusions(card: Scorecard, most: int = 5) -> tuple[Confusion, ...]:
    """The pairs of target and other answer that occur most often; an example counts once, however often tested."""
    repeats = count_repeats(card.ids)
    found = confusions(card.targets, card.predictions, most)
    return tuple(Confusion(target=a, prediction=b, count=max(1, count // repeats)) for a, b, count in found)
