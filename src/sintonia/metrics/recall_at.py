"""Recall@k: the share of the texts that belong to a query which are among the first k that are found for it."""

from __future__ import annotations

from typing import Any

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts


def share_found(ranks: str, first: int) -> float:
    """How many of the ranks are among the first so many, as a share of the most that can be.

    >>> share_found("1", 1), share_found("2 12", 10), share_found("1 2", 1)
    (1.0, 0.5, 1.0)
    """
    places = [int(one) for one in ranks.split()]
    return sum(one <= first for one in places) / min(len(places), first)


def _recall_at(first: int) -> Metric:
    def counts(targets: Labels, predictions: Labels) -> Any:
        """Columns: the share of each query, and 1. A prediction is the ranks of its positives, joined by a space."""
        check_lengths(targets, predictions)
        return mean_counts([share_found(one, first) for one in predictions])

    place = "the first place" if first == 1 else f"the first {first} places"
    return Metric(
        name=f"recall_at_{first}",
        title=f"recall@{first}",
        counts=counts,
        from_counts=mean_from_counts,
        higher_is_better=True,
        range=(0.0, 1.0),
        blind_to=(
            f"The order within {place}, and all that is behind; with more positives than places, having filled the "
            "places counts as all. What is searched are the texts of this set alone; among more texts it is lower."
        ),
        is_mean_of_correct=False,
        reads="ranks",
    )


RECALL_AT_1, RECALL_AT_10 = _recall_at(1), _recall_at(10)
