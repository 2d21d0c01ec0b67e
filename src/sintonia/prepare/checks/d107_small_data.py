"""D107: few rows.

What: fewer than 300 usable rows.
Why it matters: so few examples tell only large differences from chance, and the verdict will often be
`inconclusive`. Ten parts of a cross-validation test every row (science.md 3.6), which is the most that can be had.
What to do: label more rows; the report says how many a decision needs.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit
from sintonia.prepare.sets.folds import FEWER_ROWS
from sintonia.records import Finding

CODE = "D107"
FEWEST_TESTED = 50
"""Test examples below which no verdict is given."""


def check(audit: Audit) -> Finding | None:
    """One finding when the data are few."""
    usable = len(audit.rows) - audit.num_added  # rows that are added are trained on only
    if usable >= FEWER_ROWS:
        return None
    tested = f"{len(audit.in_set('test'))} of them in the test"
    if audit.num_parts > 1:
        tested = f"tested in {audit.num_parts} parts of a cross-validation"
    is_text = audit.task == "pretrain"
    more = "give more text, or lower `data.passage_bytes`" if is_text else "label more rows"
    is_blind = audit.num_parts == 1 and len(audit.in_set("test")) < FEWEST_TESTED
    shown = "nothing can be decided" if is_blind else "only large differences can be shown"
    return Finding(
        code=CODE,
        severity="warning",
        count=usable,
        message=f"{usable} usable rows, {tested}: {shown}",
        hint=f"{more}: from {FEWER_ROWS} the verdict is worth more",
    )
