"""D139: added rows that are close to validation or the test.

What: rows of files that are added for training (`data.added`) with the text of a row of validation or the test, or
nearly its text, or its value in the group column, or as late as these rows where the split is by time. They are set
aside.
Why it matters: trained on, they would tell the model what it is tested on, and the new rows would seem to bring more
than they do.
What to do: nothing; when they are many, collect rows that are not made from those that there are.
"""

from __future__ import annotations

from collections import Counter

from sintonia.prepare.audit import Audit, percent
from sintonia.records import Finding

CODE = "D139"
MANY_FRACTION = 0.1


def check(audit: Audit) -> Finding | None:
    """One finding for all of them, by the reason."""
    removed = audit.dropped_as("added leak", "added late")
    if not removed:
        return None
    num_read = sum(one.rows_in for one in audit.added)
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in Counter(one.reason for one in removed).items())
    return Finding(
        code=CODE,
        severity="warning" if len(removed) > MANY_FRACTION * num_read else "note",
        count=len(removed),
        message=f"{len(removed):,} of {num_read:,} added rows ({percent(len(removed), num_read)}) are set aside: "
        f"{reasons}",
        hint="nothing to do; when they are many, collect rows that are not made from those that there are",
        places=audit.places_of(removed),
    )
