"""D101: rows that cannot be used.

What: rows whose input or target is empty, or not what their form asks for (a message without a role, say); they
are set aside with the reason and never used. So are the rows that were dropped in a review.
Why it matters: an export that lost values often lost them for one kind of row, which tilts what is learned.
What to do: look at the listed lines; correct them, or remove the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sintonia.prepare.audit import Audit, Dropped, percent, rows_in_words
from sintonia.records import Finding

CODE = "D101"


def check(audit: Audit) -> Finding | None:
    """One finding for all rows set aside as unusable, or because a person said so."""
    unusable, reviewed = audit.dropped_as("unusable"), audit.dropped_as("reviewed")
    if not unusable and not reviewed:
        return None
    told = []
    if unusable:
        share = percent(len(unusable), audit.rows_in)
        told.append(f"{rows_in_words(len(unusable))} of {audit.rows_in:,} ({share}) cannot be used: {_why(unusable)}")
    if reviewed:
        told.append(f"{rows_in_words(len(reviewed))} dropped in a review")
    return Finding(
        code=CODE,
        severity="warning" if len(unusable) * 20 > audit.rows_in else "note",
        count=len(unusable) + len(reviewed),
        message=f"{'; '.join(told)}; set aside",
        hint="correct or remove them; a run lists each one with its reason in `data/set_aside.jsonl`",
        places=audit.places_of([*unusable, *reviewed]),
    )


def _why(unusable: Sequence[Dropped]) -> str:
    """The commonest reasons."""
    reasons = Counter(one.reason for one in unusable)
    told = [f"{reason} ({count:,})" for reason, count in reasons.most_common(3)]
    rest = len(reasons) - len(told)
    return ", ".join(told) + (f" and {rest} more reason{'s' if rest > 1 else ''}" if rest > 0 else "")
