"""D107: few rows.

What: fewer than 300 usable rows.
Why it matters: the test then has so few examples that only large differences can be told from chance, and the
verdict will often be `inconclusive`.
What to do: label more rows; the report says how many a decision needs.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit
from sintonia.records import Finding

CODE = "D107"
MIN_ROWS = 300


def check(audit: Audit) -> Finding | None:
    """One finding when the data are few."""
    if len(audit.rows) >= MIN_ROWS:
        return None
    tested = audit.sets.count("test")
    return Finding(
        code=CODE,
        severity="warning",
        count=len(audit.rows),
        message=f"{len(audit.rows)} usable rows, {tested} of them in the test: only large differences can be shown",
        hint=f"label more rows: from {MIN_ROWS} the verdict is worth more",
    )
