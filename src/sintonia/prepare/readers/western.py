"""Whether bytes that are not UTF-8 are western European text (Windows-1252), or something that must not be guessed.

Every byte means something in Windows-1252, so that it decodes anything; what is read as such must also look like
a language that is written with it. Looks at bytes; decodes and changes none.
"""

from __future__ import annotations

import re
import string
from collections import Counter

_LETTERS = {
    "Italian": "àèéìòùîÀÈÉÌÒÙÎ",
    "French": "àâæçéèêëîïôœùûüÿÀÂÆÇÉÈÊËÎÏÔŒÙÛÜŸ",
    "Spanish": "áéíñóúüÁÉÍÑÓÚÜ",
    "Catalan": "àèéíïòóúüçÀÈÉÍÏÒÓÚÜÇ",
    "Portuguese": "àáâãçéêíóôõúüÀÁÂÃÇÉÊÍÓÔÕÚÜ",
    "German": "äöüßéÄÖÜÉ",
    "Dutch": "éèëêïöüáóíÉÈËÏÖÜÁÓÍ",
    "Scandinavian": "åäöæøéèÅÄÖÆØÉÈ",
    "Estonian": "äõöüÄÕÖÜ",
    "Icelandic": "áéíóúýþæöðÁÉÍÓÚÝÞÆÖÐ",
}
"""Letters beyond a to z of the languages that are usually written in Windows-1252."""
_BYTES_OF = {language: set(letters.encode("cp1252")) for language, letters in _LETTERS.items()}
_SIGNS = set("€‚„…‹‘’“”•–—™›¡£§©«®°±²³´·¹º»ª½¼¾¿¥µ×÷\xa0\xad".encode("cp1252"))
_WESTERN = _SIGNS.union(*_BYTES_OF.values())

_SIGN_INSIDE_WORD = re.compile(
    rb"[a-z\xc0-\xff][\x80\x82\x84\x86-\x89\x8b\x93-\x95\x99\x9b\xa1-\xac\xae-\xb6\xb8-\xbf]"
    rb"[a-z\xc0-\xff]|[a-z\xc0-\xff][\x82\x84]"
)
_RANGES = {
    "shift_jis": ("\u3040", "\u30ff", 2.0),
    "euc_jp": ("\u3040", "\u30ff", 2.0),
    "gb18030": ("\u4e00", "\u9fff", 0.9),
    "big5": ("\u4e00", "\u9fff", 0.89),
    "euc_kr": ("\uac00", "\ud7a3", 1.0),
    "cp1251": ("а", "я", 0.95),
    "koi8_r": ("а", "я", 0.95),
}
"""Of encodings without spaces between their bytes: the letters of which their texts mostly are, and a weight."""
_LONG_RUN = re.compile(rb"[\x80-\xff]{3,}")
_MIXED = re.compile(rb"[\xc2\xc3\xce-\xd1][\x80-\xbf]|[\xe2-\xe9][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}")
"""Sequences of UTF-8 that make no sense as Windows-1252."""
_NOT_ASCII = bytes(range(128))
_ASCII_LETTERS = string.ascii_letters.encode()


class Western:
    """What is counted of the non-ASCII bytes of a file, block by block."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._num_letters = self._num_in_runs = self._num_inside_words = 0
        self._last = b""

    def add(self, block: bytes) -> None:
        """Counts one block."""
        if not block.isascii():
            high = block.translate(None, _NOT_ASCII)
            self._counts.update(high)
            self._num_in_runs += sum(len(run) for run in _LONG_RUN.findall(block))
            self._num_inside_words += sum(1 for _ in _SIGN_INSIDE_WORD.finditer(self._last + block))
        self._num_letters += len(block) - len(block.translate(None, _ASCII_LETTERS))
        self._last = block[-1:]

    @property
    def count(self) -> int:
        """How many non-ASCII bytes there are."""
        return sum(self._counts.values())

    def is_likely(self) -> bool:
        """Whether every byte is plausible, and nearly all letters are those of one language."""
        if self._num_inside_words or not set(self._counts) <= _WESTERN:
            return False
        if self._num_in_runs > 0.1 * self.count or self.count > 0.4 * (self._num_letters + self.count):
            return False
        letters = {code: count for code, count in self._counts.items() if code not in _SIGNS}
        total = sum(letters.values())
        covered = max(sum(count for code, count in letters.items() if code in known) for known in _BYTES_OF.values())
        return covered >= 0.95 * total or (total - covered <= 2 and covered >= 0.8 * total)

    def guesses(self, bad: bytes) -> tuple[str, ...]:
        """Names of the encodings that some bad lines may be in, likeliest first, for a hint."""
        is_run = self._num_in_runs > 0.1 * self.count
        options = _RANGES if is_run else ("mac_roman", "cp1250", "iso8859_15", "cp850")
        decoded = {name: text for name in options if (text := _decoded(bad, name))}
        return tuple(sorted(decoded, key=lambda name: _likelihood(name, decoded[name]) if is_run else 0))


def holds_utf8(content: bytes) -> bool:
    """Whether there are bytes in it that are certainly UTF-8."""
    return _MIXED.search(content) is not None


def find_utf8_line(lines: list[bytes]) -> int:
    """The first line that holds UTF-8 and nothing else; -1 when there is none."""
    for number, line in enumerate(lines):
        if not line.isascii() and holds_utf8(line) and _decoded(line, "utf-8"):
            return number
    return -1


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _likelihood(name: str, text: str) -> float:
    """Less is likelier: how much of the text is missing from the letters of that encoding's language."""
    first, last, weight = _RANGES[name]
    foreign = [character for character in text if ord(character) > 127]
    share = sum(first <= character <= last for character in foreign) / max(1, len(foreign))
    return 1 - (weight if share > 0.9 else share * weight)
