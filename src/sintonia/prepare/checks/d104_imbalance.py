"""D104: a class far rarer than the others.

What: the rarest class has less than a tenth of an even share of the rows (science.md 3.5), or one class has more than
four rows in five.
Why it matters: a model can ignore the rare classes and still have a high accuracy, so macro-F1 is the primary metric
then, unless another was asked for.
What to do: collect examples of the rare classes, or merge them.
"""

from __future__ import annotations

from sintonia.prepare.audit import EVEN_SHARE_FRACTION, Audit, is_imbalanced, named, percent, rows_in_words
from sintonia.records import Finding

CODE = "D104"


def check(audit: Audit) -> Finding | None:
    """One finding that names the rare classes."""
    counts = audit.counts()
    if not counts or not is_imbalanced(counts):
        return None
    even = sum(counts.values()) / len(counts)
    below = EVEN_SHARE_FRACTION * even if min(counts.values()) < EVEN_SHARE_FRACTION * even else even
    rare = sorted((target for target in counts if counts[target] < below), key=counts.__getitem__)
    least, verb = counts[rare[0]], "is" if len(rare) == 1 else "are"
    return Finding(
        code=CODE,
        severity="warning",
        count=len(rare),
        message=(
            f"{len(rare)} of {len(counts)} classes {verb} rare: {named(rare)}; the rarest has "
            f"{rows_in_words(least)} ({percent(least, len(audit.rows))}), the largest {max(counts.values()):,}; "
            f"the primary metric is {audit.primary_metric}"
        ),
        hint="collect examples of the rare classes, or merge them into others",
    )
