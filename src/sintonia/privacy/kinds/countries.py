"""Numbers of persons of other European countries and of the United States, checked by python-stdnum.

A bare string of digits needs words of its country beside it; a form of its own (hyphens, letters) does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from sintonia.privacy.shape import DIGIT, END, Shape, always

_D = f"[0-9]{DIGIT}"
_LETTERED_END = r"(?![0-9A-Za-z_])"


def _checked_by(module: str) -> Callable[[str], bool]:
    """The check of a module of python-stdnum, imported when first used."""

    @lru_cache(maxsize=1024)
    def is_valid(number: str) -> bool:
        return bool(import_module(f"stdnum.{module}").is_valid(number))

    return is_valid


def _is_digits(found: str) -> bool:
    return found.isdecimal()


def _has_space(found: str) -> bool:
    return found.isdecimal() or " " in found


def _shape(kind: str, pattern: str, module: str, needs_word: Callable[[str], bool] | None = None) -> Shape:
    return Shape(
        kind=kind,
        pattern=re.compile(pattern),
        strength=4,
        is_valid=_checked_by(module),
        family=kind,
        is_plain=needs_word,
        has_letter=pattern.endswith(_LETTERED_END),
    )


def _is_swedish(number: str) -> bool:
    """Date and check digit (Luhn) of ten digits, or of twelve with the century."""
    from stdnum.se import personnummer

    return personnummer.is_valid(f"{number[:-4]}-{number[-4:]}")


def _is_finnish(number: str) -> bool:
    """Date and check character; the sign of the century was taken for a separator."""
    from stdnum.fi import hetu

    return hetu.is_valid(number if len(number) == 11 else f"{number[:6]}-{number[6:]}")


_SWEDISH = rf"{_D}(?:[0-9]{{7}}-?[0-9]{{4}}|[0-9]{{5}}[-+]?[0-9]{{4}}){END}"
_FINNISH = r"[0-3](?<!\w[0-9])[0-9][01][0-9]{3}[-+A-FU-Ya-fu-y][0-9]{3}[0-9A-Ya-y]" + _LETTERED_END
_BRITISH = r"(?<![0-9A-Za-z_-])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"

KINDS = (
    _shape("us_ssn", rf"{_D}[0-9]{{2}}(?:[0-9]{{6}}|([- ])[0-9]{{2}}\1[0-9]{{4}}){END}", "us.ssn", _has_space),
    _shape("spanish_id", rf"{_D}(?:[0-9]{{7}}|[0-9]?\.[0-9]{{3}}\.[0-9]{{3}})[ -]?[A-Za-z]{_LETTERED_END}", "es.dni"),
    _shape("spanish_id", rf"[XYZxyz](?<!\w[XYZxyz])-?[0-9]{{7}}[ -]?[A-Za-z]{_LETTERED_END}", "es.nie"),
    _shape(
        "french_nir",
        rf"[1-478]{DIGIT} ?[0-9]{{2}} ?[0-9]{{2}} ?(?:[0-9]{{2}}|2[ABab]) ?[0-9]{{3}} ?[0-9]{{3}}[ /-]?[0-9]{{2}}{END}",
        "fr.nir",
    ),
    _shape("german_tax_id", rf"[1-9]{DIGIT}[0-9](?:[0-9]{{9}}|(?: [0-9]{{3}}){{3}}){END}", "de.idnr", always),
    _shape(
        "dutch_bsn",
        rf"{_D}[0-9]{{2}}(?:[0-9]{{6}}|([ .-])[0-9]{{3}}\1[0-9]{{3}}|[0-9]([ .])[0-9]{{2}}\2[0-9]{{3}}){END}",
        "nl.bsn",
        always,
    ),
    _shape("polish_pesel", rf"{_D}[0-9]{{10}}{END}", "pl.pesel", always),
    _shape("portuguese_nif", rf"{_D}[0-9]{{2}}(?:[0-9]{{6}}|([ .])[0-9]{{3}}\1[0-9]{{3}}){END}", "pt.nif", always),
    _shape(
        "belgian_nn",
        rf"{_D}[0-9](?:[0-9]{{9}}|\.[0-9]{{2}}\.[0-9]{{2}}[- ][0-9]{{3}}[. -][0-9]{{2}}){END}",
        "be.nn",
        _is_digits,
    ),
    _shape("british_nhs", rf"{_D}[0-9]{{2}}(?:[0-9]{{7}}|([ -])[0-9]{{3}}\1[0-9]{{4}}){END}", "gb.nhs", always),
    Shape(
        kind="british_nino",
        pattern=re.compile(_BRITISH + r" ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D](?![0-9A-Za-z_-])"),
        strength=3,
        has_letter=True,
    ),
    _shape("danish_cpr", rf"[0-3]{DIGIT}[0-9][01][0-9]{{3}}[ -]?[0-9]{{4}}{END}", "dk.cpr", always),
    # After the Danish one: a date and four digits are a Swedish number too, but only a word makes them Danish.
    Shape(
        kind="swedish_personnummer",
        pattern=re.compile(_SWEDISH),
        strength=4,
        is_valid=_is_swedish,
        family="swedish_personnummer",
        is_plain=_is_digits,
    ),
    Shape(kind="finnish_hetu", pattern=re.compile(_FINNISH), strength=4, is_valid=_is_finnish),
    _shape("irish_pps", rf"{_D}[0-9]{{6}}[A-Wa-w][A-IWa-iw]?{_LETTERED_END}", "ie.pps", always),
    _shape("austrian_svnr", rf"[1-9]{DIGIT}[0-9]{{3}} ?[0-3][0-9][01][0-9]{{3}}{END}", "at.vnr", always),
    _shape("romanian_cnp", rf"[1-9]{DIGIT}[0-9]{{12}}{END}", "ro.cnp", always),
    _shape("czech_rc", rf"{_D}[0-9]{{5}}/[0-9]{{3,4}}{END}", "cz.rc"),
)
