"""When two texts count as the same text, and the keys that say so. It never changes a text that is kept."""

from __future__ import annotations

import hashlib
import unicodedata


class _Kept(dict[int, str | None]):
    """Translation table, filled as characters are met: punctuation, spaces and controls go, symbols stay."""

    def __missing__(self, codepoint: int) -> str | None:
        character = chr(codepoint)
        kept = None if unicodedata.category(character)[0] in "PZC" else character
        self[codepoint] = kept
        return kept


_KEPT = _Kept()


def normalised(text: str) -> str:
    """The text without what rarely matters: NFKC, lower case, no punctuation, no spaces (science.md 3.3).

    A text of nothing but punctuation keeps it. Symbols such as `+` or an emoji stay: they may be the meaning.

    >>> normalised("  Turn ON the light! ")
    'turnonthelight'
    >>> normalised("?!")
    '?!'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded.translate(_KEPT) or "".join(folded.split())


def short_hash(*parts: str) -> str:
    """16 hex digits that stand for some texts; nobody reads the texts in them."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", errors="surrogatepass")).hexdigest()[:16]
