"""Replaces personal data consistently: the same value, however it is spelled, gets the same placeholder.

It works on text alone and touches no file. What `detect` does not find stays where it is.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter

from sintonia.privacy.cells import Edit, edited
from sintonia.privacy.detect import KIND_NAMES, Match, find_personal_data
from sintonia.privacy.kinds.phone import phone_identity
from sintonia.privacy.shape import bare

_PLACEHOLDER = re.compile(r"\[([A-Z][A-Z_]*)_([1-9][0-9]{0,8})\]")


def identity(kind: str, value: str) -> str:
    """One spelling for all spellings of a value: case and separators folded, telephone numbers in full."""
    if kind == "email":
        return value.casefold()
    if kind == "phone":
        return phone_identity(value)
    if kind == "ip_address":
        return str(ipaddress.ip_address(value))
    return bare(value).removeprefix("IT") if kind == "partita_iva" else bare(value)


def placeholder_kinds(text: str) -> set[str]:
    """The kinds of which a text holds placeholders."""
    return {match[1].lower() for match in _PLACEHOLDER.finditer(text)} & set(KIND_NAMES)


class Redactor:
    """Replaces values by placeholders such as `[EMAIL_1]`, the same one throughout its life.

    Its memory grows with the number of distinct values, and with nothing else.
    """

    def __init__(self) -> None:
        self.mapping: dict[str, str] = {}
        """Placeholder -> the value as it was first spelled."""
        self.num_replaced: Counter[str] = Counter()
        """Kind -> how many places were replaced."""
        self._placeholders: dict[tuple[str, str], str] = {}
        self._numbers: Counter[str] = Counter()

    @property
    def num_distinct(self) -> Counter[str]:
        """Kind -> how many different values were replaced."""
        return Counter(kind for kind, _ in self._placeholders)

    def reserve(self, text: str) -> None:
        """Never gives out a placeholder that already stands in this text."""
        for match in _PLACEHOLDER.finditer(text):
            kind = match[1].lower()
            self._numbers[kind] = max(self._numbers[kind], int(match[2]))

    def redact(self, text: str, title: str = "") -> str:
        """The text with each value replaced; all else is the same, character by character.

        `title` is the name of the column or key that the text stands under: it counts as words before it.
        """
        return edited(text, self.edits(text, title))

    def edits(self, text: str, title: str = "") -> list[Edit]:
        """Where the values stand in the text, and what replaces them."""
        opening = f"{title}: " if title else ""
        before = len(opening)
        found = [one for one in find_personal_data(opening + text) if one.start >= before]
        places = [(one, one.start - before, one.end - before) for one in found]
        return [(start, end, self._placeholder(one, text[start:end])) for one, start, end in places]

    def _placeholder(self, match: Match, value: str) -> str:
        self.num_replaced[match.kind] += 1
        key = (match.kind, identity(match.kind, value))
        if key not in self._placeholders:
            self._numbers[match.kind] += 1
            self._placeholders[key] = f"[{match.kind.upper()}_{self._numbers[match.kind]}]"
            self.mapping[self._placeholders[key]] = value
        return self._placeholders[key]


def restore(text: str, mapping: dict[str, str]) -> str:
    """The text with each placeholder of the mapping replaced by its value, as it was first spelled."""
    return edited(text, restoring(text, mapping))


def restoring(text: str, mapping: dict[str, str]) -> list[Edit]:
    """Where placeholders of the mapping stand in the text, and their values."""
    found = _PLACEHOLDER.finditer(text)
    return [(one.start(), one.end(), mapping[one[0]]) for one in found if one[0] in mapping]
