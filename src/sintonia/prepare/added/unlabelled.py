"""Texts without targets, for a teacher to answer: each of them once; how many are empty, repeated or learned already.

It asks no model and decides no set: what is close to a tested row is seen when the answers join the training rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from sintonia.errors import DataError, UsageError
from sintonia.prepare.columns import as_text
from sintonia.prepare.labelling.pool import open_pool, text_key
from sintonia.prepare.readers import open_source
from sintonia.prepare.table import Row, Source, look_at, shown
from sintonia.records import Prepared
from sintonia.settings import DataSettings

EMPTY, REPEATED, LEARNED = (
    "are empty or no text",
    "repeat an earlier row of the pool",
    "are trained on already, with a target of their own",
)
"""Why rows are not answered, as it is said of them."""
_OF_PAIRS = ("first", "second")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A row that a teacher can answer."""

    line: int
    texts: tuple[str, ...]
    """One text, or the two of a pair."""
    time: str = ""
    """What stands in the column by which the data of the teacher are split in time; empty where they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """All rows of a pool: those that can be answered, and how many cannot, by what is said of them."""

    rows: tuple[Unanswered, ...]
    rows_in: int
    set_aside: dict[str, int]
    notes: tuple[str, ...]


def read_unlabelled(
    path: Path, asked: Mapping[str, str], prepared: Prepared, data: DataSettings, known: Container[str]
) -> Unlabelled:
    """The texts of a pool, as the rows of the teacher's data have theirs.

    `asked` are columns by role, `known` the keys of texts that are trained on. A `.txt` file holds one text a line.

    Raises:
        UsageError: there is no such file, or no such column or role.
        DataError: it cannot be read, no column of texts is certain, or no text in it is new.
    """
    if not path.exists():
        raise UsageError(f"there is no file `{path}`", hint="check the path", where="POOL")
    source, columns = _opened(path, asked, prepared)
    rows, aside, rows_in, seen = list[Unanswered](), Counter[str](), 0, set[str]()
    for row in source.read():
        rows_in += 1
        texts = tuple((as_text(row.values.get(column)) or "").strip() for column in columns)
        key = text_key("\n".join(texts))
        why = EMPTY if not all(texts) else LEARNED if key in known else REPEATED if key in seen else ""
        seen.add(key)
        if why:
            aside[why] += 1
        else:
            rows.append(Unanswered(line=row.line, texts=texts, time=_time(path, row, data.time)))
    if not rows:
        told = "; ".join(f"{count:,} {why}" for why, count in aside.items())
        raise DataError(
            f"no text of it is left to be answered{f': {told}' if told else ': it has no row'}",
            expected="texts without labels that the teacher has not learned: one a line, or a column of a table",
            where=str(path),
            hint="give a file with other texts",
        )
    return Unlabelled(
        rows=tuple(rows), rows_in=rows_in, set_aside=dict(aside), notes=_notes(source, columns, data.time)
    )


def _opened(path: Path, asked: Mapping[str, str], prepared: Prepared) -> tuple[Source, tuple[str, ...]]:
    """How to read it, and the column of each text of a row."""
    is_of_pairs = "first" in prepared.columns
    roles = _OF_PAIRS if is_of_pairs else ("input",)
    if set(asked) - set(roles):
        named = " and ".join(f"`{role}`" for role in roles)
        raise UsageError(
            f"a pool for this teacher has the role{'s' * is_of_pairs} {named}",
            hint=f"as in `--columns {','.join(f'{role}=NAME' for role in roles)}`",
            where="--columns",
        )
    if not is_of_pairs:
        source, column = open_pool(path, asked, prepared.columns.get("input", ""))
        return source, (column,)
    source = open_source(path)
    columns = tuple(asked.get(role, prepared.columns[role]) for role in roles)
    first = next(iter(source.read()), None)
    missing = [f"`{shown(one)}`" for one in columns if first is not None and one not in first.values]
    if missing:
        raise DataError(
            f"there is no column {' and no '.join(missing)}",
            expected="both texts of each pair, as in the data of the teacher",
            where=str(path),
            hint="name them, as in `--columns first=NAME,second=NAME`",
        )
    return source, columns


def _time(path: Path, row: Row, column: str | None) -> str:
    """Raises DataError where the data are split in time and the row has none."""
    if column is None:
        return ""
    time = as_text(row.values.get(column)) or ""
    if not time:
        raise DataError(
            f"a row has nothing in `{shown(column)}`, by which the data of the teacher are split",
            expected="the time of every text, so that none is as late as the test",
            where=f"{path}:{row.line}",
            hint="add the column to the pool",
        )
    return time


def _notes(source: Source, columns: tuple[str, ...], time: str | None) -> tuple[str, ...]:
    """Which columns are read, and that what stands in others is no target here."""
    read = [f"`{shown(one)}`" for one in columns]
    others = [f"`{shown(one)}`" for one in look_at(source).columns if one not in (*columns, time)]
    note = f"pool: {' and '.join(read)} is read" if len(read) == 1 else f"pool: {' and '.join(read)} are read"
    if others:
        note += f"; not used: {', '.join(others[:12])} (the targets are what the teacher answers)"
    return (note,)
