"""From raw rows to labelled rows: read through a form, with the decisions of a review; unusable rows set aside."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import DataError
from sintonia.normalise import normalised, short_hash
from sintonia.prepare.audit import Dropped
from sintonia.prepare.columns import MAX_CLASS_SHARE, MAX_NUMERIC_CLASSES, as_text, is_number
from sintonia.prepare.forms.form import Form, Parsed, Unusable
from sintonia.prepare.mending.decisions import DROP, RELABEL, Decision, read_decisions
from sintonia.prepare.rows import Labelled, Rows
from sintonia.prepare.sets.fields import FieldColumns
from sintonia.prepare.table import Problems, Row, Source, shown
from sintonia.prepare.times import Clock
from sintonia.settings import DataSettings

MIN_USABLE_ROWS = 50


Repair = Callable[[str, str, Mapping[str, str], Any], Any]
"""What is done to a value before it is looked at: from the task, its column, the column of each role, the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the rows of all files are to be read, and which were dropped on the way."""

    form: Form
    columns: Mapping[str, str]
    asked: DataSettings
    repair: Repair | None = None
    """What is done to a value before it is looked at."""
    clock: Clock | None = None
    """How the time column is read."""
    fields: FieldColumns = field(default_factory=lambda: FieldColumns(()))
    """What the other columns say."""
    is_added: bool = False
    """Whether it is of a file that is added for training: reviews of that file are applied to it."""
    decisions: Mapping[str, Decision] = field(init=False)
    """Of reviews of the data file, or of the added one; a test or validation file of one's own is used as it is."""
    dropped: list[Dropped] = field(default_factory=list)
    relabelled: list[int] = field(default_factory=list)
    """Lines of the rows that a review gave another target."""
    counts: list[tuple[int, int]] = field(default_factory=list)
    """Rows that were read and rows that were kept, source by source."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "decisions", read_decisions(Path(self.asked.path)))

    def labelled(self, source: Source, name: str) -> Iterator[Labelled]:
        """Every row as a labelled row or as a dropped one: none is lost. `name` is what the file is called."""
        is_main = not self.counts
        count = kept = 0
        for ordinal, row in enumerate(self._rows(source)):
            count += 1
            known = {"file": f"{name}/{row.file}" if row.file else name, "ordinal": ordinal}
            try:
                labelled = replace(self._label(row, **known), fields=self.fields.of(row))
                decided = self._decided(labelled, row, **known) if is_main or self.is_added else labelled
                if decided is not labelled:
                    self.relabelled.append(row.line)
                yield decided
                kept += 1
            except Unusable as unusable:
                self._drop(row, "unusable", str(unusable), is_of_main=is_main, **known)
            except _Reviewed:
                self._drop(row, "reviewed", "dropped in a review", is_of_main=is_main, **known)
        self.counts.append((count, kept))

    def _rows(self, source: Source) -> Iterator[Row]:
        if self.form.cut is None:
            return source.read()
        return self.form.cut(source, self.columns, self.asked.passage_bytes)

    def _drop(self, row: Row, kind: str, reason: str, **known: Any) -> None:
        self.dropped.append(Dropped(line=row.line, kind=kind, reason=reason, **known))

    def before_and_after(self, row: Row) -> tuple[Labelled | None, Labelled | None]:
        """A row as it stands and as a review left it; none for a row that cannot be used, or was dropped."""
        try:
            before = self._label(row, file="", ordinal=0)
        except Unusable:
            return None, None
        try:
            return before, self._decided(before, row, file="", ordinal=0)
        except _Reviewed:
            return before, None

    def _label(self, row: Row, *, file: str, ordinal: int, is_as_it_stands: bool = False) -> Labelled:
        if self.repair and not is_as_it_stands:
            used = set(self.columns.values())
            task, values = self.form.task, dict(row.values)
            values |= {name: self.repair(task, name, self.columns, values[name]) for name in used & values.keys()}
            row = Row(row.line, values, row.file)
        parsed = self.form.parse(row, self.columns)
        return Labelled(
            line=row.line,
            file=file,
            ordinal=ordinal,
            input=parsed.input,
            target=parsed.target,
            text=parsed.text,
            answer=parsed.answer,
            votes=parsed.votes,
            text_key=key_of(parsed),
            group_key=_group_key(row, self.asked.group),
            time=_time_of(row, self.asked.time, self.clock),
        )

    def _decided(self, labelled: Labelled, row: Row, *, file: str, ordinal: int) -> Labelled:
        """A decision knows the row as it stands in the file, before any repair."""
        if not self.decisions:
            return labelled
        standing = self._label(row, file=file, ordinal=ordinal, is_as_it_stands=True) if self.repair else labelled
        decision = self.decisions.get(standing.id)
        if decision is None:
            return labelled
        if decision.action == DROP:
            raise _Reviewed
        if decision.action != RELABEL or decision.target is None or not isinstance(labelled.target, str):
            return labelled
        return replace(labelled, target=decision.target, answer=decision.target)


class _Reviewed(Exception):
    """A person decided that the row is not to be used."""


def key_of(parsed: Parsed) -> str:
    """What the input of a row is compared by."""
    return short_hash(normalised(parsed.text))


def _group_key(row: Row, group: str | None) -> str | None:
    """A row without a value in the group column stands alone, by its text, or with what its reading ties it to."""
    together = short_hash("group", row.group) if row.group else None
    if group is None:
        return together
    value = as_text(row.values.get(group))
    if value is None:
        raise Unusable(f"`{shown(group)}` holds a list or an object, not one value")
    return short_hash("group", value) if value else together


def _time_of(row: Row, column: str | None, clock: Clock | None) -> float:
    """The value in the time column, as the clock of the whole column reads it."""
    if column is None or clock is None:
        return math.nan
    text = as_text(row.values.get(column)) or ""
    time = clock(text)
    if time is None:
        raise Unusable(f"`{shown(column)}` {'holds no date or number like the others' if text else 'is empty'}")
    return time


def find_repeats(rows: Rows, origins: np.ndarray) -> np.ndarray:
    """For each row the position of the first row with its input and target in its file, int64: its own, or another's.

    `origins` says which file a row came from; a row of the training file that is also in the test is no repeat
    but a leak, and stays for the checks to find.
    """
    with np.errstate(over="ignore"):
        both = rows.input_keys * np.uint64(0x9E3779B97F4A7C15) + rows.target_keys + origins.astype(np.uint64)
    _, first, inverse = np.unique(both, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def check_usable(path: str, dropped: list[Dropped], num_rows: int) -> None:
    """Refuses a file of which most rows are unusable.

    Raises:
        DataError: more than half of the rows cannot be used.
    """
    problems = Problems()
    for one in dropped:
        if one.kind == "unusable":
            problems.add(one.line, one.reason)
    if problems.count * 2 <= num_rows:
        return
    raise problems.refuse(
        path,
        what=f"of {num_rows:,} cannot be used",
        expected="an input and a target in most rows",
        hint="are these the right columns? say otherwise with `--columns input=NAME,target=NAME`",
    )


def check_classes(where: str, column: str, rows: Rows, *, is_task_asked: bool) -> None:
    """Refuses targets that are not classes.

    Raises:
        DataError: one class, numbers that measure something, or hardly two rows with the same target.
    """
    counts = np.bincount(rows.codes, minlength=len(rows.classes))
    classes = [name for name, count in zip(rows.classes, counts, strict=True) if count]
    counts = counts[counts > 0]
    name, total = f"`{shown(column)}`", len(rows)
    if len(counts) < 2:
        raise DataError(
            f"all rows have the same {name}",
            expected="at least two classes",
            where=where,
            hint="add rows of another class, or choose another column with `--columns target=NAME`",
        )
    numeric = sum(int(counts[k]) for k, one in enumerate(classes) if is_number(one)) > 0.95 * total
    is_code = set(classes) == {str(number) for number in range(len(counts))}
    is_many = len(counts) > MAX_CLASS_SHARE * total
    if numeric and (is_many or (len(counts) > MAX_NUMERIC_CLASSES and not is_code and not is_task_asked)):
        raise DataError(
            f"{name} has {len(counts):,} different numbers in {total:,} rows: a quantity, not a class",
            expected="a few classes (predicting a quantity is not built yet)",
            where=where,
            hint="group the numbers into classes; if they are codes of classes, say `--task classify`",
        )
    if is_many and total >= MIN_USABLE_ROWS:
        raise DataError(
            f"{name} has {len(counts):,} different values in {total:,} rows: too many for classes",
            expected="each class in several rows",
            where=where,
            hint="choose another column with `--columns target=NAME`, or merge classes",
        )


def check_enough(where: str, num_kept: int, num_dropped: int, *, is_cut: bool = False) -> None:
    """Refuses data from which no verdict can be had; `is_cut` says that the rows are passages of plain text.

    Raises:
        DataError: fewer than 50 usable rows.
    """
    if num_kept >= MIN_USABLE_ROWS:
        return
    lost = f" ({num_dropped} set aside: unusable or repeated)" if num_dropped else ""
    hint = "label more rows: from fewer no verdict can be had"
    if is_cut:
        hint = "give more text, or cut it into more passages: a smaller `data.passage_bytes`"
    raise DataError(
        f"{num_kept} usable {'passages' if is_cut else 'rows'}{lost}",
        expected=f"at least {MIN_USABLE_ROWS}, better 300 or more",
        where=where,
        hint=hint,
    )
