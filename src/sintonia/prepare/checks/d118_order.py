"""D118: the order of the rows carries information.

What: can the place of a row in the file be told from its text, among the rows of its own class? Kernel regression
on words, leave-one-out, against 499 shufflings within the classes (science.md 3.4 asks for a test of independence;
cleanlab's kNN test is one too, but calls a file sorted by class dependent). It sees inputs that change with the
order and a relation between inputs and classes that does. At most 2,000 rows, one of a group, so that a file in
blocks of one group each is not accused. It says whether the change is steady, as time is, or in blocks; blocks are
not mentioned when a group column was named.
Why it matters: when yesterday differs from tomorrow, a random test asks about yesterday, and flatters. When the
blocks are sources, a random test asks about sources that were seen.
What to do: if the order is that of time, name the column of time (`data.time`): the latest rows become the test. If
the blocks are sources, name their column as the group (`data.group`).
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from sintonia.prepare.audit import Audit, rows_in_words
from sintonia.prepare.checks.d116_drift import drawn, one_of_each_group
from sintonia.records import Finding
from sintonia.statistics.order import order_test
from sintonia.statistics.two_sample import word_features

CODE = "D118"
LEVEL = 0.01
_MOST_ROWS = 2_000
_MIN_ROWS = 100
_SHAPES = {
    "steady": (
        "the rows change steadily with their order, as with time",
        "a time split is proposed: `data.time=COLUMN` names the column of time, and the latest rows are the test",
    ),
    "blocks": (
        "the rows are in blocks that differ, as sources do",
        "if the blocks are sources, `data.group=COLUMN` keeps each in one set; if they are times, a time split is "
        "proposed: `data.time=COLUMN`",
    ),
    "unclear": (
        "the rows change with their order; too few to tell whether steadily or in blocks",
        "if the order is that of time, a time split is proposed: `data.time=COLUMN`; if the rows come from sources one "
        "after the other, `data.group=COLUMN`",
    ),
}
"""Message and hint for each shape of change."""


def check(audit: Audit) -> Finding | None:
    """One finding when the order tells something."""
    if np.isfinite(audit.rows.times).any():  # a time column was named: the order is known and used
        return None
    rows = one_of_each_group(audit, np.arange(len(audit.rows)))
    rows = _of_one_file(audit, drawn(rows, min(len(rows), _MOST_ROWS)))
    if len(rows) < _MIN_ROWS:
        return None
    features, _ = word_features([audit.rows.text_at(int(row)) for row in rows])
    result = order_test(features, audit.rows.codes[rows].astype(np.int64))
    has_named_groups = bool(audit.rows.group_keys.any())
    if result.p_value >= LEVEL or (has_named_groups and result.shape == "blocks"):
        return None
    change, hint = _SHAPES[result.shape]
    found = f"correlation {result.correlation:.2f}, p = {result.p_value:.3f}, {rows_in_words(len(rows))} looked at"
    return Finding(
        code=CODE,
        severity="note" if result.shape == "blocks" else "warning",
        count=len(rows),
        message=f"{change} ({found})",
        hint=hint,
    )


def _of_one_file(audit: Audit, rows: np.ndarray) -> np.ndarray:
    """The rows of the file that has most of them: between files there is no order."""
    files = [audit.rows.file_of(int(row)) for row in rows]
    largest = Counter(files).most_common(1)[0][0] if files else ""
    return rows[[file == largest for file in files]] if files else rows
