"""A mended copy of a data file: safe repairs, repeated rows left out, decisions applied, each change written down.

It never changes the file itself, never a target by its own opinion, and drops no row without saying which. Classes
that differ in case or spaces alone are no opinion: they are written as most rows write them.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from sintonia.errors import UsageError
from sintonia.files import SCHEMA, write_atomic
from sintonia.prepare.examples import Reading
from sintonia.prepare.gather import FREE, gather
from sintonia.prepare.mending.decisions import DROP
from sintonia.prepare.mending.repair import repair_encoding, repair_text
from sintonia.prepare.readers import open_source
from sintonia.prepare.rows import Labelled
from sintonia.prepare.sets.place import place
from sintonia.prepare.table import Row
from sintonia.settings import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What a mended copy came to."""

    path: Path
    changes_path: Path
    rows_in: int
    rows_out: int
    changes: dict[str, int]
    """How many rows were changed, by what was done: mojibake, whitespace, spelling, duplicate, leak, relabel,
    drop."""


def _check_target(data: Path, out: Path) -> None:
    """Refuses to write over anything.

    Raises:
        UsageError: the file exists, or is not to be JSONL.
    """
    if out.suffix.lower() not in (".jsonl", ".ndjson"):
        raise UsageError(f"`{out}` is not a name for JSONL", hint=f"for example `--fix {data.stem}.fixed.jsonl`")
    for path in (out, changes_file(out)):
        if path.exists():
            raise UsageError(f"`{path}` exists already", hint="take another name: nothing is written over")


def changes_file(out: Path) -> Path:
    """Where the changes of a mended copy are written down."""
    return out.with_name(f"{out.stem}.changes.jsonl")


def fix(recipe: Recipe, out: Path) -> Fixed:
    """A mended copy of the data of a recipe as JSONL, and beside it the changes: line, what was done, in which column.

    Repairs of encoding and white space in the columns that are used, repeated rows left out, rows that are in a test
    or validation file of one's own left out, and the decisions of reviews.

    Raises:
        UsageError: a file of that name exists, or it is no name for JSONL.
        DataError: the data cannot be read.
        StorageError: the copy cannot be written.
    """
    _check_target(Path(recipe.data.path), out)
    mending = _Mending({})
    gathered = gather(recipe, folder=None, repair=mending.repaired)
    spellings = commonest_spellings(gathered.rows.classes, gathered.rows.codes) if gathered.rows.classes else {}
    if spellings:  # rows that differ in nothing else are repeats then: they are looked for again
        mending = _Mending(spellings)
        gathered = gather(recipe, folder=None, repair=mending.repaired)
    if gathered.form.cut is not None:
        raise UsageError(
            "plain text has no rows to mend: it is cut into passages anew each time",
            expected="rows with an input and a target",
            hint="mend the text in an editor; `sintonia check` says what it finds, and on which lines",
        )
    repeats = np.flatnonzero((gathered.first != np.arange(len(gathered.rows))) & (gathered.origins == FREE))
    left_out = {int(gathered.rows.ordinals[position]): "duplicate" for position in repeats}
    if recipe.data.test or recipe.data.validation:
        placed = place(recipe.data, gathered, is_recorded=False)
        left_out |= {one.ordinal: "leak" for one in placed.dropped if one.kind == "leak" and one.is_of_main}
        left_out |= {int(placed.rows.ordinals[position]): "leak" for position in placed.leaks.trained}
    return _write(gathered.reading, left_out, out, mending)


def commonest_spellings(classes: Sequence[str], codes: np.ndarray) -> dict[str, str]:
    """Each class that another one equals but for case and spaces, with the spelling that most rows have.

    >>> commonest_spellings(("Spam", "no", "spam"), np.array([0, 1, 2, 2]))
    {'Spam': 'spam'}
    """
    counts = np.bincount(codes[codes >= 0], minlength=len(classes))
    best: dict[str, int] = {}
    for code, name in enumerate(classes):
        known = best.setdefault(_folded(name), code)
        if counts[code] > counts[known]:
            best[_folded(name)] = code
    return {name: classes[best[_folded(name)]] for name in classes if classes[best[_folded(name)]] != name}


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _write(reading: Reading, left_out: Mapping[int, str], out: Path, mending: _Mending) -> Fixed:
    """Both files row by row; the changes wait in an unnamed file until the copy is whole."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryFile() as waiting:
        write_atomic(out, _mended(reading, left_out, counts, mending, waiting))
        waiting.seek(0)
        head = json.dumps({"schema": SCHEMA}).encode() + b"\n"
        write_atomic(changes_file(out), itertools.chain([head], waiting))
    rows_in = counts.pop("rows")
    lost = counts["duplicate"] + counts["leak"] + counts["drop"]
    changed = {name: count for name, count in counts.items() if count}
    return Fixed(path=out, changes_path=changes_file(out), rows_in=rows_in, rows_out=rows_in - lost, changes=changed)


def _mended(
    reading: Reading, left_out: Mapping[int, str], counts: Counter[str], mending: _Mending, changes: IO[bytes]
) -> Iterator[bytes]:
    for ordinal, row in enumerate(open_source(Path(reading.asked.path)).read()):
        values, done = _mend(row, reading, left_out.get(ordinal), mending)
        counts["rows"] += 1
        counts.update({one["change"] for one in done})
        for one in done:
            where = {"line": row.line} | ({"file": row.file} if row.file else {})
            changes.write((json.dumps(where | one, ensure_ascii=False) + "\n").encode())
        if values is not None:
            yield (json.dumps(values, ensure_ascii=False, default=str) + "\n").encode("utf-8", "surrogatepass")


def _mend(
    row: Row, reading: Reading, left_out: str | None, mending: _Mending
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The values of a row as they should be, none when it is left out; and what was done."""
    decided = _decided(row, reading)
    if decided == DROP:
        return None, [{"change": "drop"}]
    if left_out:
        return None, [{"change": left_out}]
    values = dict(row.values)
    done: list[dict[str, Any]] = []
    for column in dict.fromkeys(reading.columns.values()):
        if column in values:
            values[column], repairs = repair_value(
                values[column], mending.of(reading.form.task, column, reading.columns)
            )
            done += [{"change": repair, "column": column} for repair in sorted(repairs)]
    if isinstance(decided, Labelled):
        column = reading.columns["target"]
        done.append({"change": "relabel", "column": column, "before": row.values[column], "after": decided.target})
        values[column] = decided.target
    return values, done


def _decided(row: Row, reading: Reading) -> Labelled | str | None:
    """The row with the target that a person gave it, DROP, or nothing when no decision changes it."""
    if not reading.decisions:
        return None
    before, after = reading.before_and_after(row)
    if before is None:
        return None
    if after is None:
        return DROP
    return after if after.answer != before.answer and "target" in reading.columns else None


def repair_value(value: Any, repair: Callable[[str], tuple[str, tuple[str, ...]]]) -> tuple[Any, set[str]]:
    """A value with its texts repaired, at any depth, and what was done; the names of fields stay."""
    if isinstance(value, str):
        repaired, done = repair(value)
        return repaired, set(done)
    if isinstance(value, list):
        pairs = [repair_value(one, repair) for one in value]
        return [one for one, _ in pairs], set().union(*(done for _, done in pairs))
    if isinstance(value, Mapping):
        pairs_of = {name: repair_value(one, repair) for name, one in value.items()}
        return {name: one for name, (one, _) in pairs_of.items()}, set().union(*(d for _, d in pairs_of.values()))
    return value, set()


@dataclass(frozen=True, slots=True)
class _Mending:
    """What is repaired in which column."""

    spellings: Mapping[str, str]
    """Classes that are written in another way."""

    def repaired(self, task: str, column: str, columns: Mapping[str, str], value: Any) -> Any:
        """A value of a column with its texts repaired."""
        return repair_value(value, self.of(task, column, columns))[0]

    def of(self, task: str, column: str, columns: Mapping[str, str]) -> Callable[[str], tuple[str, tuple[str, ...]]]:
        """White space of inputs of `classify` only: elsewhere it may be what is to be learned."""
        if task != "classify":
            return _encoding_only
        return self._spelled if column == columns.get("target") else repair_text

    def _spelled(self, text: str) -> tuple[str, tuple[str, ...]]:
        repaired, done = _encoding_only(text)
        known = self.spellings.get(repaired.strip(), repaired)
        return known, (*done, "spelling") if known != repaired else done


def _encoding_only(text: str) -> tuple[str, tuple[str, ...]]:
    repaired = repair_encoding(text)
    return repaired, ("mojibake",) if repaired != text else ()
