"""D103: the same text with different targets.

What: rows whose text is the same (case, punctuation and spaces aside) and whose targets differ. They are used,
and kept together in one set.
Why it matters: at least one of the targets is wrong, or the text alone does not decide; no model can be right on
all of them. Above 5 % of the rows it is a stop: the labels need work before a model does.
What to do: correct the targets, or give the model what decides between them.
"""

from __future__ import annotations

import numpy as np

from sintonia.prepare.audit import Audit, percent, rows_in_words
from sintonia.records import Finding

CODE = "D103"
STOP_FRACTION = 0.05


def check(audit: Audit) -> Finding | None:
    """One finding for all conflicting rows."""
    if not audit.rows.classes:
        return None
    keys, inverse = np.unique(audit.rows.text_keys, return_inverse=True)
    pairs = np.unique(inverse * len(audit.rows.classes) + audit.rows.codes)
    has_several = np.bincount(pairs // len(audit.rows.classes), minlength=len(keys)) > 1
    conflicting = np.flatnonzero(has_several[inverse])
    if not len(conflicting):
        return None
    texts = int(has_several.sum())
    share = percent(len(conflicting), len(audit.rows))
    return Finding(
        code=CODE,
        severity="stop" if len(conflicting) > STOP_FRACTION * len(audit.rows) else "warning",
        count=len(conflicting),
        message=(
            f"{rows_in_words(len(conflicting))} ({share}) have a text that occurs with different targets "
            f"({texts:,} text{'s' if texts > 1 else ''})"
        ),
        hint="correct the targets of the listed lines, or give the model what decides between them",
        places=audit.places(conflicting),
    )
