"""Italian numbers of persons, firms, cards and cars. Passports and driving licences are not looked for."""

from __future__ import annotations

import re
from functools import lru_cache

from sintonia.privacy.shape import DIGIT, END, Shape, always

_MONTH, _LETTER_DIGIT = "[ABCDEHLMPRSTabcdehlmprst]", "[0-9LMNPQRSTUVlmnpqrstuv]"
_TAX_CODE = re.compile(
    rf"\b[A-Za-z]{{3}} ?[A-Za-z]{{3}} ?{_LETTER_DIGIT}{{2}}{_MONTH}{_LETTER_DIGIT}{{2}} ?"
    rf"[A-Za-z]{_LETTER_DIGIT}{{3}} ?[A-Za-z](?![0-9A-Za-z_])"
)
_VAT = re.compile(rf"(?:[0-9]{DIGIT}|[Ii](?<![0-9A-Za-z][Ii])[Tt][ -]?[0-9])[0-9]{{10}}{END}")
_PLATE_LETTER = "[A-HJ-NPR-TV-Za-hj-npr-tv-z]"
_PLATE = re.compile(
    rf"(?<![0-9A-Za-z_-]){_PLATE_LETTER}{{2}}(?:[ -]?)[0-9]{{3}}(?:[ -]?){_PLATE_LETTER}{{2}}(?![0-9A-Za-z_-])"
)
_CARD_OF_PAPER = re.compile(r"(?<![0-9A-Za-z_-])[A-Za-z]{2}(?:[ -]?)[0-9]{7}" + END)
_CARD_OF_PLASTIC = re.compile(r"(?<![0-9A-Za-z_-])[A-Za-z]{2} ?[0-9]{5} ?[A-Za-z]{2}(?![0-9A-Za-z_-])")
_HEALTH_CARD = re.compile(rf"8{DIGIT}0[ -]?380(?:[ -]?[0-9]){{15}}{END}")


@lru_cache(maxsize=1024)
def _is_tax_code(code: str) -> bool:
    """Check letter and birth date, with letters in the place of digits (omocodia) or without."""
    from stdnum.it import codicefiscale

    return codicefiscale.is_valid(code)


@lru_cache(maxsize=1024)
def _is_vat(code: str) -> bool:
    """Office and check digit (Luhn)."""
    from stdnum.it import iva

    return iva.is_valid(code.removeprefix("IT"))


def _is_bare(code: str) -> bool:
    """Eleven digits without `IT`: one number in ten passes the check digit by chance."""
    return code[0].isdigit()


def _is_loose(plate: str) -> bool:
    """A plate in small letters or in pieces: `TV 100 HD` is one as well as not."""
    return len(plate) != 7 or plate != plate.upper()


TAX_CODE = Shape(
    kind="codice_fiscale", pattern=_TAX_CODE, strength=5, is_valid=_is_tax_code, is_unmistakable=True, has_letter=True
)

PLATE = Shape(kind="plate", pattern=_PLATE, strength=3, family="plate", is_plain=_is_loose, has_letter=True)

NUMBERS = (
    Shape(
        kind="partita_iva",
        pattern=_VAT,
        strength=4,
        is_valid=_is_vat,
        family="partita_iva",
        is_plain=_is_bare,
        is_unmistakable=True,
    ),
    Shape(kind="identity_card", pattern=_CARD_OF_PAPER, strength=3, family="identity", is_plain=always),
    Shape(kind="identity_card", pattern=_CARD_OF_PLASTIC, strength=3, family="identity", is_plain=always),
    Shape(kind="health_card", pattern=_HEALTH_CARD, strength=4, is_unmistakable=True),
)
