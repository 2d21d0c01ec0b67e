"""From raw rows to labelled rows: read through a form, with the decisions of a review; unusable rows set aside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sintonia.errors import DataError
from sintonia.prepare.audit import Dropped
from sintonia.prepare.columns import MAX_CLASS_SHARE, MAX_NUMERIC_CLASSES, as_text, is_number
from sintonia.prepare.forms.form import Form, Parsed, Unusable
from sintonia.prepare.mending.decisions import DROP, Decision
from sintonia.prepare.normalise import normalised, short_hash
from sintonia.prepare.rows import Labelled, Rows
from sintonia.prepare.table import Problems, Row, Source, shown
from sintonia.settings import DataSettings

MIN_USABLE_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the rows of all files are to be read, and which were dropped on the way."""

    form: Form
    columns: Mapping[str, str]
    asked: DataSettings
    decisions: Mapping[str, Decision]
    dropped: list[Dropped] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)
    """Rows that were read and rows that were kept, source by source."""

    def labelled(self, source: Source) -> Iterator[Labelled]:
        """Every row as a labelled row or as a dropped one: none is lost."""
        count = kept = 0
        for row in source.read():
            count += 1
            file = self.file_of(source.path, row)
            try:
                yield self._decided(self._label(row, file))
                kept += 1
            except Unusable as unusable:
                self.dropped.append(Dropped(line=row.line, kind="unusable", reason=str(unusable), file=file))
            except _Reviewed:
                reason = "dropped in a review"
                self.dropped.append(Dropped(line=row.line, kind="reviewed", reason=reason, file=file))
        self.counts.append((count, kept))

    @staticmethod
    def file_of(path: Path, row: Row) -> str:
        """What a row's file is called: inside a folder with the folder."""
        return f"{path.name}/{row.file}" if row.file else path.name

    def before_and_after(self, row: Row) -> tuple[Labelled | None, Labelled | None]:
        """A row as it stands and as a review left it; none for a row that cannot be used, or was dropped."""
        try:
            before = self._label(row, row.file)
        except Unusable:
            return None, None
        try:
            return before, self._decided(before)
        except _Reviewed:
            return before, None

    def _label(self, row: Row, file: str) -> Labelled:
        parsed = self.form.parse(row, self.columns)
        return Labelled(
            line=row.line,
            file=file,
            input=parsed.input,
            target=parsed.target,
            text=parsed.text,
            answer=parsed.answer,
            votes=parsed.votes,
            text_key=key_of(parsed),
            group_key=_group_key(row, self.asked.group),
            time=_time_of(row, self.asked.time),
        )

    def _decided(self, row: Labelled) -> Labelled:
        decision = self.decisions.get(row.id) if self.decisions else None
        if decision is None:
            return row
        if decision.action == DROP:
            raise _Reviewed
        if decision.target is None or not isinstance(row.target, str):
            return row
        return _with_target(row, decision.target)


class _Reviewed(Exception):
    """A person decided that the row is not to be used."""


def key_of(parsed: Parsed) -> str:
    """What the input of a row is compared by."""
    return short_hash(normalised(parsed.text))


def _with_target(row: Labelled, target: str) -> Labelled:
    return Labelled(
        line=row.line,
        file=row.file,
        input=row.input,
        target=target,
        text=row.text,
        answer=target,
        votes=row.votes,
        text_key=row.text_key,
        group_key=row.group_key,
        time=row.time,
    )


def _group_key(row: Row, group: str | None) -> str | None:
    """A row without a value in the group column stands alone, by its text."""
    if group is None:
        return None
    value = as_text(row.values.get(group))
    if value is None:
        raise Unusable(f"`{shown(group)}` holds a list or an object, not one value")
    return short_hash("group", value) if value else None


def _time_of(row: Row, column: str | None) -> float:
    """Seconds since 1970 of a date, or the number itself."""
    if column is None:
        return math.nan
    text = as_text(row.values.get(column)) or ""
    time = time_in(text)
    if time is None:
        reason = "holds no date and no number" if text else "is empty"
        raise Unusable(f"`{shown(column)}` {reason}")
    return time


def time_in(text: str) -> float | None:
    """A finite number, or an ISO 8601 date or time (UTC where it says no zone).

    >>> time_in("1970-01-02"), time_in("12.5"), time_in("soon")
    (86400.0, 12.5, None)
    """
    try:
        number = float(text)
        return number if math.isfinite(number) else None
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def drop_repeats(rows: Rows, origins: np.ndarray) -> tuple[np.ndarray, list[Dropped]]:
    """Positions of the first row of each input and target in its file, and the others: they would add nothing.

    `origins` says which file a row came from; a row of the training file that is also in the test is no repeat
    but a leak, and stays for the checks to find.
    """
    with np.errstate(over="ignore"):
        both = rows.text_keys * np.uint64(0x9E3779B97F4A7C15) + rows.target_keys + origins.astype(np.uint64)
    _, first, inverse = np.unique(both, return_index=True, return_inverse=True)
    is_first = np.zeros(len(rows), dtype=bool)
    is_first[first] = True
    repeated = np.flatnonzero(~is_first)
    dropped = [
        Dropped(
            line=int(rows.lines[position]),
            kind="duplicate",
            reason=f"same input and target as line {int(rows.lines[first[inverse[position]]])}",
            file=rows.file_of(int(position)),
        )
        for position in repeated
    ]
    return np.flatnonzero(is_first), dropped


def check_usable(path: str, dropped: list[Dropped], num_rows: int) -> None:
    """Refuses a file of which most rows are unusable.

    Raises:
        DataError: more than half of the rows cannot be used.
    """
    unusable = [one for one in dropped if one.kind == "unusable"]
    if len(unusable) * 2 <= num_rows:
        return
    problems = Problems()
    for one in unusable:
        problems.add(one.line, one.reason)
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
    name, total = f"`{shown(column)}`", len(rows)
    if len(counts) < 2:
        raise DataError(
            f"all rows have the same {name}",
            expected="at least two classes",
            where=where,
            hint="add rows of another class, or choose another column with `--columns target=NAME`",
        )
    numeric = sum(int(counts[k]) for k, one in enumerate(rows.classes) if is_number(one)) > 0.95 * total
    is_code = set(rows.classes) == {str(number) for number in range(len(counts))}
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


def check_enough(where: str, num_kept: int, num_dropped: int) -> None:
    """Refuses data from which no verdict can be had.

    Raises:
        DataError: fewer than 50 usable rows.
    """
    if num_kept >= MIN_USABLE_ROWS:
        return
    lost = f" ({num_dropped} set aside: unusable or repeated)" if num_dropped else ""
    raise DataError(
        f"{num_kept} usable rows{lost}",
        expected=f"at least {MIN_USABLE_ROWS}, better 300 or more",
        where=where,
        hint="label more rows: from fewer no verdict can be had",
    )
