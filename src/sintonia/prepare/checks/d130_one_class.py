"""D130: a set with one class only.

What: all examples of the validation set, or of the test, have the same target.
Why it matters: whoever always gives that answer is perfect there; nothing can be chosen and nothing judged by it.
What to do: add rows of the other classes, or another validation or test file.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, named
from sintonia.records import Finding, Split

CODE = "D130"


def check(audit: Audit) -> Finding | None:
    """One finding for the sets that cannot tell anything apart."""
    held_out: tuple[Split, ...] = ("validation", "test")
    alone = {split: counts for split in held_out if len(counts := audit.counts(split)) == 1}
    if not alone:
        return None
    sets = " and ".join("test" if split == "test" else "validation set" for split in alone)
    return Finding(
        code=CODE,
        severity="stop",
        count=len(alone),
        message=f"the {sets} holds one class only: {named({label for counts in alone.values() for label in counts})}",
        hint="add rows of the other classes that belong to other groups, or take another file for that set",
    )
