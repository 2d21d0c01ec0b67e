"""Telephone numbers of all regions after `+` or `00`, Italian ones bare, American ones by their form, others by a word.

A number without its country is a guess: dates, decimals, prices and order numbers are told from it by their form
and by the words before them. phonenumbers (Google's libphonenumber) has the last word, and sees candidates only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from sintonia.privacy.context import Context

_LEFT = (
    r"(?<![\w+/][0-9])(?<![0-9][.,][0-9])(?<![0-9A-Za-z]-[0-9])(?<![#€$£][0-9])(?<![#€$£] [0-9])"
    r"(?<![0-9]{4} [0-9]{4} [0-9])"
)
_RIGHT = r"(?![0-9A-Za-z_%€$£])(?! ?[€$£%])(?![.,/-][0-9])(?! [0-9]{4} [0-9]{4}(?![0-9]))"
_EXTENSION = r"(?: ?(?:x|ext\.?|int\.?) ?[0-9]{1,6})?"

_PLUS = re.compile(
    r"(?:\+(?<![\w+]\+)|0(?<![\w+/.,-]0)0) ?"
    rf"\(?[1-9](?:[ ./()\u00a0-]{{0,3}}[0-9]){{6,16}}{_EXTENSION}(?![0-9A-Za-z_%])"
)
_ITALIAN = re.compile(
    rf"(?:3{_LEFT}[1-9][0-9](?:[ ./-]?[0-9]){{6,7}}|\(?0{_LEFT}[1-9](?:\)?[ ./-]{{0,1}}[0-9]){{5,9}}){_RIGHT}"
)
_AMERICAN = re.compile(
    rf"(?:\([2-9][0-9]{{2}}\) ?|[2-9]{_LEFT}[0-9]{{2}}[.-])[2-9][0-9]{{2}}[ .-][0-9]{{4}}{_EXTENSION}{_RIGHT}"
)
_ANY = re.compile(rf"(?:\([0-9]|[0-9]{_LEFT})(?:[ ().-]{{0,2}}[0-9]){{6,13}}{_EXTENSION}{_RIGHT}")

_DAY, _YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:(?:19|20)[0-9]{2}|[0-9]{2})"
_DATE = re.compile(
    rf"{_DAY}([-/. ]){_DAY}\1{_YEAR}(?![0-9])(?!\1[0-9])|{_YEAR}([-/.]){_DAY}\2{_DAY}(?![0-9])(?!\2[0-9])"
)
_MONEY = re.compile(
    r" ?(?:[€$£%=]|eur\b|euro\b|usd\b|dollar|points\b|punti\b|people\b|persone\b|kg\b|km\b|km/h\b)", re.I
)
_YEARS = re.compile(r"(?:1[0-9]{3}|20[0-9]{2}) ?- ?(?:1[0-9]{3}|20[0-9]{2})\Z")
_LAST_PIECE = re.compile(r"[ ./()\u00a0-]+[0-9]+\Z")


@lru_cache(maxsize=4096)
def _rank(text: str, region: str | None) -> int:
    """2 for a number that the region's plan assigns, 1 for a possible length, 0 for none."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return 0
    if phonenumbers.is_valid_number(number):
        return 2
    return int(phonenumbers.is_possible_number(number))


def phone_identity(text: str) -> str:
    """One spelling for all spellings of a number: `+393331234567`, also of `333 123 4567` and `0039 333...`."""
    import phonenumbers

    digits = re.sub("[^0-9+]", "", re.split("[a-z]", text.lower())[0])
    try:
        number = phonenumbers.parse("+" + digits[2:] if digits.startswith("00") else digits, "IT")
    except phonenumbers.NumberParseException:
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way to write a telephone number, and what must hold for it to be one."""

    pattern: re.Pattern[str]
    claim: Callable[[str, bool], bool]
    """Is handed what was found, and whether a word such as `tel.` stands near it."""
    strength: int
    is_international: bool = False
    needs_word: bool = False
    kind: str = "phone"

    def find(self, context: Context) -> Iterator[tuple[int, int]]:
        """Start and end of each one in `context.text`."""
        if self.needs_word and not context.has("phone"):
            return
        for match in self.pattern.finditer(context.text):
            start, found = match.start(), match.group()
            if _DATE.match(found.lstrip("(")) or _MONEY.match(context.text, match.end()):
                continue
            if not self.is_international and self._is_other(start, context):
                continue
            has_word = context.is_near("phone", start, match.end())
            length = self._length(found, has_word)
            if length:
                yield start, start + length

    def _is_other(self, start: int, context: Context) -> bool:
        return context.is_reference(start, "phone") or context.last_before("amount", start, reach=20) >= 0

    def _length(self, found: str, has_word: bool) -> int:
        """How much of what was found is a number: a number that follows is cut off, piece by piece."""
        for _ in range(4):
            if self.claim(found, has_word):
                return len(found)
            shorter = _LAST_PIECE.sub("", found) if self.is_international else found
            if shorter == found:
                return 0
            found = shorter
        return 0


def _is_international(found: str, has_word: bool) -> bool:
    rank = _rank("+" + found[2:] if found.startswith("00") else found, None)
    return rank == 2 or (rank == 1 and (has_word or re.search("[-(]", found) is not None))


def _is_italian(found: str, has_word: bool) -> bool:
    groups = re.findall("[0-9]+", found)
    num_digits = sum(map(len, groups))
    if has_word:
        return _rank(found, "IT") == 2
    is_decimal = len(groups) == 2 and "." in found
    is_whole = len(groups) == 1 and (num_digits == 10 or (found[0] == "0" and num_digits in (9, 11)))
    is_grouped = 2 <= len(groups) <= 4 and len(groups[0]) >= 2 and max(map(len, groups[1:])) >= 3
    is_mobile = found[0] == "3"
    if is_decimal or not (is_whole or is_grouped) or min(map(len, groups)) < 2 or (is_mobile and num_digits != 10):
        return False
    return _rank(found, "IT") == 2


def _is_american(found: str, has_word: bool) -> bool:
    return True


def _is_any(found: str, has_word: bool) -> bool:
    groups = re.findall("[0-9]+", found)
    return has_word and len(groups) <= 6 and not _YEARS.match(found) and not (len(groups) == 2 and "." in found)


KINDS = (
    Form(pattern=_PLUS, claim=_is_international, strength=3, is_international=True),
    Form(pattern=_ITALIAN, claim=_is_italian, strength=2),
    Form(pattern=_AMERICAN, claim=_is_american, strength=2),
    Form(pattern=_ANY, claim=_is_any, strength=1, needs_word=True),
)
