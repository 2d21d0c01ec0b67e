"""D108: classes that the test cannot measure.

What: classes with no example in the test, because all their rows belong to one or two groups.
Why it matters: nothing can be said about how well the model does on them; the scores are about the others.
What to do: add rows of these classes that are not copies of, and not in the same group as, the ones there are.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, named
from sintonia.records import Finding

CODE = "D108"


def check(audit: Audit) -> Finding | None:
    """One finding that names the classes absent from the test."""
    tested, all_classes = audit.counts("test"), audit.counts()
    absent = sorted(target for target in all_classes if target not in tested)
    if not absent:
        return None
    return Finding(
        code=CODE,
        severity="note",
        count=len(absent),
        message=f"{len(absent)} of {len(all_classes)} classes have no example in the test: {named(absent)}",
        hint="add rows of these classes that belong to other groups",
    )
