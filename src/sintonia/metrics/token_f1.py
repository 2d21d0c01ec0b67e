"""Token F1: how many words a written answer and its target have in common, averaged over the examples."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts
from sintonia.metrics.words import plain_words


def counts(targets: Labels, texts: Labels) -> Any:
    """Columns: F1 of the bag of words of each example, examples."""
    check_lengths(targets, texts)
    return mean_counts([_overlap(target, text) for target, text in zip(targets, texts, strict=True)])


def _overlap(target: str, text: str) -> float:
    """The F1 of SQuAD (Rajpurkar et al. 2016) over our words; where one has no word, whether both have none."""
    wanted, written = plain_words(target), plain_words(text)
    if not wanted or not written:
        return float(wanted == written)
    shared = sum((Counter(wanted) & Counter(written)).values())
    return 2 * shared / (len(wanted) + len(written))


TOKEN_F1 = Metric(
    name="token_f1",
    title="token F1",
    counts=counts,
    from_counts=mean_from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "The order of the words and what they mean: `the dog bit the man` and `the man bit the dog` are the same, a "
        "`not` costs one word among many, and a synonym counts as wrong. Articles count as words."
    ),
    is_mean_of_correct=False,
    reads="texts",
)
