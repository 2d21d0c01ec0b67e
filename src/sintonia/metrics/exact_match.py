"""Exact match: the share of answers that a language model would write word for word, always taking the likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts


def counts(targets: Labels, answers: Sequence[bool]) -> Any:
    """Columns: exact answers, examples."""
    check_lengths(targets, answers)
    return mean_counts([float(answer) for answer in answers])


EXACT_MATCH = Metric(
    name="exact_match",
    title="exact match",
    counts=counts,
    from_counts=mean_from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "Every answer that says the same in other words: one letter or space that differs makes it wrong. Where many "
        "answers would do, it stays near zero however good the model is."
    ),
    is_mean_of_correct=True,
    reads="correct",
)
