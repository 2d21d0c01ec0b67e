"""D126: personal data in the texts.

What: e-mail addresses, telephone numbers, bank accounts, cards, tax and identity numbers and the like, in texts and
answers of at most 200,000 rows drawn evenly. The finding says which kinds in how many rows, and never a value.
Why it matters: a model can learn such values by heart and give them away, and the law asks for a reason to use them.
What to do: `sintonia redact` puts a placeholder for each value, the same for the same value.
"""

from __future__ import annotations

from collections import Counter

from sintonia.prepare.audit import Audit, percent, rows_in_words
from sintonia.privacy.detect import find_personal_data
from sintonia.records import Finding

CODE = "D126"
_MOST_ROWS = 200_000


def check(audit: Audit) -> Finding | None:
    """One warning for all kinds."""
    positions = audit.rows.draw(_MOST_ROWS)
    kinds: Counter[str] = Counter()
    held: list[int] = []
    rows = audit.rows.only(positions)
    for position, row in zip(positions.tolist(), rows.scan(), strict=True):
        found = {match.kind for text in (row.text, row.answer) for match in find_personal_data(text)}
        if found:
            kinds.update(found)
            held.append(position)
    if not held:
        return None
    listed = ", ".join(f"{kind.replace('_', ' ').lower()} in {count:,}" for kind, count in kinds.most_common(8))
    looked_at = "" if len(positions) == len(audit.rows) else " that were looked at"
    return Finding(
        code=CODE,
        severity="warning",
        count=len(held),
        message=(
            f"{rows_in_words(len(held))} of {len(positions):,}{looked_at} ({percent(len(held), len(positions))}) hold "
            f"personal data: {listed}"
        ),
        hint="replace them with `sintonia redact`, or keep them if you may and must",
        places=audit.places(held),
    )
