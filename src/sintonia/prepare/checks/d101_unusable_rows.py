"""D101: rows without a text or a target.

What: rows whose text or target is empty; they are set aside and never used.
Why it matters: an export that lost values often lost them for one kind of row, which tilts what is learned.
What to do: look at the listed lines; fill in the missing values, or remove the rows.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, percent, rows_in_words
from sintonia.records import Finding

CODE = "D101"


def check(audit: Audit) -> Finding | None:
    """One finding for all rows set aside as unusable."""
    unusable = audit.dropped_as("unusable")
    if not unusable:
        return None
    share = percent(len(unusable), audit.rows_in)
    return Finding(
        code=CODE,
        severity="warning" if len(unusable) * 20 > audit.rows_in else "note",
        count=len(unusable),
        message=f"{rows_in_words(len(unusable))} of {audit.rows_in:,} ({share}) have no text or no target: set aside",
        hint="fill in the missing values, or remove the rows; `data/set_aside.jsonl` lists them",
        places=audit.places(one.line for one in unusable),
    )
