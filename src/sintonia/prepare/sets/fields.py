"""Columns that play no part but say of what kind a row is (a channel, a source): what results are later sliced by.

Kept are columns whose few values come back often. Left out is what looks like a person, an id, a date or free text, by
the name of the column and by what its values look like: that catches the usual, not everything that can be written
into a column, and of a single first name it sees nothing. Ids, hashes and the split do not know them. Nothing is
written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sintonia.prepare.columns import as_text, listed, single
from sintonia.prepare.table import Row, shown
from sintonia.privacy import find_personal_data

LEAST_VALUES, MOST_VALUES = 2, 20
"""Different values of a column that is kept; of them one may be the missing value, on top of the most."""
LEAST_ROWS, ROWS_EACH = 30, 5
"""Rows that say something in a column, and rows a value on average: what is said once is no kind of example."""
MOST_CHARACTERS = 80
MOST_WORDS = 3
_LARGEST_NUMBER = 100
"""Grades and shares go so far; numbers beyond it, if they are no years, count something or name somebody."""
_YEARS = range(1900, 2101)
_CAPITALISED_FRACTION = 0.5

_PRIVATE = """
id ids uid uuid guid identifier ip iban ssn passport name names surname person user username login account author
writer speaker owner sender recipient agent operator employee customer client patient student email mail phone tel
telephone mobile fax address street zip zipcode postcode postal birth birthday birthdate dob age date dates datetime
timestamp note notes comment comments remark remarks
identificativo nome nomi cognome nominativo persona utente autore autrice mittente destinatario agente operatore
operatrice dipendente cliente paziente studente posta telefono cellulare indirizzo cap nascita compleanno età eta
fiscale nota commento commenti osservazioni
"""
_PRIVATE_WORDS = frozenset(_PRIVATE.split())
"""Words of English and Italian in the name of a column that speak of a person, an id, a date or free text."""
_PRIVATE_ENDS = ("name", "mail", "phone", "userid", "uuid", "address")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[^\W\d_][^\W\d_A-Z]*")
"""`userId`, `USER_ID` and `user-id2` are `user` and `id`."""
_DATE = re.compile(r"\b\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})\b|\b\d{1,2}:\d{2}\b")
_ID = re.compile(r"\d{4}|\b[0-9a-f]{8,}\b")
"""Within a value that is no year: a long number, or a hash."""
_INTEGER = re.compile(r"[-+]?\d+(\.0+)?")


class FieldColumns:
    """What the columns that play no part say, while the rows go by: a column of too many values is let go."""

    def __init__(self, names: Iterable[str]) -> None:
        self._seen: dict[str, dict[str, str]] = {name: {} for name in names if not _is_private_name(name)}
        self._num_rows = dict.fromkeys(self._seen, 0)

    def of(self, row: Row) -> dict[str, str]:
        """The values of a row in the columns that are still held, each value one object however often it is said."""
        found: dict[str, str] = {}
        for name, seen in list(self._seen.items()):
            text = as_text(single(row.values.get(name)))
            if text is None or (text not in seen and len(seen) - ("" in seen) >= MOST_VALUES and text):
                del self._seen[name]  # a list, an object, or one value too many
                continue
            found[name] = seen.setdefault(text, shown(text, MOST_CHARACTERS))
            self._num_rows[name] += bool(text)
        return found

    def names(self) -> tuple[str, ...]:
        """The columns that are kept, once all rows have gone by."""
        return tuple(
            name
            for name, seen in self._seen.items()
            if len(seen) >= LEAST_VALUES and self._comes_back(name) and not _are_private(name, seen)
        )

    def note(self) -> tuple[str, ...]:
        """For people: which columns are kept."""
        names = self.names()
        return (f"columns: kept to tell kinds of examples apart: {listed(names)}",) if names else ()

    def _comes_back(self, name: str) -> bool:
        num_values = len(self._seen[name].keys() - {""})
        return self._num_rows[name] >= max(LEAST_ROWS, ROWS_EACH * num_values)


class KnownFields(FieldColumns):
    """The same columns in files that are added: they say what was said in them before, or nothing.

    So what was found to name no person stays so, and the columns that are kept stay the same.
    """

    def __init__(self, found: FieldColumns) -> None:
        self._seen, self._num_rows = found._seen, found._num_rows

    def of(self, row: Row) -> dict[str, str]:
        """The values of a row in the columns that are held, empty where one is new."""
        texts = {name: as_text(single(row.values.get(name))) or "" for name in self._seen}
        return {name: seen.get(texts[name], "") for name, seen in self._seen.items()}


def _is_private_name(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return any(word in _PRIVATE_WORDS or word.endswith(_PRIVATE_ENDS) for word in words)


def _are_private(name: str, seen: Iterable[str]) -> bool:
    """Whether values look like people, ids, dates or free text; the name of the column counts as words before each."""
    texts = [one for one in seen if one]
    if all(_INTEGER.fullmatch(text) for text in texts):
        numbers = [int(float(text)) for text in texts]
        return any(abs(one) > _LARGEST_NUMBER and one not in _YEARS for one in numbers)
    if sum(map(_is_capitalised, texts)) >= _CAPITALISED_FRACTION * len(texts):
        return True
    return any(
        len(text.split()) > MOST_WORDS
        or _DATE.search(text)
        or _ID.search(text.lower())
        or find_personal_data(f"{name}: {text}")
        or find_personal_data(text)
        for text in texts
    )


def _is_capitalised(text: str) -> bool:
    """`Mario Rossi` and `Rossi, Mario`: two words or more, each beginning with a capital letter."""
    words = [word.strip(",.") for word in text.split()]
    return len(words) > 1 and all(word.replace("'", "").replace("-", "").isalpha() and word.istitle() for word in words)
