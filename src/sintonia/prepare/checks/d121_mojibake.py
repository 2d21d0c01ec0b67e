"""D121: texts that were read in the wrong encoding.

What: texts or answers with `Ã¨` where `è` stood, `â€™` where `’` stood: UTF-8 read as Windows-1252 or Latin-1,
once or several times (ftfy's patterns; only what can be decoded again is counted).
Why it matters: the base has hardly seen such words, and in use people will write the right ones; a class whose rows
came from another export is told apart by its damage.
What to do: export the data as UTF-8, or let `sintonia check --fix` decode the texts again.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, Seen, percent, rows_in_words
from sintonia.prepare.mending.repair import repair_encoding
from sintonia.prepare.rows import Labelled
from sintonia.records import Finding

CODE = "D121"
TASKS: frozenset[str] | None = None
_MANY = 0.01


def suspect(row: Labelled) -> bool:
    """Whether a repair of the encoding would change the text or the answer. Plain ASCII costs nothing."""
    if row.text.isascii() and row.answer.isascii():
        return False
    return repair_encoding(row.text) != row.text or repair_encoding(row.answer) != row.answer


def finding(audit: Audit, seen: Seen) -> Finding | None:
    """A note up to 1 % of the rows, a warning above."""
    if not seen.count:
        return None
    return Finding(
        code=CODE,
        severity="warning" if seen.count > _MANY * seen.looked_at else "note",
        count=seen.count,
        message=(
            f"{rows_in_words(seen.count)} of {seen.looked_at:,} ({percent(seen.count, seen.looked_at)}) were read in "
            "the wrong encoding, as `Ã¨` for `è`"
        ),
        hint="export the data as UTF-8, or decode them again with `sintonia check DATA --fix OUT`",
        places=audit.places(seen.positions),
    )
