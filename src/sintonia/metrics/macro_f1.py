"""Macro-F1: the F1 score of each class, averaged with every class counting the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics.metric import Array, Labels, Metric, check_lengths


def counts(targets: Labels, predictions: Labels) -> Any:
    """Columns: for each class that occurs among the targets, in sorted order, targets, predictions and hits.

    A prediction of a class that no target has is a mistake of the target's class and has no column of its
    own: base and tuned are thus averaged over the same classes. The metric equals scikit-learn's
    `f1_score(targets, predictions, labels=sorted(set(targets)), average="macro", zero_division=0)`.
    """
    check_lengths(targets, predictions)
    position = {label: column for column, label in enumerate(sorted(set(targets)))}
    width, columns, rows = len(position), [], []
    for row, (target, prediction) in enumerate(zip(targets, predictions, strict=True)):
        marked = [position[target]]
        if prediction in position:
            marked.append(width + position[prediction])
        if prediction == target:
            marked.append(2 * width + position[target])
        columns += marked
        rows += [row] * len(marked)
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(targets), 3 * width))


def from_counts(totals: Array) -> Array:
    """Mean over the classes with at least one target of 2 hits / (targets + predictions)."""
    targets, predictions, hits = np.split(totals, 3, axis=-1)
    is_present = targets > 0
    scores = np.where(is_present, 2 * hits / np.where(is_present, targets + predictions, 1), 0.0)
    return np.asarray(scores.sum(axis=-1) / is_present.sum(axis=-1), dtype=np.float64)


MACRO_F1 = Metric(
    name="macro_f1",
    title="macro-F1",
    counts=counts,
    from_counts=from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "How common each class is: a class with five examples weighs as much as one with five hundred, so "
        "the number moves a lot with a few answers in rare classes. Classes without a test example do not "
        "count, and it ignores how sure the model was."
    ),
    is_mean_of_correct=False,
)
