"""What the checks look at: all rows with their fate, after the split and before the sealing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass

import numpy as np

from sintonia.prepare.near import NearPairs
from sintonia.prepare.rows import NO_CLASS, Rows
from sintonia.prepare.sets.leaks import Leaks
from sintonia.prepare.table import Table, shown
from sintonia.records import AddedFile, Place, Split

MAX_PLACES = 20
EVEN_SHARE_FRACTION = 0.1
LARGEST_FRACTION = 0.8
_MOST_SCANNED = 200_000
SETS: tuple[Split, ...] = ("train", "validation", "test")
"""The sets in the order of their numbers in `Audit.sets`."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is not used: its line, the kind of reason (the finding that counts it), the reason in words."""

    line: int
    kind: str
    reason: str
    file: str
    ordinal: int = -1
    """Which row of its file it is."""
    is_of_main: bool = True
    """Whether it stands in the data file itself, and not in a test or validation file of one's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a check of single rows has met: the first of them, how many in all, and how many rows it looked at."""

    positions: tuple[int, ...]
    count: int
    looked_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The rows of a data set: the used ones with their sets and groups, in order, and the dropped ones."""

    file: str
    task: str
    rows_in: int
    rows: Rows
    sets: np.ndarray
    """Set of each used row, int8: its position in SETS."""
    groups: np.ndarray
    """Group of each used row, int64: equal numbers stay together."""
    dropped: tuple[Dropped, ...]
    primary_metric: str
    num_parts: int = 1
    """Ten below 300 rows; `sets` are then those of the first part."""
    near: NearPairs
    """Pairs of near-duplicates among the used rows, by position."""
    leaks: Leaks
    table: Table
    """The file as its columns show it."""
    columns: dict[str, str]
    """Column of each role."""
    group_column: str | None = None
    """The column that says what belongs together."""
    language: str | None = None
    """The language that was asked for."""
    hides_texts: bool = False
    """No word of the texts may be in a finding (`privacy.redact`)."""
    fields: tuple[str, ...] = ()
    """Columns that play no part, which the examples keep."""
    production: tuple[str, ...] = ()
    """Texts as they come in real use, when there is a file of them."""
    num_added: int = 0
    """So many of the rows, the last ones, stand in files that were added for training."""
    added: tuple[AddedFile, ...] = ()
    """What became of the rows of each of these files."""

    def in_set(self, split: Split) -> np.ndarray:
        """Positions of the rows of one set."""
        return np.flatnonzero(self.sets == SETS.index(split))

    def counts(self, split: Split | None = None) -> Counter[str]:
        """Rows of each class, in one set or in all; empty where the task has no classes.

        Ten parts learn from all rows and test all rows.
        """
        is_all = split is None or self.num_parts > 1
        codes = self.rows.codes if is_all else self.rows.codes[self.in_set(split)]
        found, numbers = np.unique(codes, return_counts=True)
        classes = self.rows.classes
        return Counter({classes[c]: int(n) for c, n in zip(found, numbers, strict=True) if c != NO_CLASS})

    def dropped_as(self, *kinds: str) -> tuple[Dropped, ...]:
        """The dropped rows of some kinds."""
        return tuple(one for one in self.dropped if one.kind in kinds)

    def words(self, words: Iterable[str]) -> str:
        """Words of the texts for a message, unless texts are to be hidden."""
        return "(words hidden, `privacy.redact`)" if self.hides_texts else named(words, limit=15)

    def places(self, positions: Iterable[int]) -> tuple[Place, ...]:
        """The first places of a finding about used rows."""
        first = sorted(int(position) for position in positions)[:MAX_PLACES]
        return tuple(Place(file=self.rows.file_of(one), line=int(self.rows.lines[one])) for one in first)

    def places_of(self, dropped: Iterable[Dropped]) -> tuple[Place, ...]:
        """The first places of a finding about dropped rows."""
        return tuple(Place(file=one.file, line=one.line) for one in list(dropped)[:MAX_PLACES])


def kinds_in_rows(audit: Audit, kinds_in: Callable[[str], Set[str]]) -> tuple[Counter[str], list[int], int]:
    """What is found in texts and answers of rows drawn evenly: rows by kind, rows with any, and how many were drawn."""
    positions = audit.rows.draw(_MOST_SCANNED)
    kinds: Counter[str] = Counter()
    held: list[int] = []
    for position, row in zip(positions.tolist(), audit.rows.only(positions).scan(), strict=True):
        found = kinds_in(row.text) | kinds_in(row.answer)
        if found:
            kinds.update(found)
            held.append(position)
    return kinds, held, len(positions)


def is_imbalanced(counts: Mapping[str, int]) -> bool:
    """Whether a class has less than a tenth of an even share (science.md 3.5), or one has more than four fifths.

    >>> is_imbalanced({"a": 100, "b": 26}), is_imbalanced({"a": 100, "b": 24})
    (False, True)
    >>> is_imbalanced({"a": 400, "b": 400, "c": 25})
    True
    """
    total = sum(counts.values())
    is_rare = min(counts.values()) < EVEN_SHARE_FRACTION * total / len(counts)
    return is_rare or max(counts.values()) > LARGEST_FRACTION * total


def percent(part: int, whole: int) -> str:
    """A share in per cent with one decimal.

    >>> percent(1, 8)
    '12.5 %'
    """
    return f"{100 * part / max(whole, 1):.1f} %"


def named(labels: Iterable[str], limit: int = 5) -> str:
    """The first few labels, for a message."""
    names = list(labels)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(f"`{shown(name)}`" for name in names[:limit]) + more


def rows_in_words(count: int) -> str:
    """`1 row`, `2 rows`, `1,000 rows`."""
    return "1 row" if count == 1 else f"{count:,} rows"
