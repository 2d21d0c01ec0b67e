"""D149: personal data that were replaced.

What: placeholders as `sintonia redact` puts them, such as `[EMAIL_1]`, in texts and answers of at most 200,000 rows
drawn evenly. The finding says of which kinds and in how many rows.
Why it matters: it is what was done to protect people, and belongs into the report. The model also learns to write
such placeholders, and whoever uses it has to replace the values of new texts in the same way.
What to do: run `sintonia redact` on what the model is asked later too.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, kinds_in_rows, rows_in_words
from sintonia.privacy.redact import placeholder_kinds
from sintonia.records import Finding

CODE = "D149"


def check(audit: Audit) -> Finding | None:
    """One note for all kinds."""
    kinds, held, num_looked_at = kinds_in_rows(audit, placeholder_kinds)
    if not held:
        return None
    listed = ", ".join(f"{kind.replace('_', ' ')} in {count:,}" for kind, count in kinds.most_common(8))
    return Finding(
        code=CODE,
        severity="note",
        count=len(held),
        message=f"in {rows_in_words(len(held))} of {num_looked_at:,} personal data were replaced: {listed}",
        hint="replace those of new texts too, with `sintonia redact`, before the model is asked",
        places=audit.places(held),
    )
