"""Whether the words of a smart-home command agree with each other, as far as a short list of rules can tell.

The templates leave endings and articles free (`hour[s]`, `il`, `lo`, `la`, ...), so many ways through one are
not English or Italian. It knows the nouns of a household, and lets every other word pass that sounds right.
"""

from __future__ import annotations

import re
from collections.abc import Callable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FEMININE = _words("""
luce lampada tenda tende tapparella tapparelle persiana persiane porta porte finestra finestre serranda
serrande cucina camera stanza cantina soffitta cameretta lavanderia sala casa scuola palestra luci lampade
luminosità temperatura velocità posizione apertura musica canzone traccia valvola valvole ventola ventole cappa
macchina stufetta pompa stampante modalità cassa radio caldaia produzione serata cena routine uscita pappa lista
spesa vacanza base temp serratura serrature saracinesca plafoniera nonna rosina intensità ventilazione
pioggia batteria umidità data carta pizza pasta ginnastica ora ore
""")
_MASCULINE = _words("""
soggiorno bagno garage corridoio studio giardino terrazzo piano lampadario lampadari faretto
bollitore umidificatore ventilatore ventilatori aspiratore lucernario irrigatore cancello cancelli portone portoni
termostato condizionatore termosifone televisore proiettore stereo sensore pluviometro contatore telefono tablet
campanello portatile rilevatore robot tosaerba tagliaerba rasaerba lavoro relax aspirapolvere robottino volume timer
brano programma episodio film letto colore ufficio tappetino lucchetto lucchetti punto punti prato retro fan
gas fumo movimento pane riso bucato forno tè appartamento messaggio media roomba
""")
_PLURAL = _words("""
tende tapparelle persiane porte finestre serrande luci lampade valvole ventole serrature ore
lampadari ventilatori cancelli portoni lucchetti punti
""")

_ARTICLES: dict[str, tuple[str, str, str]] = {}
for _stem in ("", "de", "a", "da", "ne", "su"):
    _double = "l" if _stem else ""
    _ARTICLES |= {
        _stem + ("l" if _stem else "il"): ("m", "one", "plain"),
        _stem + _double + "lo": ("m", "one", "impure"),
        _stem + _double + "la": ("f", "one", "consonant"),
        _stem + "i": ("m", "many", "plain"),
        _stem + "gli": ("m", "many", "gli"),
        _stem + _double + "le": ("f", "many", "any"),
    }
_ARTICLES |= {"una": ("f", "one", "consonant"), "uno": ("m", "one", "impure")}
_PAIR = re.compile(r"([\wàèéìòù]+)(['’]?)(?= ?([\wàèéìòù-]+))")
_IMPURE = re.compile(r"s[^aeiouàèéìòùh\W]|z|gn|ps|x|y")
_SOUNDS: dict[str, Callable[[str], bool]] = {
    "plain": lambda word: word[0] not in "aeiouàèéìòù" and not _IMPURE.match(word),
    "impure": lambda word: bool(_IMPURE.match(word)),
    "consonant": lambda word: word[0] not in "aeiouàèéìòù",
    "gli": lambda word: word[0] in "aeiouàèéìòù" or bool(_IMPURE.match(word)),
    "any": lambda word: True,
}


_ENGLISH_WRONG = re.compile(
    r"\b1[ -](hours|minutes|seconds|degrees)\b|\b([02-9]|\d\d+) (hour|minute|second|degree)\b"
    r"|\b\d+-(hours|minutes|seconds)\b|\b(each|every|every single) (\w+ ){0,2}(\w*lights|lamps|lighting)\b"
    r"|\bhow many (of (the|my|our) )?(switch|light|lamp|fan|lock|valve|door|window|gate|shutter)\b"
    r"|\b(the|my|our) (anna|marco|julia|tom|grandma|sara|david|london|rome|new york|boston|berlin|first|here)\b"
)
_ITALIAN_WRONG = re.compile(
    r"\b1 (ore|minuti|secondi|gradi)\b|\b([02-9]|\d\d+) (ora|minuto|secondo|grado)\b|' |\b(ne|de|quant) "
    r"|\btutt[oa] (quant|i |gli |le )|\btutti (quante|le |la |il )|\btutte (quanti|i |gli |la |il )"
)


def agrees_in_english(text: str) -> bool:
    """Whether numbers, `each` and `how many` agree with their nouns in a lower-case text.

    >>> agrees_in_english("set a timer for 5 minutes"), agrees_in_english("set a timer for 5 minute")
    (True, False)
    """
    return not _ENGLISH_WRONG.search(text)


def agrees_in_italian(text: str) -> bool:
    """Whether every article and number of a lower-case text agrees with the next word.

    >>> agrees_in_italian("accendi la luce della cucina"), agrees_in_italian("accendi gli luce")
    (True, False)
    """
    return not _ITALIAN_WRONG.search(text) and all(_is_right(*pair.groups()) for pair in _PAIR.finditer(text))


AGREES: dict[str, Callable[[str], bool]] = {"en": agrees_in_english, "it": agrees_in_italian}


def _is_right(article: str, apostrophe: str, word: str) -> bool:
    if apostrophe:
        return word[0] in "aeiouàèéìòùh" or article in ("po", "mo")
    if article not in _ARTICLES:
        return True
    gender, number, sound = _ARTICLES[article]
    if word in (_MASCULINE if gender == "f" else _FEMININE):
        return False
    if word in _MASCULINE | _FEMININE and (word in _PLURAL) != (number == "many"):
        return False
    return _SOUNDS[sound](word)
