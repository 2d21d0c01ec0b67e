"""D113: rows of the test that are also trained on.

What: texts (case, punctuation and spaces aside) of your own test or validation set that are in the training set
too.
Why it matters: on these the model is asked what it was told, so the score is too good. Above 1 % of the test it is a
stop, and a verdict in spite of it is `invalid`; below, the training rows are set aside and the test is left whole.
What to do: take them out of the training file: `sintonia check DATA --test TEST --fix clean.jsonl` does it.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, percent, rows_in_words
from sintonia.records import Finding

CODE = "D113"


def check(audit: Audit) -> Finding | None:
    """One finding for the texts that two sets share."""
    leaks, removed = audit.leaks, audit.dropped_as("leak")
    if not leaks.num_found and not removed:
        return None
    tested = len(audit.in_set("test"))
    told = []
    if leaks.num_found:
        share = percent(leaks.num_found, tested)
        told.append(f"{leaks.num_found:,} of {tested:,} test rows ({share}) have a text that is trained on too")
    if leaks.is_stopping:
        told.append("nothing was taken out")
    else:
        told.append(f"{rows_in_words(len(removed))} that stand in two sets are set aside, the test is left whole")
    return Finding(
        code=CODE,
        severity="stop" if leaks.is_stopping else "warning",
        count=leaks.num_found or len(removed),
        message=": ".join(told),
        hint="take them out of the training file: `sintonia check DATA --test TEST --fix clean.jsonl` does it",
        places=audit.places(leaks.tested) or audit.places_of(removed),
    )
