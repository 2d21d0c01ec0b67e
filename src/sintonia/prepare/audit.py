"""What the checks look at: all rows with their fate, after the split and before the sealing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sintonia.prepare.examples import Dropped, Labelled
from sintonia.prepare.table import shown
from sintonia.records import Place, Split

MAX_PLACES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The rows of one file: the used ones with their sets and groups, in order, and the dropped ones."""

    file: str
    rows_in: int
    rows: tuple[Labelled, ...]
    sets: tuple[Split, ...]
    groups: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    primary_metric: str

    def counts(self, split: Split | None = None) -> Counter[str]:
        """Rows of each target, in one set or in all."""
        return Counter(row.target for row, held in zip(self.rows, self.sets, strict=True) if split in (None, held))

    def groups_in(self, split: Split) -> list[str]:
        """The group of each row of one set."""
        return [group for group, held in zip(self.groups, self.sets, strict=True) if held == split]

    def dropped_as(self, kind: str) -> tuple[Dropped, ...]:
        """The dropped rows of one kind."""
        return tuple(one for one in self.dropped if one.kind == kind)

    def places(self, lines: Iterable[int]) -> tuple[Place, ...]:
        """The first places of a finding."""
        return tuple(Place(file=self.file, line=line) for line in sorted(lines)[:MAX_PLACES])


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
