"""How one kind of personal datum is recognised: its pattern, its check, the words it needs or that speak against it.

Every pattern is linear in the length of the text: no nested repetition, every repetition bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from sintonia.privacy.context import Context

DIGIT = r"(?<!\w[0-9])(?<![0-9]\.[0-9])(?<![0-9A-Za-z]-[0-9])"
"""After a first digit: nothing glued to its left, no decimal point, no part of a longer code with hyphens."""

END = r"(?![0-9A-Za-z_])(?!\.[0-9])(?!-[0-9A-Za-z])(?!,[0-9]{1,6}(?![0-9]))"
"""After the last character: nothing glued to its right, no decimals."""


class Kind(Protocol):
    """What finds one kind of personal datum in a text."""

    kind: str
    strength: int
    """Which one keeps the place when two kinds claim it: 5 checksum and form of its own, 1 a guess."""

    def find(self, context: Context) -> Iterator[tuple[int, int]]:
        """Start and end of each one in `context.text`."""


def always(_: str) -> bool:
    """The form never speaks for itself."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind that a pattern finds and, where there is one, a checksum confirms."""

    kind: str
    pattern: re.Pattern[str]
    strength: int
    is_valid: Callable[[str], bool] | None = None
    """Is handed the digits and letters alone, in capitals."""
    family: str | None = None
    """Words of this family tell what it is."""
    is_plain: Callable[[str], bool] | None = None
    """Forms that need a word of the family beside them; those that do not are told from others by their form."""

    is_unmistakable: bool = False
    """Its form and check are so rare that a word before it (`codice`, `fattura`) does not make it something else."""

    has_letter: bool = False
    """Its form holds a letter: a text of digits and marks alone is not searched."""

    def find(self, context: Context) -> Iterator[tuple[int, int]]:
        """Start and end of each one in `context.text`."""
        if self.has_letter and not context.has_letter:
            return
        if self.is_plain is always and not context.has(self.family or ""):
            return
        for match in self.pattern.finditer(context.text):
            if self._is_claimed(match.group(), match.start(), match.end(), context):
                yield match.span()

    def _is_claimed(self, found: str, start: int, end: int, context: Context) -> bool:
        needs_word = self.is_plain is not None and self.is_plain(found)
        if needs_word and not (self.family and context.is_near(self.family, start, end)):
            return False
        if self.is_valid is not None and not self.is_valid(bare(found)):
            return False
        if self.is_unmistakable and not needs_word:
            return True
        return not context.is_reference(start, self.family)


_SEPARATORS = re.compile(r"[\W_]+")


def bare(text: str) -> str:
    """Digits and letters alone, in capitals."""
    return _SEPARATORS.sub("", text).upper()
