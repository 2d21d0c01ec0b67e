"""Span F1, strict: a span is found when its label, its first and its last character are those of the target."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sintonia.metrics.metric import Array, Labels, Metric, check_lengths

_SPAN = re.compile(r"(\d+)-(\d+) (.+?)(?=, \d+-\d+ |\Z)", re.DOTALL)
Span = tuple[str, str, str]
"""First character, the one behind the last, label."""


def spans_of(words: str) -> set[Span]:
    """The spans that a target or a prediction names; none where it is empty.

    >>> sorted(spans_of("0-4 PER, 10-14 LOC, FAR"))
    [('0', '4', 'PER'), ('10', '14', 'LOC, FAR')]
    """
    return set(_SPAN.findall(words))


def counts(targets: Labels, predictions: Labels) -> Any:
    """Columns: spans found, spans predicted that are none, and spans missed."""
    check_lengths(targets, predictions)
    rows = []
    for target, prediction in zip(targets, predictions, strict=True):
        wanted, given = spans_of(target), spans_of(prediction)
        found = len(wanted & given)
        rows.append((found, len(given) - found, len(wanted) - found))
    return csr_array(np.array(rows, dtype=np.float64))


def from_counts(totals: Array) -> Array:
    """2 found / (2 found + wrong + missed): over all spans together; 0 where there is no span on either side.

    The same as `seqeval.metrics.f1_score(..., mode="strict", average="micro")` on sequences that their scheme allows.
    """
    found, wrong, missed = totals[..., 0], totals[..., 1], totals[..., 2]
    whole = 2 * found + wrong + missed
    return np.asarray(2 * found / np.where(whole > 0, whole, 1.0), dtype=np.float64)


SPAN_F1 = Metric(
    name="span_f1",
    title="span F1 (strict: label and both ends)",
    counts=counts,
    from_counts=from_counts,
    higher_is_better=True,
    range=(0.0, 1.0),
    blind_to=(
        "How near a miss was: a span that is one word too long counts as two mistakes, as much as a wrong label "
        "and a missing span together. All spans count together, so a rare label hardly moves it, and texts "
        "without a span count only where something is tagged in them. It ignores how sure the model was."
    ),
    is_mean_of_correct=False,
    reads="spans",
)
