"""The pool of texts without labels: read with the product's own readers, each text once, none that is known.

It knows no model and picks nothing.
"""

from __future__ import annotations

import csv
import dataclasses
import random
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sintonia.errors import DataError, UsageError
from sintonia.normalise import normalised, short_hash
from sintonia.prepare.added.reading import additions
from sintonia.prepare.columns import as_text, check_asked, choose_columns
from sintonia.prepare.examples import Reading, key_of
from sintonia.prepare.forms import FORMS, Form, Unusable
from sintonia.prepare.production import text_lines
from sintonia.prepare.readers import open_source
from sintonia.prepare.readers.text import open_text
from sintonia.prepare.sets.recorded import read_recorded, record_name
from sintonia.prepare.table import Problems, Row, Source, look_at, shown
from sintonia.records import Pool, Prepared
from sintonia.settings import DataSettings
from sintonia.tasks import TASKS

MOST_TEXTS = 5_000
_HEAD_BYTES = 4_096
_ROLES = {"input": TASKS["classify"].COLUMNS["input"]}


def text_key(text: str) -> str:
    """By which texts are one text: 16 hex digits, the same for texts that differ in case, spaces or punctuation.

    >>> text_key("Where is my card?") == text_key("where is my  CARD")
    True
    """
    return short_hash(normalised(text))


def split_keys(asked: DataSettings, prepared: Prepared | None) -> frozenset[str]:
    """The keys of all texts of a run's data, those of the test among them: of its recorded split, and of its files.

    A record knows the rows that no file gives a set. The files of one's own for the test and for validation, and the
    added ones, are read as `prepared` says; a text of them is let go as soon as its key is known.

    Raises:
        DataError: the test is a file of one's own that is gone, or has none of its texts any more.
    """
    recorded, _ = read_recorded(Path(asked.path), record_name(asked))
    known = frozenset(f"{key:016x}" for key in recorded.texts.keys.tolist()) if recorded else frozenset()
    return known | _given_keys(asked, prepared) if prepared else known


def _given_keys(asked: DataSettings, prepared: Prepared) -> frozenset[str]:
    """Those of files of one's own. Without one for validation or for training, what was learned is known anyway."""
    form, columns = FORMS[prepared.form], prepared.columns
    tested, validated = (
        frozenset(_keys_in(open_source(Path(path)), form, columns)) if path and Path(path).exists() else frozenset()
        for path in (asked.test, asked.validation)
    )
    if asked.test and not tested:
        raise DataError(
            "no text of the test of the run is found there any more",
            expected="the file as it was when the run began: no text of it may be picked",
            where=asked.test,
            hint="put it back",
        )
    present = dataclasses.replace(asked, added=tuple(path for path in asked.added if Path(path).exists()))
    added = additions(present, Reading(form=form, columns=columns, asked=present))
    return tested.union(validated, *(_keys_in(one.source, one.reading.form, one.reading.columns) for one in added))


def _keys_in(source: Source, form: Form, columns: Mapping[str, str]) -> Iterator[str]:
    for row in source.read():
        with suppress(Unusable):
            yield key_of(form.parse(row, columns))


def read_pool(path: Path, known: Container[str], asked: Mapping[str, str], usual: str = "") -> Pool:
    """At most 5,000 of the texts of a file that are not known, drawn evenly and in their order.

    A `.txt` file holds one text a line; any other kind of file has a column of texts: the one asked for, else the one
    called `usual`, else one with a usual name, else the only column of free text.

    Raises:
        UsageError: there is no such file, or no such column.
        DataError: it cannot be read, no column is certain, or no text in it is new.
    """
    if not path.exists():
        raise UsageError(f"there is no file `{path}`", hint="check the path", where="POOL")
    if set(asked) - set(_ROLES):
        raise UsageError("a pool has one role: `input`", hint="as in `--columns input=text`", where="--columns")
    source, column = open_pool(path, asked, usual)
    drawn = _Drawn(known)
    for row in source.read():
        drawn.see(as_text(row.values.get(column)) or "")
    if not drawn.kept:
        raise _nothing_new(path, column, drawn)
    told = f"{path.name}: {drawn.num_rows:,} rows, {drawn.num_new:,} texts to pick from"
    at_most = f"; {len(drawn.kept):,} of them, drawn evenly, are looked at" if drawn.num_new > len(drawn.kept) else ""
    return Pool(
        texts=tuple(text for _, text in sorted(drawn.kept)),
        num_rows=drawn.num_rows,
        num_known=drawn.num_known,
        num_repeated=drawn.num_repeated,
        num_empty=drawn.num_empty,
        notes=(told + at_most, *drawn.left_out()),
    )


def open_pool(path: Path, asked: Mapping[str, str], usual: str) -> tuple[Source, str]:
    """How to read a file of texts without labels, and the column of texts: the one asked for, else `usual`, else found.

    Raises:
        UsageError: no such column.
        DataError: it cannot be read, no column is certain, or there is no row.
    """
    if path.is_file() and path.stat().st_size <= _HEAD_BYTES and not path.read_bytes().strip():
        raise _nothing_new(path, "", _Drawn(()))
    if path.suffix.lower() == ".txt" and path.is_file():
        if asked:
            raise UsageError(f"`{path}` has no columns: a `.txt` is one text a line", where="--columns")
        return text_lines(path), "text"
    source = _one_column(path) if path.suffix.lower() in (".csv", ".tsv") and path.is_file() else None
    source = source or open_source(path)
    if next(iter(source.read()), None) is None:
        raise _nothing_new(path, "", _Drawn(()))
    table = look_at(source)
    check_asked(table, _ROLES, DataSettings(path=str(path), columns=dict(asked)))
    if not asked and usual in table.columns:
        return source, usual
    return source, choose_columns(table, _ROLES, asked).columns["input"]


def _one_column(path: Path) -> Source | None:
    """A table of one named column, as texts are often exported; None of any other. Rows of examples have two or more.

    Raises:
        DataError: when it is read, rows that hold a separator outside quotes.
    """
    text = open_text(path, allow_empty=True)
    with text.reading() as stream:
        first = next((line for line in stream if line.strip()), "").strip()
    name = first.strip('"').casefold()
    if any(mark in first for mark in ",;\t|") or name not in _ROLES["input"]:
        return None

    def read() -> Iterator[Row]:
        problems = Problems()
        with text.reading() as stream:
            for number, fields in enumerate(csv.reader(stream), start=1):
                if number > 1 and len(fields) == 1:
                    yield Row(number, {name: fields[0]})
                elif len(fields) > 1:
                    problems.add(number, f"{len(fields)} fields")
        if problems:
            raise problems.refuse(
                path,
                what="have a separator outside quotes",
                expected="one field a row",
                hint="put such texts between quotes, or save them as `.txt`, one a line",
            )

    return Source(path=path, container="csv", read=read, notes=text.notes)


@dataclass(slots=True)
class _Drawn:
    """An even draw of the new texts that go by (reservoir sampling), and the count of those that are not new."""

    known: Container[str]
    kept: list[tuple[int, str]] = field(default_factory=list)
    """Number of the row, text."""
    num_rows: int = 0
    num_known: int = 0
    num_repeated: int = 0
    num_empty: int = 0
    num_new: int = 0
    _seen: set[str] = field(default_factory=set)
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    def see(self, text: str) -> None:
        self.num_rows += 1
        text = text.strip()
        key = text_key(text) if text else ""
        if not text:
            self.num_empty += 1
        elif key in self.known:
            self.num_known += 1
        elif key in self._seen:
            self.num_repeated += 1
        else:
            self._seen.add(key)
            self._draw(text)

    def _draw(self, text: str) -> None:
        self.num_new += 1
        if len(self.kept) < MOST_TEXTS:
            self.kept.append((self.num_rows, text))
            return
        place = self._random.randrange(self.num_new)
        if place < MOST_TEXTS:
            self.kept[place] = (self.num_rows, text)

    def left_out(self) -> Iterator[str]:
        """How many rows are not picked from, and why."""
        counts = {
            "known already (in the data of the run, or answered before)": self.num_known,
            "the same as an earlier row": self.num_repeated,
            "empty": self.num_empty,
        }
        told = ", ".join(f"{count:,} {why}" for why, count in counts.items() if count)
        if told:
            yield f"left out: {told}"


def _nothing_new(path: Path, column: str, drawn: _Drawn) -> DataError:
    why = next(drawn.left_out(), "there are no rows")
    where = f"in `{shown(column)}` " if column and drawn.num_empty else ""
    return DataError(
        f"no text {where}is left to label: {why}" if drawn.num_rows else "there are no texts in it",
        expected="texts without labels: one a line, or a column of a table",
        where=str(path),
        hint="give a file with other texts",
    )
