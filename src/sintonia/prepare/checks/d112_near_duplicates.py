"""D112: rows that are nearly the same.

What: rows whose inputs differ by a few characters or words only (Jaccard similarity of their shingles, science.md
3.3; candidates by MinHash, each one verified). They are used, and kept together in one set, unless a group column
says what belongs together.
Why it matters: apart, they would let the model be tested on what it has seen in training, and flatter it. Many of
them mean that there is less to learn from, and less to test with, than the number of rows says.
What to do: usually nothing. When they are many, ask how the rows were made: copied, filled into templates, or
written by a model; and say which belong together with a group column.
"""

from __future__ import annotations

import numpy as np

from sintonia.prepare.audit import Audit, percent, rows_in_words
from sintonia.records import Finding

CODE = "D112"
MANY_FRACTION = 0.5


def check(audit: Audit) -> Finding | None:
    """One finding for all near-duplicates."""
    is_together = audit.groups[audit.near.first] == audit.groups[audit.near.second]
    is_meant = is_together | (audit.group_column is not None)
    alike = np.union1d(audit.near.first[is_meant], audit.near.second[is_meant])
    if not len(alike):
        return None
    share = percent(len(alike), len(audit.rows))
    fate = f"; the {len(audit.rows):,} rows make {len(np.unique(audit.groups)):,} groups that stay together"
    return Finding(
        code=CODE,
        severity="warning" if len(alike) > MANY_FRACTION * len(audit.rows) else "note",
        count=len(alike),
        message=(
            f"{rows_in_words(len(alike))} ({share}) are nearly the same as another row"
            f"{fate if audit.group_column is None else ''}"
        ),
        hint="nothing to do; when they are many, ask how the rows were made"
        + (", or name a group column (`data.group`)" if audit.group_column is None else ""),
        places=audit.places(alike[:100]),
    )
