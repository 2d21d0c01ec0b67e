"""Token accuracy: the share of tokens that got their tag, where every token has one."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics.metric import Array, Labels, Metric, check_lengths
from sintonia.metrics.span_f1 import spans_of


def counts(targets: Labels, predictions: Labels) -> Any:
    """Columns: tokens with the right tag, and tokens that have one in the target."""
    check_lengths(targets, predictions)
    rows = []
    for target, prediction in zip(targets, predictions, strict=True):
        wanted = spans_of(target)
        rows.append((len(wanted & spans_of(prediction)), len(wanted)))
    return csr_array(np.array(rows, dtype=np.float64))


def from_counts(totals: Array) -> Array:
    """Right over all; 0 where no token has a tag."""
    return np.asarray(totals[..., 0] / np.maximum(totals[..., 1], 1.0), dtype=np.float64)


TOKEN_ACCURACY = Metric(
    name="token_accuracy",
    title="token accuracy (of spans: the share that is found)",
    counts=counts,
    from_counts=from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "Which tags are confused, and how rare they are: common tags that are easy (punctuation, articles) carry "
        "most of it. A long text counts as often as it has tokens. Only tokens that have a tag in the target are "
        "looked at: where most have none, span F1 is to be read."
    ),
    is_mean_of_correct=False,
    reads="spans",
)
