"""Files whose rows are added for training: each in the form in which it is written, its columns found by themselves.

It decides no set, and looks at no other file than those.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sintonia.errors import DataError, UsageError
from sintonia.prepare.examples import Reading, check_usable
from sintonia.prepare.forms import find_form
from sintonia.prepare.forms.form import Form
from sintonia.prepare.readers import open_source
from sintonia.prepare.rows import Labelled
from sintonia.prepare.sets.fields import KnownFields
from sintonia.prepare.table import Source, Table, listed, look_at, of_file, shown
from sintonia.settings import DataSettings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """An added file, the name that its rows are told by, how it is read, and why so."""

    source: Source
    name: str
    reading: Reading
    why: tuple[str, ...]


def additions(asked: DataSettings, reading: Reading) -> tuple[Addition, ...]:
    """The added files of a recipe; `reading` is how the data file is read, and keeps the counts of all.

    Raises:
        UsageError: there is no such file, or it is one of the others.
        DataError: it cannot be read, or not as examples of this kind.
    """
    _refuse_twice(asked)
    names = names_of_added(asked)
    is_prose = reading.form.cut is not None
    return tuple(_addition(open_source(Path(path), is_prose=is_prose), name, reading) for path, name in names.items())


def names_of_added(asked: DataSettings) -> dict[str, str]:
    """By its path, the name that the places of rows have for each added file: its whole path where a name comes twice.

    >>> names_of_added(DataSettings(path="a/rows.csv", added=("b/rows.csv", "b/more.csv")))
    {'b/rows.csv': 'b/rows.csv', 'b/more.csv': 'more.csv'}
    """
    paths = [path for path in (asked.path, asked.validation, asked.test, *asked.added) if path]
    names = Counter(Path(path).name for path in paths)
    return {path: Path(path).name if names[Path(path).name] == 1 else path for path in asked.added}


def rows_of(addition: Addition) -> Iterator[Labelled]:
    """Its rows that can be used; a file of which most cannot be used is refused."""
    reading = addition.reading
    before = len(reading.dropped)
    yield from reading.labelled(addition.source, addition.name)
    check_usable(str(addition.source.path), reading.dropped[before:], reading.counts[-1][0])


def _refuse_twice(asked: DataSettings) -> None:
    roles = {"the data file": asked.path, "the validation file": asked.validation, "the test file": asked.test}
    known = {Path(path).resolve(): role for role, path in roles.items() if path}
    for path in asked.added:
        if not Path(path).exists():
            raise UsageError(f"there is no file `{path}`", hint="check the path", where="data.added")
        role = known.setdefault(Path(path).resolve(), "")
        if role or asked.added.count(path) > 1:
            raise UsageError(
                f"`{path}` is {role or 'named twice'}{' itself' if role else ''}",
                expected="other files, with rows that are added for training, each named once",
                hint="leave it out",
                where="data.added",
            )


def _addition(source: Source, name: str, reading: Reading) -> Addition:
    """Read as the data file is, where it has the columns of it; else in the form that it is found to have."""
    table = look_at(source)
    missing = [one for one in (reading.asked.group, reading.asked.time) if one and one not in table.columns]
    if missing:
        raise DataError(
            f"there is no column {listed(missing)}",
            expected="the columns of the data file by which rows belong together, or are early or late",
            where=f"{table.path}:{table.rows[0].line}",
            hint=f"it has {of_file(table.columns)}: add the column, left empty where a row belongs to no other",
        )
    form, columns = reading.form, dict(reading.columns)
    why: tuple[str, ...] = ()
    if not set(columns.values()) <= set(table.columns):
        form, columns, why = _own_form(table, reading)
    found = dataclasses.replace(
        reading,
        form=form,
        columns=columns,
        asked=dataclasses.replace(reading.asked, path=str(source.path), columns=columns),
        fields=KnownFields(reading.fields),
        is_added=True,
    )
    return Addition(source=source, name=name, reading=found, why=why)


def _own_form(table: Table, reading: Reading) -> tuple[Form, dict[str, str], tuple[str, ...]]:
    """Its form, the column of each role, and how that was seen.

    Raises:
        DataError: no form of the task fits.
    """
    asked = DataSettings(path=str(table.path), group=reading.asked.group)
    try:
        form, match = find_form(table, asked, reading.form.task)
    except DataError as refused:
        named = ", ".join(f"`{shown(column)}` ({role})" for role, column in reading.columns.items())
        raise DataError(
            refused.what,
            expected=f"the columns of the data file: {named}; or another form of the task `{reading.form.task}`",
            where=refused.where,
            hint="rename its columns as they are called in the data file",
        ) from None
    return form, match.columns, tuple(f"{table.path.name}: {one}" for one in match.why[:-1])
