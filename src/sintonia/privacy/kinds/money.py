"""Bank accounts (IBAN) and payment cards. Account numbers without a checksum are not looked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from sintonia.privacy.context import Context
from sintonia.privacy.shape import DIGIT, END, Shape, bare

_IBAN_START = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?=[ -]?[0-9A-Za-z]{2})")


@cache
def _iban_body(country: str) -> re.Pattern[str] | None:
    """What follows country and check digits, with single spaces or hyphens between; None for no country."""
    from stdnum import numdb

    ((_, properties), *_) = numdb.get("iban").info(country)
    structure = properties.get("bban")
    if not structure:
        return None
    classes = {"n": "[0-9]", "a": "[A-Za-z]", "c": "[0-9A-Za-z]"}
    body = "".join(
        rf"(?:[ -]?{classes[letter]}){{{length}}}" for length, letter in re.findall(r"(\d+)!([nac])", structure)
    )
    return re.compile(body + r"(?![0-9A-Za-z])")


class Iban:
    """An IBAN of any country of the registry: its length, its structure and its two check digits (mod 97)."""

    kind, strength = "iban", 5

    def find(self, context: Context) -> Iterator[tuple[int, int]]:
        """Start and end of each one in `context.text`."""
        if not context.has_letter:
            return
        for match in _IBAN_START.finditer(context.text):
            body = _iban_body(match.group()[:2].upper())
            rest = body.match(context.text, match.end()) if body else None
            if rest and _is_mod_97(match.group() + rest.group()):
                yield match.start(), rest.end()


@lru_cache(maxsize=1024)
def _is_mod_97(text: str) -> bool:
    number = re.sub("[ -]", "", text)
    return int("".join(str(int(one, 36)) for one in number[4:] + number[:4])) % 97 == 1


_PREFIXES = (
    (13, 13, r"4"),
    (15, 15, r"3[47]|1800|2131"),
    (14, 14, r"30[0-5]|3095|36|3[89]"),
    (16, 16, r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|220[0-4]|30[0-5]|3095|36|3[89]"),
    (16, 19, r"6011|64[4-9]|65|62|35(?:2[89]|[3-8])|60"),
    (19, 19, r"4"),
    (12, 19, r"50(?:18|20|38)|5[0678]|5893|6304|67(?:59|6[1-3])|6[39]"),
)
"""Shortest and longest number of digits, and its first digits (ISO/IEC 7812): Visa, American Express, JCB, Diners,
Mastercard, Mir, Discover, UnionPay, RuPay, Maestro."""

_CARD_PREFIXES = {
    length: re.compile("|".join(prefix for low, high, prefix in _PREFIXES if low <= length <= high))
    for length in range(12, 20)
}


@lru_cache(maxsize=1024)
def is_card(digits: str) -> bool:
    """The check digit (Luhn)."""
    from stdnum import luhn

    return len(set(digits)) > 1 and luhn.is_valid(digits)


def _is_unissued(found: str) -> bool:
    """No issuer that we know begins so at this length: one number in ten passes the check digit by chance."""
    digits = bare(found)
    return not _CARD_PREFIXES[len(digits)].match(digits)


_GROUPED = rf"[0-9]{DIGIT}[0-9]{{3}}([ -])[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{4}}"
_CARD_FORMS = (
    rf"[0-9]{DIGIT}(?:[0-9]{{11,18}}|[0-9]{{3}}[ -][0-9]{{6}}[ -][0-9]{{4,5}})",
    _GROUPED,
    rf"{_GROUPED}\1[0-9]{{1,3}}",
)
"""In one piece or as American Express and Diners; in fours; in fours with a rest."""

IBAN = Iban()
CARDS = tuple(
    Shape(
        kind="payment_card",
        pattern=re.compile(form + END),
        strength=4,
        is_valid=is_card,
        family="card",
        is_plain=_is_unissued,
    )
    for form in _CARD_FORMS
)
