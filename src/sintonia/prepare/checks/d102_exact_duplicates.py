"""D102: rows that repeat another row.

What: rows with the same text (case, punctuation and spaces aside) and the same target as an earlier row; the
first is used, the others are set aside.
Why it matters: a repeated row teaches nothing new, and one that falls into both training and test flatters.
What to do: nothing; when many rows repeat, ask how the file was put together.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, percent, rows_in_words
from sintonia.records import Finding

CODE = "D102"


def check(audit: Audit) -> Finding | None:
    """One finding for all repeated rows."""
    repeated = audit.dropped_as("duplicate")
    if not repeated:
        return None
    share = percent(len(repeated), audit.rows_in)
    return Finding(
        code=CODE,
        severity="warning" if len(repeated) * 20 > audit.rows_in else "note",
        count=len(repeated),
        message=(
            f"{rows_in_words(len(repeated))} of {audit.rows_in:,} ({share}) repeat an earlier row, text and "
            "target: set aside"
        ),
        hint="nothing to do; when they are many, ask how the file was put together",
        places=audit.places_of(repeated),
    )
