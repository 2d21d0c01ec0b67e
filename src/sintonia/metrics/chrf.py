"""chrF: how many short runs of characters the written answers share with their targets, over the whole set."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics.metric import Array, Labels, Metric, check_lengths

LONGEST = 6
"""Characters of the longest runs (Popović 2015)."""
RECALL_WEIGHT = 2.0
"""How many times as much recall weighs as precision: the 2 of chrF2."""


def counts(targets: Labels, texts: Labels) -> Any:
    """Columns: for runs of 1 to 6 characters, those written, those of the target, and those in common."""
    check_lengths(targets, texts)
    return csr_array(np.array([_statistics(*pair) for pair in zip(targets, texts, strict=True)], dtype=np.float64))


def _statistics(target: str, text: str) -> list[int]:
    """As sacrebleu counts them: spaces left out, and nothing written counts where the target has no run so long."""
    wanted, written, numbers = "".join(target.split()), "".join(text.split()), []
    for length in range(1, LONGEST + 1):
        of_target, of_text = _runs(wanted, length), _runs(written, length)
        numbers += [
            of_text.total() if of_target else 0,
            of_target.total(),
            sum(min(count, of_target[run]) for run, count in of_text.items() if run in of_target),
        ]
    return numbers


def _runs(text: str, length: int) -> Counter[str]:
    return Counter(text[start : start + length] for start in range(len(text) - length + 1))


def from_counts(totals: Array) -> Array:
    """F2 of precision and recall averaged over the lengths that both sides have; 0 where none has any."""
    written, wanted, shared = totals[..., 0::3], totals[..., 1::3], totals[..., 2::3]
    is_had = (written > 0) & (wanted > 0)
    number = np.maximum(is_had.sum(axis=-1), 1)
    precision = (np.where(is_had, shared, 0) / np.where(is_had, written, 1)).sum(axis=-1) / number
    recall = (np.where(is_had, shared, 0) / np.where(is_had, wanted, 1)).sum(axis=-1) / number
    below = RECALL_WEIGHT**2 * precision + recall
    score = (1 + RECALL_WEIGHT**2) * precision * recall / np.where(below > 0, below, 1)
    return np.asarray(score, dtype=np.float64)


CHRF = Metric(
    name="chrf",
    title="chrF",
    counts=counts,
    from_counts=from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "Meaning and order beyond six letters: words spelled alike score although they mean something else, synonyms "
        "do not, and even unrelated texts of one language share a fifth or more. Long answers weigh more than short "
        "ones. Case counts; spaces do not."
    ),
    is_mean_of_correct=False,
    reads="texts",
)
