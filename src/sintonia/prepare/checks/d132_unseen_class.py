"""D132: classes that training does not have.

What: classes of your own test or validation file without a row in the training set. Test rows of them are kept, and
count as wrong answers; validation rows of them are set aside.
Why it matters: the model cannot give an answer that it was never taught; leaving these rows out would flatter it.
What to do: add training rows of these classes; or, where they are spelled differently in the two files, write them in
one way.
"""

from __future__ import annotations

import numpy as np

from sintonia.prepare.audit import Audit, named, rows_in_words
from sintonia.records import Finding

CODE = "D132"


def check(audit: Audit) -> Finding | None:
    """One finding that names the classes."""
    removed = audit.dropped_as("unseen")
    tested = audit.in_set("test") if audit.rows.classes and audit.num_parts == 1 else np.array([], dtype=np.int64)
    unseen = tested[~np.isin(audit.rows.codes[tested], audit.rows.codes[audit.in_set("train")])]
    if not len(unseen) and not removed:
        return None
    told = []
    if len(unseen):
        names = sorted({audit.rows.classes[code] for code in audit.rows.codes[unseen]})
        told.append(f"{rows_in_words(len(unseen))} of the test are of classes without a training row: {named(names)}")
    if removed:
        told.append(f"{rows_in_words(len(removed))} of the validation set are of such classes: set aside")
    return Finding(
        code=CODE,
        severity="warning",
        count=len(unseen) + len(removed),
        message="; ".join(told),
        hint="add training rows of these classes, or spell the classes in one way",
        places=audit.places(unseen) or audit.places_of(removed),
    )
