"""Where a text holds personal data: `find_personal_data`, and `hide`, which masks them. It changes no file.

No detector finds everything. Looked for are forms that a pattern, a checksum or a word beside them gives away (see
`kinds/`); names, addresses, birth dates, passports and anything spelled in words are **not** found. Numbers that are
a bare string of digits are claimed only with a word beside them that says what they are (English, Italian, or the
language of their country). Digits are the ASCII ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sintonia.privacy.context import Context
from sintonia.privacy.kinds import KINDS, WITHOUT_DIGITS, WITHOUT_NUMBER

_TRIGGER = re.compile("[0-9@]")
KIND_NAMES = tuple(dict.fromkeys(one.kind for one in KINDS))
"""Every kind that is looked for, in no particular order."""


@dataclass(frozen=True, slots=True)
class Match:
    """Personal data at `text[start:end]`."""

    kind: str
    start: int
    end: int


def find_personal_data(text: str) -> tuple[Match, ...]:
    """The personal data in a text, in order, none overlapping another; the stronger kind keeps a contested place.

    Linear in the length of the text; a text without a digit or an `@` costs next to nothing.

    >>> find_personal_data("Scrivi a anna@example.org")
    (Match(kind='email', start=9, end=25),)
    """
    context = Context(text)
    kinds = WITHOUT_DIGITS
    if _TRIGGER.search(text):
        kinds = KINDS if context.has_number else WITHOUT_NUMBER
    claims = [(one.strength, Match(one.kind, start, end)) for one in kinds for start, end in one.find(context)]
    if len(claims) < 2:
        return tuple(match for _, match in claims)
    return _without_overlaps(claims)


def _without_overlaps(claims: list[tuple[int, Match]]) -> tuple[Match, ...]:
    """The strongest claims first, then the longest, then the earliest; each takes its place if it is free."""
    covered = bytearray(max(match.end for _, match in claims))
    kept = []
    for _, match in sorted(claims, key=lambda claim: (-claim[0], claim[1].start - claim[1].end, claim[1].start)):
        if not any(covered[match.start : match.end]):
            covered[match.start : match.end] = bytes([1]) * (match.end - match.start)
            kept.append(match)
    return tuple(sorted(kept, key=lambda match: match.start))
