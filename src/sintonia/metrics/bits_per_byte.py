"""Bits per byte: how surprised a language model is by the right answers, per byte of their text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics.metric import Array, Labels, Metric, check_lengths


def counts(targets: Labels, answers: Sequence[tuple[float, int]]) -> Any:
    """Columns: nats of all learned tokens of the example, UTF-8 bytes of their text.

    Raises:
        ValueError: a loss is not a number, or no example has a byte of text.
    """
    check_lengths(targets, answers)
    columns = np.array(answers, dtype=np.float64).reshape(len(answers), 2)
    if not np.isfinite(columns).all() or columns.min() < 0 or columns[:, 1].sum() == 0:
        raise ValueError("bits per byte need finite losses, and at least one byte of text")
    return csr_array(columns)


def from_counts(totals: Array) -> Array:
    """Nats over ln 2 over bytes: the ratio of the sums, so that a long answer weighs as much as its text is long."""
    return np.asarray(totals[..., 0] / math.log(2) / np.maximum(totals[..., 1], 1.0), dtype=np.float64)


BITS_PER_BYTE = Metric(
    name="bits_per_byte",
    title="bits per byte",
    counts=counts,
    from_counts=from_counts,
    higher_is_better=False,
    range=(0.0, math.inf),
    blind_to=(
        "Whether an answer is right: it measures how likely the model finds the answers in the test, word for word, "
        "and not what it would write by itself. Another answer that is just as good counts as unlikely, and a long "
        "answer weighs more than a short one."
    ),
    is_mean_of_correct=False,
    reads="losses",
    usual_margin=0.02,
    is_margin_relative=True,
    unit="bits per byte",
)
