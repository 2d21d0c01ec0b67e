"""What a form is: a way in which people write examples down, and how one row of it is understood.

A form reads no file: it looks at the columns of a Table, and at one row at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sintonia.prepare.table import Row, Source, Table


class Unusable(Exception):
    """A row that cannot be used; its text is the reason, without a word of the row's content."""


class Blank(Unusable):
    """One where nothing stands in a place that has to be filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One row, understood.

    `input` and `target` are what is learned from and what should come out: texts for classify, plain JSON values
    for other tasks. `text` and `answer` are the same as plain text, for the audit: what is compared, counted
    and searched.
    """

    input: Any
    target: Any
    text: str
    answer: str
    votes: tuple[str, ...] = ()
    """What each annotator said, where there are several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How well a form fits a table, and with which columns."""

    form: str
    confidence: float
    """From 0 to 1; below 0.5 it is not offered."""
    columns: dict[str, str]
    """Column of each role, as `--columns` would say it."""
    why: tuple[str, ...] = ()
    """In words, for the notes: which column plays which role and how that was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way of writing examples down. `name` is what notes and the recipe call it."""

    name: str
    task: str
    """classify, chat, prefer, tag, regress, embed or pretrain."""
    roles: dict[str, tuple[str, ...]]
    """The usual names of the column of each role; the roles that `--columns` may name."""
    recognise: Callable[[Table, Mapping[str, str]], Match | None]
    """Whether a table has this form; the mapping holds the columns asked for. Raises DataError when two columns fit."""
    parse: Callable[[Row, Mapping[str, str]], Parsed]
    """One row with the columns of a match; raises Unusable."""
    optional_roles: tuple[str, ...] = field(default=())
    is_only_asked_for: bool = False
    """Whether it is offered only to who asks for its task: another form understands the same rows."""
    cut: Callable[[Source, Mapping[str, str], int], Iterator[Row]] | None = None
    """Of plain text, its rows made from those of the file: source, columns, and most bytes of one to rows."""
