"""NDCG@10: how high the texts that belong to a query stand among the first ten that are found for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts

FIRST = 10


def gain(ranks: str) -> float:
    """The discounted gain of the ranks of all that belongs to a query, as a share of the best one possible.

    Each of them counts the same (Jarvelin and Kekalainen 2002, with relevance 0 or 1).

    >>> gain("1"), round(gain("2"), 3), gain("11"), round(gain("1 3"), 3)
    (1.0, 0.631, 0.0, 0.92)
    """
    places = np.array([int(one) for one in ranks.split()])
    best = (1 / np.log2(np.arange(1, min(len(places), FIRST) + 1) + 1)).sum()
    return float((1 / np.log2(places[places <= FIRST] + 1)).sum() / best)


def counts(targets: Labels, predictions: Labels) -> Any:
    """Columns: the gain of each query, and 1. A prediction is the ranks of its positives, joined by a space."""
    check_lengths(targets, predictions)
    return mean_counts([gain(one) for one in predictions])


NDCG_AT_10 = Metric(
    name="ndcg_at_10",
    title="NDCG@10",
    counts=counts,
    from_counts=mean_from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "Everything below the tenth place, and texts that answer a query as well as those that the data name: they "
        "count as wrong. What is searched are the texts of this set alone; among more texts every number is lower."
    ),
    is_mean_of_correct=False,
    reads="ranks",
)
