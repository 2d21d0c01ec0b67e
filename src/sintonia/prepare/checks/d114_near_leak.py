"""D114: rows of the test that are nearly the same as rows of the training set.

What: test rows with a near-copy (see D112) in training, or with a value in the group column that is trained on too.
It happens with a test set of your own, with rows added to an old split, and in ten parts with near-copies that are
too many for one group: every row is tested in two of the parts, and all rows are counted.
Why it matters: they are easier than what the model will meet, so the score is somewhat too good. Some are natural:
people ask the same things in nearly the same words.
What to do: look at some; when they are copies with small changes, take them out of the training file.
"""

from __future__ import annotations

import numpy as np

from sintonia.prepare.audit import Audit, percent
from sintonia.records import Finding

CODE = "D114"
MANY_FRACTION = 0.1


def check(audit: Audit) -> Finding | None:
    """One finding for the near-copies of test rows, and for groups that the test shares with training."""
    leaks = audit.leaks
    tested, rows, found = len(audit.in_set("test")), "test rows", "have a near-copy in training"
    if audit.num_parts > 1:  # each row is tested in two of the parts
        tested, rows = len(audit.rows) - audit.num_added, "rows"
        found = "have a near-copy in another group, which a part that tests them may train on"
    told = []
    if len(leaks.near):
        told.append(f"{len(leaks.near):,} of {tested:,} {rows} ({percent(len(leaks.near), tested)}) {found}")
    if len(leaks.grouped):
        share = percent(len(leaks.grouped), tested)
        told.append(f"{len(leaks.grouped):,} of {tested:,} {rows} ({share}) are of a group that is trained on")
    if not told:
        return None
    suspects = np.union1d(leaks.near, leaks.grouped)
    return Finding(
        code=CODE,
        severity="warning" if len(suspects) > MANY_FRACTION * tested else "note",
        count=len(suspects),
        message="; ".join(told),
        hint="look at some: when they are copies with small changes, take those out of the training file",
        places=audit.places(suspects),
    )
