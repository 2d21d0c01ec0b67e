"""D126: personal data in the texts.

What: e-mail addresses, telephone numbers, bank accounts, cards, tax and identity numbers and the like, in texts and
answers of at most 200,000 rows drawn evenly. The finding says which kinds in how many rows, and never a value.
Why it matters: a model can learn such values by heart and give them away, and the law asks for a reason to use them.
What to do: `sintonia redact` puts a placeholder for each value, the same for the same value.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, kinds_in_rows, percent, rows_in_words
from sintonia.privacy.detect import find_personal_data
from sintonia.records import Finding

CODE = "D126"


def check(audit: Audit) -> Finding | None:
    """One warning for all kinds."""
    kinds, held, num_looked_at = kinds_in_rows(audit, lambda text: {one.kind for one in find_personal_data(text)})
    if not held:
        return None
    listed = ", ".join(f"{kind.replace('_', ' ').lower()} in {count:,}" for kind, count in kinds.most_common(8))
    looked_at = "" if num_looked_at == len(audit.rows) else " that were looked at"
    return Finding(
        code=CODE,
        severity="warning",
        count=len(held),
        message=(
            f"{rows_in_words(len(held))} of {num_looked_at:,}{looked_at} ({percent(len(held), num_looked_at)}) hold "
            f"personal data: {listed}"
        ),
        hint="replace them with `sintonia redact`, or keep them if you may and must",
        places=audit.places(held),
    )
