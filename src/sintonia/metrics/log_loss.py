"""Log loss: how surprised a classifier is by the right label, in nats, averaged over the examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts


def counts(targets: Labels, nats: Sequence[float]) -> Any:
    """Columns: negative log-likelihood of the target in nats, examples.

    Raises:
        ValueError: a loss is not a number, or below 0.
    """
    check_lengths(targets, nats)
    if not np.isfinite(nats).all() or min(nats) < 0:
        raise ValueError("log loss needs finite losses that are not negative")
    return mean_counts(nats)


LOG_LOSS = Metric(
    name="log_loss",
    title="log loss",
    counts=counts,
    from_counts=mean_from_counts,
    higher_is_better=False,
    range=(0.0, math.inf),
    blind_to=(
        "Whether the likeliest label is the right one: a model may answer more examples rightly and still have a "
        "higher loss, because a few sure mistakes outweigh many right answers. A temperature changes it and changes "
        "no answer."
    ),
    is_mean_of_correct=False,
    reads="nats",
    usual_margin=0.02,
    is_margin_relative=True,
    unit="nats",
)
