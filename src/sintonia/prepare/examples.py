"""From raw rows to labelled rows: texts, targets and the keys they are compared by; unusable rows set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sintonia.errors import DataError
from sintonia.prepare.columns import MAX_CLASS_SHARE, MAX_NUMERIC_CLASSES, as_text, is_number
from sintonia.prepare.normalise import normalised, short_hash
from sintonia.prepare.table import Problem, Row, Table, refuse, shown

MIN_USABLE_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A row with a text and a target. Its keys are hashes: of the normalised text, and of the group column."""

    line: int
    input: str
    target: str
    text_key: str
    group_key: str | None

    @property
    def id(self) -> str:
        """The same row has the same id in any file, at any line."""
        return short_hash(self.text_key, self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A row that is not used: its line, the kind of reason (the finding that counts it), the reason in words."""

    line: int
    kind: str
    reason: str


def label_rows(table: Table, columns: dict[str, str], group: str | None) -> tuple[list[Labelled], list[Dropped]]:
    """Every row as a labelled row or as a dropped one: none is lost.

    Raises:
        DataError: a list or an object where a text or a target should be.
    """
    _refuse_nested(table, [*columns.values(), *([group] if group else [])])
    labelled: list[Labelled] = []
    dropped: list[Dropped] = []
    for row in table.rows:
        text, target = (as_text(row.values.get(columns[role])) or "" for role in ("input", "target"))
        empty = [columns[role] for role, value in (("input", text), ("target", target)) if not value]
        if empty:
            reason = " and ".join(f"`{shown(name)}`" for name in empty) + (" is" if len(empty) == 1 else " are")
            dropped.append(Dropped(line=row.line, kind="unusable", reason=f"{reason} empty"))
            continue
        labelled.append(
            Labelled(
                line=row.line,
                input=text,
                target=target,
                text_key=short_hash(normalised(text)),
                group_key=_group_key(row, group),
            )
        )
    return labelled, dropped


def drop_repeats(rows: Sequence[Labelled]) -> tuple[list[Labelled], list[Dropped]]:
    """The first row of each text and target; the others add nothing and would flatter the model."""
    first_line: dict[tuple[str, str], int] = {}
    kept: list[Labelled] = []
    dropped: list[Dropped] = []
    for row in rows:
        line = first_line.setdefault((row.text_key, row.target), row.line)
        if line == row.line:
            kept.append(row)
        else:
            dropped.append(Dropped(line=row.line, kind="duplicate", reason=f"same text and target as line {line}"))
    return kept, dropped


def check_usable(table: Table, labelled: Sequence[Labelled], dropped: Sequence[Dropped]) -> None:
    """Refuses a file of which most rows are unusable.

    Raises:
        DataError: more than half of the rows have no text or no target.
    """
    if len(dropped) * 2 > len(table.rows):
        problems = [Problem(one.line, one.reason) for one in dropped]
        raise refuse(
            table.path,
            problems,
            what=f"of {len(table.rows)} cannot be used",
            expected="a text and a target in most rows",
            hint="are these the right columns? say otherwise with `--columns input=NAME,target=NAME`",
        )


def check_targets(table: Table, column: str, rows: Sequence[Labelled], *, is_task_asked: bool) -> None:
    """Refuses targets that are not classes.

    Raises:
        DataError: one class, numbers that measure something, or hardly two rows with the same target.
    """
    counts = Counter(row.target for row in rows)
    where, name = f"{table.path}:1", f"`{shown(column)}`"
    if len(counts) < 2:
        raise DataError(
            f"all rows have the same {name}",
            expected="at least two classes",
            where=where,
            hint="add rows of another class, or choose another column with `--columns target=NAME`",
        )
    numeric = sum(count for target, count in counts.items() if is_number(target)) > 0.95 * len(rows)
    is_code = set(counts) == {str(number) for number in range(len(counts))}
    is_many = len(counts) > MAX_CLASS_SHARE * len(rows)
    if numeric and (is_many or (len(counts) > MAX_NUMERIC_CLASSES and not is_code and not is_task_asked)):
        raise DataError(
            f"{name} has {len(counts):,} different numbers in {len(rows):,} rows: a quantity, not a class",
            expected="a few classes (predicting a quantity is not built yet)",
            where=where,
            hint="group the numbers into classes; if they are codes of classes, say `--task classify`",
        )
    if is_many and len(rows) >= MIN_USABLE_ROWS:
        raise DataError(
            f"{name} has {len(counts):,} different values in {len(rows):,} rows: too many for classes",
            expected="each class in several rows",
            where=where,
            hint="choose another column with `--columns target=NAME`, or merge classes",
        )


def check_enough(table: Table, rows: Sequence[Labelled], dropped: Sequence[Dropped]) -> None:
    """Refuses data from which no verdict can be had.

    Raises:
        DataError: fewer than 50 usable rows.
    """
    if len(rows) >= MIN_USABLE_ROWS:
        return
    lost = f" ({len(dropped)} set aside: empty or repeated)" if dropped else ""
    raise DataError(
        f"{len(rows)} usable rows{lost}",
        expected=f"at least {MIN_USABLE_ROWS}, better 300 or more",
        where=f"{table.path}:{table.rows[-1].line}",
        hint="label more rows: from fewer no verdict can be had",
    )


def _group_key(row: Row, group: str | None) -> str | None:
    """A row without a value in the group column stands alone, by its text."""
    value = as_text(row.values.get(group)) if group else ""
    return short_hash("group", value) if value else None


def _refuse_nested(table: Table, names: list[str]) -> None:
    kinds: dict[type, str] = {list: "a list", dict: "an object"}
    problems = [
        Problem(row.line, f"`{shown(name)}` holds {kinds[type(row.values[name])]}")
        for row in table.rows
        for name in names
        if type(row.values.get(name)) in kinds
    ]
    if problems:
        raise refuse(
            table.path,
            problems,
            what="have more than one value where one is needed",
            expected="one text and one target a row",
            hint="write one value, or choose another column with `--columns input=NAME,target=NAME`",
        )
