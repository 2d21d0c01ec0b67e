"""Normalised match: the share of written answers that equal their target but for case, punctuation and spaces."""

from __future__ import annotations

from typing import Any

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts
from sintonia.metrics.words import plain


def counts(targets: Labels, texts: Labels) -> Any:
    """Columns: equal answers, examples."""
    check_lengths(targets, texts)
    return mean_counts([float(plain(target) == plain(text)) for target, text in zip(targets, texts, strict=True)])


NORMALISED_MATCH = Metric(
    name="normalised_match",
    title="normalised match",
    counts=counts,
    from_counts=mean_from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "Every answer that says the same in other words or in another order, and whatever case, punctuation and spaces "
        "mean: where they matter (code, names, formats) a wrong answer may pass. Articles and numbers are compared "
        "as they are written, so `1,000` is not `1000`."
    ),
    is_mean_of_correct=True,
    reads="texts",
)
