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
STOP_FRACTION = 0.01


def is_stopping(num_leaked: int, num_tested: int) -> bool:
    """Whether so many leaked examples make a test worthless.

    >>> is_stopping(3, 300), is_stopping(4, 300)
    (False, True)
    """
    return num_leaked > STOP_FRACTION * num_tested


def check(audit: Audit) -> Finding | None:
    """One finding for the texts that two sets share."""
    leaked, removed = len(audit.leaks.tested), audit.dropped_as("leak")
    if not leaked and not removed:
        return None
    tested = len(audit.in_set("test"))
    share = percent(leaked, tested)
    is_stop = is_stopping(leaked, tested)
    fate = "trained on all the same" if is_stop else f"{rows_in_words(len(removed))} of training set aside"
    return Finding(
        code=CODE,
        severity="stop" if is_stop else "warning",
        count=leaked or len(removed),
        message=f"{leaked:,} of {tested:,} test rows ({share}) have a text that is trained on too: {fate}",
        hint="take them out of the training file: `sintonia check DATA --test TEST --fix clean.jsonl` does it",
        places=audit.places(audit.leaks.tested) or audit.places_of(removed),
    )
