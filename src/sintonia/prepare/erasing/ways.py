"""The ways in which a file is read, as runs read theirs: what the text of a row is, so its key. It finds no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sintonia.errors import SintoniaError
from sintonia.prepare.columns import as_text
from sintonia.prepare.examples import Reading
from sintonia.prepare.forms import find_form
from sintonia.prepare.table import Row, Source, Table
from sintonia.privacy.lineage import key_of_text
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks import TASKS

Way = Callable[[Row], Iterator[tuple[int, str]]]
"""The key of the text of a row, and its id; none where the row makes no example."""
_TEXT = ("input", "text")
"""The roles that are the text alone."""


def ways_of(table: Table, source: Source, recipes: Sequence[Recipe]) -> Iterator[Way]:
    """One for each way in which these recipes, or none of them, read such a table; a way that does not fit is none."""
    usual = Recipe(data=DataSettings(path=str(table.path)))
    asked: dict[object, Recipe] = {}
    for one in (*recipes, usual):
        group = one.data.group if one.data.group in table.columns else None
        data = replace(one.data, path=str(table.path), time=None, group=group)
        known = (one.task, tuple(sorted(data.columns.items())), group, data.passage_bytes)
        asked[known] = replace(one, data=data)
    for recipe in asked.values():
        way = _way(table, source, recipe)
        if way is not None:
            yield way


def refuse_unfit(table: Table, source: Source, columns: dict[str, str]) -> None:
    """Refuses columns by which no way is found to read a table.

    Raises:
        SintoniaError: what does not fit.
    """
    usual = Recipe(data=DataSettings(path=str(table.path), columns=columns))
    is_there = set(columns.values()) <= set(table.columns)
    if not is_there or not any(_way(table, source, replace(usual, task=task)) for task in ("auto", *TASKS)):
        find_form(table, usual.data, usual.task)


def _way(table: Table, source: Source, recipe: Recipe) -> Way | None:
    """Texts without targets, such as a teacher was asked for, fit no form: they are read by their column."""
    try:
        form, match = find_form(table, recipe.data, recipe.task)
    except SintoniaError:
        column = next((recipe.data.columns[role] for role in _TEXT if role in recipe.data.columns), None)
        return _Alone(column).of if column in table.columns and column else None
    return _Read(Reading(form=form, columns=match.columns, asked=recipe.data), source).of


@dataclass(frozen=True, slots=True)
class _Read:
    """Through a form, which may cut a row into several."""

    reading: Reading
    source: Source

    def of(self, row: Row) -> Iterator[tuple[int, str]]:
        """Of the row as it stands."""
        rows, cut = iter((row,)), self.reading.form.cut
        if cut is not None:
            source = replace(self.source, read=lambda: iter((row,)))
            rows = cut(source, self.reading.columns, self.reading.asked.passage_bytes)
        for one in rows:
            before, _ = self.reading.before_and_after(one)
            if before is not None:
                yield int(before.text_key, 16), before.id


@dataclass(frozen=True, slots=True)
class _Alone:
    """By a column of texts."""

    column: str

    def of(self, row: Row) -> Iterator[tuple[int, str]]:
        """Of the text; it has no id without a target."""
        text = as_text(row.values.get(self.column))
        if text:
            yield key_of_text(text), ""
