"""Metrics of answers that are sets of labels: how many of the labels are found, and found rightly. All are pure.

A target and a prediction are the names of labels with ` ; ` between them, and empty where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics import macro_f1
from sintonia.metrics.metric import Array, Metric, check_lengths, mean_counts, mean_from_counts

_SEPARATOR = " ; "


def names_in(text: str) -> frozenset[str]:
    """The labels of a target or of a prediction.

    >>> sorted(names_in("politics ; sport")), names_in("")
    (['politics', 'sport'], frozenset())
    """
    return frozenset(text.split(_SEPARATOR)) if text else frozenset()


def _totals(targets: Sequence[str], answers: Sequence[Any]) -> Any:
    """Columns: labels wanted, labels answered, and those that are both."""
    check_lengths(targets, answers)
    pairs = [(names_in(target), names_in(answer)) for target, answer in zip(targets, answers, strict=True)]
    columns = [(len(wanted), len(said), len(wanted & said)) for wanted, said in pairs]
    return csr_array(np.array(columns, dtype=np.float64))


def _of_totals(totals: Array) -> Array:
    """2 right / (wanted + answered); 1 where nothing is wanted and nothing answered."""
    either = totals[..., 0] + totals[..., 1]
    return np.asarray(np.where(either > 0, 2 * totals[..., 2] / np.where(either > 0, either, 1.0), 1.0))


def _by_label(targets: Sequence[str], answers: Sequence[Any]) -> Any:
    """Columns: for each label that some target has, in alphabetical order, targets, predictions and hits; and one that
    keeps the array from being empty where no target has any."""
    check_lengths(targets, answers)
    wanted, said = [names_in(one) for one in targets], [names_in(one) for one in answers]
    names = sorted(frozenset().union(*wanted))
    width, rows, columns = max(len(names), 1), list[int](), list[int]()
    position = {name: column for column, name in enumerate(names)}
    for part, sets in enumerate((wanted, said, [a & b for a, b in zip(wanted, said, strict=True)])):
        for row, held in enumerate(sets):
            found = [position[name] for name in held if name in position]
            rows += [row] * len(found)
            columns += [part * width + column for column in found]
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(targets), 3 * width))


def _mean_of_labels(totals: Array) -> Array:
    """The mean of the F1 scores of labels that some target has; 0 where none has any."""
    has_any = totals[..., : totals.shape[-1] // 3].sum(axis=-1) > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(has_any, macro_f1.from_counts(totals), 0.0))


def _exact(targets: Sequence[str], answers: Sequence[Any]) -> Any:
    check_lengths(targets, answers)
    return mean_counts([float(names_in(a) == names_in(b)) for a, b in zip(targets, answers, strict=True)])


MICRO_F1_OF_LABELS = Metric(
    name="micro_f1_of_labels",
    title="micro-F1 of the labels",
    counts=_totals,
    from_counts=_of_totals,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to="how rare labels do, since common ones make most of the number; whether what is wrong was missed or made "
    "up; and how many examples are right as a whole",
    is_mean_of_correct=False,
)
MACRO_F1_OF_LABELS = Metric(
    name="macro_f1_of_labels",
    title="macro-F1 of the labels",
    counts=_by_label,
    from_counts=_mean_of_labels,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to="how common each label is: one with five examples weighs as much as one with five hundred; labels without "
    "a test example do not count, however often they are answered",
    is_mean_of_correct=False,
)
EXACT_SETS = Metric(
    name="exact_sets",
    title="share of exact sets of labels",
    counts=_exact,
    from_counts=mean_from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to="how near a wrong set is: one label too many counts like all of them wrong; of examples with many labels "
    "hardly any is ever right",
    is_mean_of_correct=True,
)
