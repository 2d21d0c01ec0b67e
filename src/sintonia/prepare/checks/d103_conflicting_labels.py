"""D103: the same text with different targets.

What: rows whose text is the same (case, punctuation and spaces aside) and whose targets differ. They are used,
and kept together in one set.
Why it matters: at least one of the targets is wrong, or the text alone does not decide; no model can be right on
all of them. Above 5 % of the rows it is a stop: the labels need work before a model does.
What to do: correct the targets, or give the model what decides between them.
"""

from __future__ import annotations

from collections import defaultdict

from sintonia.prepare.audit import Audit, percent, rows_in_words
from sintonia.records import Finding

CODE = "D103"
STOP_FRACTION = 0.05


def check(audit: Audit) -> Finding | None:
    """One finding for all conflicting rows."""
    targets: dict[str, set[str]] = defaultdict(set)
    for row in audit.rows:
        targets[row.text_key].add(row.target)
    lines = [row.line for row in audit.rows if len(targets[row.text_key]) > 1]
    if not lines:
        return None
    texts = sum(len(held) > 1 for held in targets.values())
    share = percent(len(lines), len(audit.rows))
    return Finding(
        code=CODE,
        severity="stop" if len(lines) > STOP_FRACTION * len(audit.rows) else "warning",
        count=len(lines),
        message=(
            f"{rows_in_words(len(lines))} ({share}) have a text that occurs with different targets "
            f"({texts:,} text{'s' if texts > 1 else ''})"
        ),
        hint="correct the targets of the listed lines, or give the model what decides between them",
        places=audit.places(lines),
    )
