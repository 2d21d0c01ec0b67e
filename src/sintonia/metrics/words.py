"""The words of a text, in any language, and when two texts count as one. It scores nothing.

Accents and all alphabets count; writing without spaces (Chinese, Japanese, Thai, ...) is read sign by sign.
"""

from __future__ import annotations

import re
import unicodedata

from sintonia.normalise import stream_safe

_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0edf"  # Lao
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17d3"  # Khmer
    "\u3040-\u30ff"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_SIGN = re.compile(f"([{_UNSPACED}])")
_NUMBER = re.compile(r"""(?<!\d)(?:(?<![^\s(\[{"'=:,;])(?:-\.|-|\.))?\d++(?:[.,:/]\d++)*+(?:\s?%)?""")
"""A number, whole: 1.5, 1,000, 12:30, 5 % would be others without their signs; so would -5, where a number begins."""


class _Cleaned(dict[int, str | None]):
    """Translation table, filled as characters are met: what `kept` does not name becomes a space; formats vanish."""

    def __init__(self, kept: str) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, codepoint: int) -> str | None:
        character = chr(codepoint)
        category = unicodedata.category(character)
        self[codepoint] = None if category == "Cf" else character if category[0] in self._kept else " "
        return self[codepoint]


_WORDS = _Cleaned("LNM")
_TEXT = _Cleaned("LNMS")


def folded(text: str) -> str:
    """NFKC and lower case, as Unicode folds case: `STRASSE` and `straße` are one."""
    once = unicodedata.normalize("NFKC", stream_safe(text)).casefold()
    return unicodedata.normalize("NFKC", once)


def words(text: str) -> list[str]:
    """Runs of letters, digits and their accents, lower case; signs of writing without spaces one by one.

    On ASCII these are the tokens of the rouge-score library.

    >>> words("L'acqua è già 1.5 °C più calda!")
    ['l', 'acqua', 'è', 'già', '1', '5', 'c', 'più', 'calda']
    """
    return _SIGN.sub(r" \1 ", folded(text).translate(_WORDS)).split()


def plain_words(text: str) -> list[str]:
    """The words that `plain` compares: symbols stay (`+`, an emoji), and numbers stay whole.

    >>> plain_words("It's -1.5 %, or $5: I'm sure.")
    ['it', 's', '-1.5%', 'or', '$5', 'i', 'm', 'sure']
    """
    parts, end, whole = [], 0, folded(text).replace("\N{MINUS SIGN}", "-")
    for number in _NUMBER.finditer(whole):
        parts += [whole[end : number.start()].translate(_TEXT), "".join(number.group().split())]
        end = number.end()
    parts.append(whole[end:].translate(_TEXT))
    return _SIGN.sub(r" \1 ", "".join(parts)).split() or whole.split()


def plain(text: str) -> str:
    """The text without what rarely matters: NFKC, lower case, punctuation and spaces as one space.

    A text of nothing but punctuation keeps it.

    >>> plain("  Turn ON,   the light! ")
    'turn on the light'
    >>> plain("?!")
    '?!'
    """
    return " ".join(plain_words(text))
