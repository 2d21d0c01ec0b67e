"""The words around a number that say what it is: one pass over a text finds all of them, for every kind.

A family is a set of words with one meaning ("partita IVA", "VAT number"). Nothing here knows a pattern of a kind.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cache, cached_property

WORDS = {
    "partita_iva": "p.iva|p. iva|p iva|p.i.|piva|partita iva|partita i.v.a.|part. iva|iva|vat|c.f.|codice fiscale",
    "identity": "carta d'identità|carta d'identita|carta d'identita'|carta di identità|carta di identita|c.i.|cie"
    "|carta identità|carta identita|identity card|id card|identity document|documento|document|carta n.",
    "plate": "targa|targhe|targata|targato|plate|number plate|license plate|licence plate|auto|automobile|veicolo"
    "|macchina|car|vehicle|moto|furgone|van",
    "phone": "tel|telefon*|cell|cellular*|mobile|phone*|telephone*|fax|call|calling|chiam*|whatsapp|sms|contatt*"
    "|contact|reach|dial|ring|recapito|recapiti|hotline|centralino|my number|mio numero|handy|téléphone|teléfono"
    "|móvil|portable|telemóvel|telefoon|telefonnummer|richiam*|messag*|answering|rispond*",
    "card": "card|cards|cc|carta|carte|visa|mastercard|maestro|amex|american express|bancomat|pan|tarjeta|karte",
    "us_ssn": "ssn|social security|ss number|social",
    "spanish_id": "dni|nie|nif|documento nacional|identidad",
    "dutch_bsn": "bsn|burgerservicenummer|sofinummer|sofi-nummer|citizen service number",
    "german_tax_id": "steuer-id|steuerid|steuer id|steueridentifikationsnummer|steuer-identifikationsnummer"
    "|steuerliche identifikationsnummer|identifikationsnummer|idnr|steuer-idnr|tax id|tax identification|german tax",
    "polish_pesel": "pesel",
    "portuguese_nif": "nif|contribuinte|número fiscal|numero fiscal|portuguese tax",
    "belgian_nn": "rijksregisternummer|rijksregister|registre national|numéro national|nationaal nummer|insz|niss"
    "|national number|national register|nationalregisternummer",
    "swedish_personnummer": "personnummer|personal identity number|samordningsnummer|swedish personal",
    "british_nhs": "nhs",
    "danish_cpr": "cpr|cpr-nr|cpr-nummer|cpr-nummeret|personnummer",
    "irish_pps": "pps|ppsn|pps number",
    "austrian_svnr": "svnr|sv-nummer|sv-nr|sozialversicherungsnummer|versicherungsnummer|austrian social",
    "romanian_cnp": "cnp|cod numeric personal",
    "reference": "order|orders|ordine|ordini|fattura|fatture|invoice|tracking|spedizione|shipment|parcel|pacco"
    "|pratica|ticket|protocollo|prot|codice|code|serial|seriale|matricola|articolo|sku|modello|model|part|lotto"
    "|batch|ref|reference|riferimento|version|versione|release|build|firmware|volo|flight|isbn|ean|barcode"
    "|transaction|transazione|prodotto|product"
    "|section|sezione|paragrafo|capitolo|chapter|driver|chrome|bestellung|commande|pedido|contatore|id",
    "amount": "quantity|quantità|prezzo|price|totale|total|importo|amount|saldo|balance|views|abitanti|population",
}
"""Family -> its words, divided by `|`; a word that ends in `*` is a stem."""

_NUMBER = re.compile(r"[0-9](?<![0-9]{2})(?<![0-9]\.[0-9])(?:[ ./()+\u00a0-]{0,3}[0-9]){4,24}(?![0-9])(?!\.[0-9])")
_LETTER = re.compile("[A-Za-z]")
_SENTENCE = re.compile(r"[.!?] {1,3}[A-ZÀ-Ý]")
_REACH = 28
"""How far before a number a word may stand that makes it something else."""

BEFORE, AFTER = 60, 30
"""How many characters before and after a number its words may stand."""


@cache
def _vocabulary() -> tuple[re.Pattern[str], dict[str, tuple[str, ...]], tuple[tuple[str, tuple[str, ...]], ...]]:
    """The pattern of all words, the families of a whole word, and those of a stem."""
    families: dict[str, list[str]] = {}
    for family, words in WORDS.items():
        for word in words.split("|"):
            families.setdefault(word, []).append(family)
    by_letter: dict[str, list[str]] = {}
    for word in sorted(families, key=len, reverse=True):
        end = r"\w*" if word.endswith("*") else r"(?!\w)"
        by_letter.setdefault(word[0], []).append(re.escape(word[1:].rstrip("*")) + end)
    branches = "|".join(f"{letter}(?:{'|'.join(ends)})" for letter, ends in sorted(by_letter.items()))
    whole = {word: tuple(names) for word, names in families.items() if not word.endswith("*")}
    stems = tuple((word[:-1], tuple(names)) for word, names in families.items() if word.endswith("*"))
    return re.compile(rf"\b(?:{branches})"), whole, stems


def _lowered(text: str) -> str:
    """The text in lower case, each character in its place."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(low if len(low := one.lower()) == 1 else one for one in text)
    return lowered.replace("’", "'").replace("_", " ")


class Context:
    """Where the words of each family stand in one text; they are looked for when first asked about."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _places(self) -> dict[str, tuple[list[int], list[int]]]:
        """Family -> where its words start, and where they end."""
        pattern, whole, stems = _vocabulary()
        places: dict[str, tuple[list[int], list[int]]] = {}
        for match in pattern.finditer(_lowered(self.text)):
            word = match.group()
            families = whole.get(word) or next(names for stem, names in stems if word.startswith(stem))
            for family in families:
                starts, ends = places.setdefault(family, ([], []))
                starts.append(match.start())
                ends.append(match.end())
        return places

    @cached_property
    def has_number(self) -> bool:
        """There are at least five digits that could be one number, and not hundreds on end."""
        return _NUMBER.search(self.text) is not None

    @cached_property
    def has_letter(self) -> bool:
        """There is an ASCII letter somewhere."""
        return _LETTER.search(self.text) is not None

    def has(self, family: str) -> bool:
        """A word of the family stands somewhere in the text."""
        return family in self._places

    def last_before(self, family: str, start: int, reach: int = BEFORE) -> int:
        """Where the last word of the family at most `reach` characters before `start` ends, or -1."""
        starts, ends = self._places.get(family, ([], []))
        last = bisect_left(starts, start) - 1
        return ends[last] if last >= 0 and start - ends[last] <= reach else -1

    def is_near(self, family: str, start: int, end: int) -> bool:
        """A word of the family stands shortly before `start` or shortly after `end`."""
        if self.last_before(family, start) >= 0:
            return True
        starts, _ = self._places.get(family, ([], []))
        following = bisect_left(starts, end)
        return following < len(starts) and starts[following] - end <= AFTER

    def is_reference(self, start: int, family: str | None = None) -> bool:
        """The nearest word before `start` makes it an order or a part number, and not one of the family."""
        other = self.last_before("reference", start, reach=_REACH)
        if other < 0 or _SENTENCE.search(self.text, other, start):
            return False
        return family is None or self.last_before(family, start) < other
