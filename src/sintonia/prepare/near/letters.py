"""Texts as one flat array of code points, folded so that case, punctuation and spacing do not count.

Whole blocks of texts are folded at once: a million texts one by one would take longer than everything that follows.
Nothing here knows what a shingle is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.normalise import stream_safe

_DROPPED, _LETTER, _SPACE, _BORDER, _UNKNOWN = 0, 1, 2, 3, 255
_SEPARATOR = "\0"
SPACE = 32
MOST_LETTERS = 200_000
"""Of a longer text the beginning is compared."""


def _new_kinds() -> np.ndarray:
    kinds = np.full(0x110000, _UNKNOWN, dtype=np.uint8)
    kinds[0] = _BORDER
    return kinds


_KINDS = _new_kinds()
"""What to do with each code point; filled as code points are met."""


@dataclass(frozen=True, slots=True)
class Letters:
    """A block of folded texts, laid out as `border text border text ... border`; words are one space apart.

    The border after a text is the one before the next, and reads as a space: `text` i with both its borders is
    `codes[starts[i] : starts[i + 1] + 1]`.
    """

    codes: np.ndarray
    """uint32 [num_codes], code points; borders are spaces too."""
    starts: np.ndarray
    """int64 [num_texts + 1], where the borders are."""
    num_words: np.ndarray
    """int64 [num_texts]."""


def fold(texts: Sequence[str]) -> Letters:
    """NFKC, case folded, without punctuation and controls, spaces collapsed: `normalise.normalised` with its words.

    Symbols such as `+` or an emoji stay. A text of nothing but punctuation becomes an empty one.
    """
    joined = _SEPARATOR.join(stream_safe(text[:MOST_LETTERS]).replace(_SEPARATOR, " ") for text in texts)
    folded = unicodedata.normalize("NFKC", f"{_SEPARATOR}{joined}{_SEPARATOR}").casefold()
    codes = np.frombuffer(folded.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
    kinds = _kinds_of(codes)
    codes, kinds = _only(codes, kinds, kinds != _DROPPED)
    is_letter_next = np.append(kinds[1:] == _LETTER, False)
    codes, kinds = _only(codes, kinds, (kinds != _SPACE) | is_letter_next)
    is_after_border = np.append(False, kinds[:-1] == _BORDER)
    codes, kinds = _only(codes, kinds, (kinds != _SPACE) | ~is_after_border)
    starts = np.flatnonzero(kinds == _BORDER)
    is_last_of_word = (kinds[:-1] == _LETTER) & (kinds[1:] != _LETTER)
    words_before = np.append(0, np.cumsum(is_last_of_word))[starts]
    return Letters(
        codes=np.where(kinds == _LETTER, codes, np.uint32(SPACE)), starts=starts, num_words=np.diff(words_before)
    )


def _only(codes: np.ndarray, kinds: np.ndarray, is_kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return codes[is_kept], kinds[is_kept]


def _kinds_of(codes: np.ndarray) -> np.ndarray:
    kinds = _KINDS[codes]
    is_new = kinds == _UNKNOWN
    if is_new.any():
        for code in np.unique(codes[is_new]).tolist():
            _KINDS[code] = _kind(chr(code))
        kinds = _KINDS[codes]
    return kinds


def _kind(character: str) -> int:
    """Punctuation and invisible marks vanish rather than part words: `don't` is `dont`, `wi-fi` is `wifi`."""
    if character.isspace() or unicodedata.category(character)[0] == "Z":
        return _SPACE
    return _DROPPED if unicodedata.category(character)[0] in "PC" else _LETTER
