"""D117: the data differ from real use.

What: the test of D116 between the rows of the data and a sample of the texts that the model will meet in use
(`--production FILE`, `data.production`). Each text counts once, at most 1,000 on each side.
Why it matters: the score promises what the model does on texts like the test's. Unlike texts get unlike results,
and nothing in the test can show it.
What to do: label some of the real texts and add them, to the test first. Look at the words that tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sintonia.normalise import normalised
from sintonia.prepare.audit import Audit
from sintonia.prepare.checks.d116_drift import (
    MIN_TEXTS,
    MOST_TEXTS,
    counts,
    drawn,
    evidence,
    in_words,
    one_of_each_group,
    severity_of,
)
from sintonia.records import Finding
from sintonia.statistics.two_sample import compare_texts

CODE = "D117"


def check(audit: Audit) -> Finding | None:
    """One finding when there is a file of real texts and they differ from the data."""
    return check_production(audit, audit.production) if audit.production else None


def check_production(audit: Audit, texts: Sequence[str]) -> Finding | None:
    """One finding when the data differ from these texts, or when there are too few to tell."""
    unique = list({normalised(text): text for text in texts if text.strip()}.values())
    rows = one_of_each_group(audit, np.arange(len(audit.rows)))
    num_each = min(len(unique), len(rows), MOST_TEXTS)
    if num_each < MIN_TEXTS:
        few = f"{len(unique)} different texts of real use" if len(unique) < MIN_TEXTS else f"{len(rows)} groups of rows"
        return Finding(
            code=CODE,
            severity="note",
            count=num_each,
            message=f"the data could not be compared with real use: {few}, {MIN_TEXTS} are needed",
            hint="collect more texts of real use; they need no labels",
        )
    ours = [audit.rows.text_at(int(row)) for row in drawn(rows, num_each)]
    theirs = [unique[int(row)] for row in drawn(np.arange(len(unique)), num_each)]
    result = compare_texts(ours, theirs)
    if not counts(result):
        return None
    return Finding(
        code=CODE,
        severity=severity_of(result),
        count=result.num_each,
        message=f"the data differ {in_words(result)} from real use: {evidence(audit, result, 'data', 'real')}",
        hint="label some of the real texts and add them, to the test first",
    )
