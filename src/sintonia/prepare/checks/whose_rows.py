"""Columns that say whose a row is, or of what it is a piece, for D131: by their names and by values that repeat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sintonia.prepare.table import Table

_PERSONS = frozenset(
    """
    account author autore caller client cliente contact contatto customer dipendente email employee household member
    mittente owner participant partecipante patient paziente person persona respondent reviewer sender speaker student
    studente user username utente
    """.split()  # noqa: SIM905
)
_SAY_SOMETHING_ELSE = frozenset(
    """
    annotator category categoria class classe fold intent label language lingua model set split status tag target topic
    type worker
    """.split()  # noqa: SIM905
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MOST_WORDS = 4
_LONGEST = 60
_LEAST_REPEATED, _LEAST_ROWS = 0.05, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """A column, and what its values are."""

    column: str
    is_person: bool
    """By its name; else any id."""
    num_values: int
    num_rows: int
    """Rows whose value another row has too."""


def whose_columns(table: Table, others: Collection[str]) -> tuple[Whose, ...]:
    """The columns that say it, but for `others`; those of persons first.

    An id that stands in every row once ties nothing together; one that most rows share names no one.
    """
    found = [_whose(table, column) for column in table.columns if column not in others]
    return tuple(sorted((one for one in found if one), key=lambda one: not one.is_person))


def _whose(table: Table, column: str) -> Whose | None:
    words = [word.lower() for word in _WORD.findall(column)]
    is_person = not _PERSONS.isdisjoint(words)
    is_id = words[-1:] == ["id"] or words[-1:] == ["uuid"]
    if len(words) > _MOST_WORDS or not (is_person or is_id) or not _SAY_SOMETHING_ELSE.isdisjoint(words):
        return None
    values = [row.values.get(column) for row in table.rows]
    if not all(_is_id(value) for value in values):
        return None
    counts = Counter(str(value).strip() for value in values if value not in (None, ""))
    num_rows = sum(count for count in counts.values() if count > 1)
    fewest, largest = (5, 0.8) if is_person else (10, 0.5)
    is_repeated = num_rows >= max(_LEAST_ROWS, _LEAST_REPEATED * len(values))
    if len(counts) < fewest or not is_repeated or max(counts.values()) > largest * counts.total():
        return None
    return Whose(column=column, is_person=is_person, num_values=len(counts), num_rows=num_rows)


def _is_id(value: object) -> bool:
    """Whether a value is a number, or short as a name is; nothing counts as well."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return True
    return isinstance(value, str) and len(value) <= _LONGEST and len(value.split()) <= _MOST_WORDS
