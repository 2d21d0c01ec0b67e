"""The dialect of a CSV: which delimiter and which quotes, found by looking at its first rows. Reads no file."""

from __future__ import annotations

import csv
import io
import itertools
from dataclasses import dataclass

from sintonia.prepare.readers.encoding import MAX_LINE_BYTES

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_QUOTES = {'"': "double quotes", "'": "single quotes"}
_ROWS_TO_LOOK_AT = 500


@dataclass(frozen=True, slots=True)
class Dialect:
    """How fields are separated and quoted; `is_said`: the first line is `sep=;`, as Excel writes it."""

    delimiter: str
    quote: str
    is_said: bool = False

    @property
    def in_words(self) -> str:
        words = f"separated by {DELIMITERS[self.delimiter]}, {_QUOTES[self.quote]} around texts"
        return f"{words}, as the first line says (`sep=`)" if self.is_said else words


def find_dialect(text: str, *, is_whole: bool) -> Dialect:
    """The delimiter and quote under which the first rows have the steadiest width of two or more.

    Single quotes are taken for quotes only where texts begin with them and none begins with a double one: an
    apostrophe must not hide a double quote that was left open. Between equals the earlier delimiter wins.
    """
    said = _said(text)
    if said:
        text = text[text.index("\n") + 1 :] if "\n" in text else ""
    best, best_rank = Dialect(said or ",", '"', bool(said)), (0.0, False)
    for delimiter, quote in itertools.product(said or DELIMITERS, _QUOTES):
        is_quoted = _begins_fields(text, delimiter, quote) > 2
        if quote == "'" and not (is_quoted and _is_quoted_by_apostrophes(text, delimiter)):
            continue
        widths = widths_of(text, delimiter, quote)
        widths = widths if is_whole or len(widths) < 2 else widths[:-1]
        if not widths or widths[0] < 2:
            continue
        rank = (sum(width == widths[0] for width in widths) / len(widths), is_quoted)
        if rank > best_rank:
            best, best_rank = Dialect(delimiter, quote, bool(said)), rank
    return best


def widths_of(text: str, delimiter: str, quote: str) -> list[int]:
    """Number of fields of the first 500 rows that are not blank."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        return [len(fields) for fields in itertools.islice(reader, _ROWS_TO_LOOK_AT) if fields]
    except csv.Error:
        return []


def _said(text: str) -> str:
    """The delimiter that a first line such as `sep=;` names."""
    first = text[:6].rstrip("\r\n").lower()
    return first[4] if len(first) == 5 and first.startswith("sep=") and first[4] in DELIMITERS else ""


def _is_quoted_by_apostrophes(text: str, delimiter: str) -> bool:
    """Whether nearly every row has such a quote, or the rows make no sense without; 'tis not enough for a few."""
    if _begins_fields(text, delimiter, '"'):
        return False
    plain = widths_of(text, delimiter, '"')
    is_steady = bool(plain) and plain[0] > 1 and all(width == plain[0] for width in plain)
    return not is_steady or _begins_fields(text, delimiter, "'") >= 0.9 * (text.count("\n") - 1)


def _begins_fields(text: str, delimiter: str, quote: str) -> int:
    """How many fields begin with the quote, the first of the file not counted."""
    return text.count(delimiter + quote) + text.count("\n" + quote)
