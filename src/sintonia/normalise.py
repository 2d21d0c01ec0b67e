"""When two texts count as the same text, and the keys that say so. It never changes a text that is kept."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import cache

_SHORT = 1_000


class _Kept(dict[int, str | None]):
    """Translation table, filled as characters are met: punctuation, spaces and controls go, symbols stay."""

    def __missing__(self, codepoint: int) -> str | None:
        character = chr(codepoint)
        kept = None if unicodedata.category(character)[0] in "PZC" else character
        self[codepoint] = kept
        return kept


_KEPT = _Kept()


@cache
def _piles() -> re.Pattern[str]:
    """Thirty combining marks, and those after them."""
    marks = [chr(code) for code in range(0x300, 0x110000) if unicodedata.combining(chr(code))]
    kind = "[" + "".join(re.escape(mark) for mark in marks) + "]"
    return re.compile(f"({kind}{{30}}){kind}+")


def stream_safe(text: str) -> str:
    """The text with no more than thirty combining marks on a letter: to sort more takes time by their square.

    No writing has so many (Unicode Standard Annex 15, Stream-Safe Text Format).
    """
    return text if text.isascii() or len(text) <= _SHORT else _piles().sub(r"\1", text)


def normalised(text: str) -> str:
    """The text without what rarely matters: NFKC, lower case, no punctuation, no spaces (science.md 3.3).

    A text of nothing but punctuation keeps it. Symbols such as `+` or an emoji stay: they may be the meaning.

    >>> normalised("  Turn ON the light! ")
    'turnonthelight'
    >>> normalised("?!")
    '?!'
    """
    folded = unicodedata.normalize("NFKC", stream_safe(text)).casefold()
    return folded.translate(_KEPT) or "".join(folded.split())


def short_hash(*parts: str) -> str:
    """16 hex digits that stand for some texts; nobody reads the texts in them."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", errors="surrogatepass")).hexdigest()[:16]
