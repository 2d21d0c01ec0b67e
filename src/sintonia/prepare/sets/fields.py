"""Columns that play no part but say of what kind a row is (a channel, a source): what results are later sliced by.

Kept are columns of few different values, never one that holds personal data. Ids, hashes and the split do not know
them. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable

from sintonia.prepare.columns import as_text, listed, single
from sintonia.prepare.table import Row, shown
from sintonia.privacy import find_personal_data

LEAST_VALUES, MOST_VALUES = 2, 20
"""Different values of a column that is kept; of them one may be the missing value, on top of the most."""
MOST_CHARACTERS = 80


class FieldColumns:
    """What the columns that play no part say, while the rows go by: a column of too many values is let go."""

    def __init__(self, names: Iterable[str]) -> None:
        self._seen: dict[str, dict[str, str]] = {name: {} for name in names}

    def of(self, row: Row) -> dict[str, str]:
        """The values of a row in the columns that are still held, each value one object however often it is said."""
        found: dict[str, str] = {}
        for name, seen in list(self._seen.items()):
            text = as_text(single(row.values.get(name)))
            if text is None or (text not in seen and len(seen) - ("" in seen) >= MOST_VALUES and text):
                del self._seen[name]  # a list, an object, or one value too many
                continue
            found[name] = seen.setdefault(text, shown(text, MOST_CHARACTERS))
        return found

    def names(self) -> tuple[str, ...]:
        """The columns that are kept, once all rows have gone by."""
        few = {name: seen for name, seen in self._seen.items() if len(seen) >= LEAST_VALUES}
        return tuple(name for name, seen in few.items() if not any(_is_personal(name, text) for text in seen))

    def note(self) -> tuple[str, ...]:
        """For people: which columns are kept."""
        names = self.names()
        return (f"columns: kept to tell kinds of examples apart: {listed(names)}",) if names else ()


def _is_personal(name: str, text: str) -> bool:
    """The name of the column counts as words before the value."""
    return bool(find_personal_data(f"{name}: {text}") or find_personal_data(text))
