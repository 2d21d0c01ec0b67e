"""D105: classes with very few training examples.

What: classes with fewer than 8 examples left for training (science.md 3.5).
Why it matters: from so few a model learns the wording of the examples, not the class, and a score on the one or
two in the test says nothing about it.
What to do: add examples of these classes, at least 8 and better 50 each, or merge them.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, named
from sintonia.records import Finding

CODE = "D105"
MIN_TRAIN_EXAMPLES = 8


def check(audit: Audit) -> Finding | None:
    """One finding that names the thin classes."""
    counts = audit.counts("train")
    thin = sorted((target for target in counts if counts[target] < MIN_TRAIN_EXAMPLES), key=counts.__getitem__)
    if not thin:
        return None
    return Finding(
        code=CODE,
        severity="warning",
        count=len(thin),
        message=(
            f"{len(thin)} of {len(counts)} classes have fewer than {MIN_TRAIN_EXAMPLES} training examples "
            f"(the fewest: {counts[thin[0]]}): {named(thin)}"
        ),
        hint=f"add examples of them, at least {MIN_TRAIN_EXAMPLES} each, or merge them into others",
    )
