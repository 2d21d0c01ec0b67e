"""D114: rows of the test that are nearly the same as rows of the training set.

What: test rows with a near-copy (see D112) in training. It happens with a test set of your own, and with rows added
to an old split.
Why it matters: they are easier than what the model will meet, so the score is somewhat too good. Some are natural:
people ask the same things in nearly the same words.
What to do: look at some; when they are copies with small changes, take them out of the training file.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, percent
from sintonia.records import Finding

CODE = "D114"
MANY_FRACTION = 0.1


def check(audit: Audit) -> Finding | None:
    """One finding for the near-copies of test rows."""
    near, tested = audit.leaks.near, len(audit.in_set("test"))
    if not len(near):
        return None
    return Finding(
        code=CODE,
        severity="warning" if len(near) > MANY_FRACTION * tested else "note",
        count=len(near),
        message=f"{len(near):,} of {tested:,} test rows ({percent(len(near), tested)}) have a near-copy in training",
        hint="look at some: when they are copies with small changes, take those out of the training file",
        places=audit.places(near),
    )
