"""The first row of a table that names its columns: what every container with a header asks of it."""

from __future__ import annotations

from pathlib import Path

from sintonia.errors import DataError, hides
from sintonia.prepare.table import MAX_COLUMNS, shown


def column_names(path: Path, line: int, names: list[str]) -> tuple[str, ...]:
    """The names of the header; a name left empty (the index that pandas writes) becomes `column N`.

    Raises:
        DataError: one column, more than 1,000, or a name twice.
    """
    where = f"{path}:{line}"
    if len(names) > MAX_COLUMNS:
        raise too_many_columns(path, line, len(names))
    columns = [name.strip() or f"column {number}" for number, name in enumerate(names, start=1)]
    if len(columns) < 2:
        raise DataError(
            "only one column" if columns else "there are no rows",
            expected="at least two: a text and its label",
            where=where,
            hint="separate the columns by comma, semicolon or tab, and name them in the first line",
        )
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        listed = "(hidden)" if hides() else ", ".join(f"`{shown(name)}`" for name in repeated[:5])
        raise DataError(
            f"the header names {listed} twice",
            expected="different names",
            where=where,
            hint="rename one of them in the first line",
        )
    return tuple(columns)


def too_many_columns(path: Path, line: int, count: int) -> DataError:
    """The error for a table of more columns than any data set of examples has."""
    return DataError(
        f"{count:,} columns",
        expected=f"at most {MAX_COLUMNS:,}",
        where=f"{path}:{line}",
        hint="keep the text and the label",
    )


def count_fields(count: int) -> str:
    """A number of fields in words."""
    return f"{count} field{'s' if count != 1 else ''}"
