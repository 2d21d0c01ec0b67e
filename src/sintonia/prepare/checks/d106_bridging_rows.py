"""D106: rows that tie two sets together.

What: rows added since the split was recorded whose text is in one set and whose group, or a near-copy, is in
another, or that are of a class with no row in the training set. They are set aside.
Why it matters: used anywhere, they would let the model see in training what it is tested on; and to move the old
rows instead would change the test that earlier verdicts rest on.
What to do: usually nothing. When they are many, start a new split by removing the `split*.jsonl` files beside the
data: earlier verdicts then no longer compare.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, percent, rows_in_words
from sintonia.records import Finding

CODE = "D106"


def check(audit: Audit) -> Finding | None:
    """One finding for all rows that the recorded split has no place for."""
    bridging, orphaned = audit.dropped_as("bridging"), audit.dropped_as("orphaned")
    count = len(bridging) + len(orphaned)
    if not count:
        return None
    parts = [f"{rows_in_words(len(bridging))} would tie two sets together"] if bridging else []
    parts += [f"{rows_in_words(len(orphaned))} are of a class without training rows"] if orphaned else []
    return Finding(
        code=CODE,
        severity="warning",
        count=count,
        message=f"{' and '.join(parts)} under the recorded split ({percent(count, audit.rows_in)}): set aside",
        hint="when they are many, remove the recorded `split*.jsonl` beside the data for a new split",
        places=audit.places_of((*bridging, *orphaned)),
    )
