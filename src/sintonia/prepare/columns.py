"""Which column plays which role: as asked, else by its name, else by its shape, and always said.

Two columns that fit are never chosen between: the error lists them and what to type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sintonia.errors import DataError, UsageError, hides, nearest
from sintonia.prepare.table import Table, like_it, listed, of_file, shown
from sintonia.settings import DataSettings

Roles = Mapping[str, tuple[str, ...]]

MAX_CLASS_SHARE = 0.3
"""A column with more distinct values than this share of its rows is not a class."""
MAX_NUMERIC_CLASSES = 50
_MIN_TEXT_LENGTH = 12.0
_MAX_CLASS_LENGTH = 60.0
_WITH_HEADER = ("csv", "excel")
"""Files whose first line names the columns, unless somebody forgot it."""
_MAX_CELLS = 500_000
"""Cells looked at for the shapes of all columns: of a wide table every second, third, ... row is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the values of a column look like, taken together."""

    name: str
    num_filled: int
    num_distinct: int
    mean_length: float
    spaced_fraction: float
    """Share of the filled values with a space inside."""
    numeric_fraction: float
    is_plain: bool
    """At most half of the values are lists or objects."""
    is_code: bool
    """Whole numbers from 0 up without a gap, as class codes are."""

    @property
    def may_be_text(self) -> bool:
        """Free text: long enough, with spaces, hardly repeated."""
        return (
            self.is_plain
            and self.mean_length >= _MIN_TEXT_LENGTH
            and self.spaced_fraction > 0.5
            and self.num_distinct > MAX_CLASS_SHARE * self.num_filled
        )

    @property
    def may_be_class(self) -> bool:
        """A class: short values, each of them often."""
        few = 2 <= self.num_distinct <= MAX_CLASS_SHARE * self.num_filled
        return self.is_plain and few and self.mean_length <= _MAX_CLASS_LENGTH and not self.is_continuous

    @property
    def is_continuous(self) -> bool:
        """Numbers that measure something and do not name a class."""
        many = self.num_distinct > MAX_NUMERIC_CLASSES or self.num_distinct > MAX_CLASS_SHARE * self.num_filled
        return self.numeric_fraction > 0.95 and many and not self.is_code


class Undecided(DataError):
    """The columns do not settle the roles: two fit, or none. `confidence`: how surely it would be this form."""

    def __init__(self, what: str, *, confidence: float, **parts: str) -> None:
        super().__init__(what, **parts)
        self.confidence = confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The column of each role, why each, and whether the names alone said it."""

    columns: dict[str, str]
    why: tuple[str, ...]
    by_shape: tuple[str, ...]
    """Roles that no name settled."""
    shapes: dict[str, Shape]
    """Of the chosen columns."""


def as_text(value: object) -> str | None:
    """A value of a row as text: empty when there is none, None when it is a list or an object."""
    if isinstance(value, str):
        return value.strip()
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int | float):
        return None
    try:
        return str(value)
    except ValueError:  # an integer of more than 4,300 digits
        return None


def single(value: Any) -> Any:
    """What a list of one holds (doccano writes one label so); anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def choose_columns(table: Table, roles: Roles, asked: Mapping[str, str]) -> Chosen:
    """The column of each role, taken from what was asked, from the names, or from the shapes.

    Raises:
        Undecided: no column fits a role, or more than one does, or the first line is data, not names.
    """
    chosen = dict(asked)
    notes = [f"columns: `{shown(column)}` is the {role}, as asked" for role, column in chosen.items()]
    open_roles = [role for role in roles if role not in chosen]
    shapes = {name: shape_of(table, name) for name in (table.columns if open_roles else chosen.values())}
    fits = {role: _fitting(role, roles[role], shapes, set(chosen.values())) for role in open_roles}
    if open_roles:
        _refuse_headless(table, shapes, any(how == "name" for _, how in fits.values()))
        _refuse_unnamed(table, chosen, {how for _, how in fits.values()})
    if any(len(columns) != 1 for columns, _ in fits.values()):
        raise _unclear(table, roles, chosen, {role: columns for role, (columns, _) in fits.items()})
    for role in open_roles:
        (column,), how = fits[role]
        chosen[role] = column
        notes.append(f"columns: `{shown(column)}` is the {role}, {_why(role, how)}")
    if len(set(chosen.values())) < len(chosen):
        raise _unclear(table, roles, dict(asked), {role: columns for role, (columns, _) in fits.items()})
    rivals = [
        name
        for name, shape in shapes.items()
        if "target" in fits and name not in chosen.values() and shape.may_be_class
    ]
    if rivals:
        notes.append(f"columns: {listed(rivals)} could be the target too, by what {_holds(rivals)}")
    return Chosen(
        columns={role: chosen[role] for role in roles},
        why=tuple(notes),
        by_shape=tuple(role for role in open_roles if fits[role][1] == "shape"),
        shapes={name: shapes[name] for name in chosen.values()},
    )


def _holds(names: list[str]) -> str:
    return "it holds" if len(names) == 1 else "they hold"


def shape_of(table: Table, name: str) -> Shape:
    """Looks at the values of a column; of a wide table, at those of some of its rows."""
    rows = table.rows[:: max(1, len(table.rows) * len(table.columns) // _MAX_CELLS)]
    texts = [as_text(single(row.values.get(name))) for row in rows]
    filled = [text for text in texts if text]
    distinct = set(filled)
    count = max(len(filled), 1)
    numbers = {text: is_number(text) for text in distinct}
    return Shape(
        name=name,
        num_filled=len(filled),
        num_distinct=len(distinct),
        mean_length=sum(map(len, filled)) / count,
        spaced_fraction=sum(" " in text for text in filled) / count,
        numeric_fraction=sum(numbers[text] for text in filled) / count,
        is_plain=sum(text is None for text in texts) * 2 <= len(texts),
        is_code=distinct == {str(number) for number in range(len(distinct))} and len(filled) >= 5 * len(distinct),
    )


def is_number(text: str) -> bool:
    """Whether a text is a number, with a decimal point or comma."""
    if text[:1].isalpha() and text[:1] not in "iInN":  # `inf` and `nan` are numbers; an exception is dear
        return False
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True


def check_asked(table: Table, roles: Roles, asked: DataSettings) -> None:
    """Refuses a role or a column that does not exist, with the nearest.

    Raises:
        UsageError: a role or a column that does not exist was asked for, or one column for two roles.
    """
    for role in asked.columns:
        if role not in roles:
            raise UsageError(
                f"there is no role `{shown(role)}`",
                expected=" and ".join(f"`{one}`" for one in roles) if len(roles) < 4 else "a role of a form",
                hint=f"did you mean {nearest(role, roles)}?",
                where="data.columns",
            )
    wanted = [*asked.columns.values(), *([asked.group] if asked.group else [])]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise UsageError(
            f"there is no column {', '.join(f'`{shown(name)}`' for name in missing)}",
            expected=f"columns of the file: {of_file(table.columns)}",
            hint=like_it(missing[0], table.columns),
            where=str(table.path),
        )
    if len(set(wanted)) < len(wanted):
        raise UsageError(
            "one column cannot play two roles",
            expected="a different column for each role and the group",
            hint=f"columns of the file: {of_file(table.columns)}",
            where=str(table.path),
        )


def _fitting(role: str, names: tuple[str, ...], shapes: dict[str, Shape], taken: set[str]) -> tuple[list[str], str]:
    """The columns that fit a role, and by what: their name or, when no name says it, their shape."""
    free = [shape for name, shape in shapes.items() if name not in taken]
    named = [shape for shape in free if shape.name.strip().casefold() in names]
    if len(named) > 1:
        varied = [shape for shape in named if shape.num_distinct > 1]
        named = varied or named
    if named:
        return [shape.name for shape in named], "name"
    shaped = [shape.name for shape in free if (shape.may_be_text if role == "input" else shape.may_be_class)]
    return shaped, "shape"


def _why(role: str, how: str) -> str:
    if how == "name":
        return "by its name"
    return "the only column of free text" if role == "input" else "the only column of few, often repeated values"


def _refuse_headless(table: Table, shapes: dict[str, Shape], is_named: bool) -> None:
    """A first line that is data, taken as names, would lose a row without a word."""
    if is_named or not table.rows or table.container != "csv":
        return
    classes = [shape.name for shape in shapes.values() if shape.may_be_class]
    repeats = any(as_text(row.values[name]) == name for name in classes for row in table.rows)
    if repeats or any(is_number(name) or len(name) > 60 for name in table.columns):
        raise Undecided(
            "the first line looks like data, not like names of columns",
            where=f"{table.path}:1",
            expected="a header such as `text,label`",
            hint="add a first line that names the columns",
            confidence=0.8,
        )


def _refuse_unnamed(table: Table, asked: Mapping[str, str], by: set[str]) -> None:
    """Where texts are hidden, a first line of which no name is known or asked for is not taken for names."""
    if hides() and table.container in _WITH_HEADER and not asked and by == {"shape"}:
        raise Undecided(
            "the first line may be data: no name in it is one of those that are known",
            where=f"{table.path}:1",
            expected="with `privacy.redact`, columns that are named, so that no text is taken for a name and shown",
            hint="say which: `--columns input=NAME,target=NAME`",
            confidence=0.8,
        )


def _unclear(table: Table, roles: Roles, given: dict[str, str], fits: dict[str, list[str]]) -> Undecided:
    """The error that says which role is open, what the columns are, and what to type."""
    parts = []
    for role, columns in fits.items():
        if len(columns) > 1:
            parts.append(f"{len(columns)} columns may be the {role}: {of_file(columns)}")
        elif not columns:
            parts.append(f"no column looks like the {role}")
    what = "; ".join(parts) or f"one column, {of_file(fits[next(iter(fits))])}, fits both roles"
    options = _options(roles, given, fits)
    known = " and ".join(f"`{role}` ({', '.join(roles[role][:4])}, ...)" for role in fits if len(fits[role]) != 1)
    return Undecided(
        f"{what}; columns of the file: {of_file(table.columns)}",
        where=f"{table.path}:1",
        expected=f"one column for {known}" if known else "one column for each role",
        hint="say which: " + " or ".join(f"`--columns {option}`" for option in options),
        confidence=0.7 if all(fits.values()) else 0.0,
    )


def _options(roles: Roles, given: dict[str, str], fits: dict[str, list[str]]) -> list[str]:
    """What to type for each way to settle the roles, at most four."""
    options: list[dict[str, str]] = [{}]
    for role in roles:
        columns = [given[role]] if role in given else fits.get(role) or ["NAME"]
        options = [
            {**option, role: column}
            for option in options
            for column in columns
            if column == "NAME" or column not in option.values()
        ]
    return [typed(option) for option in options[:4]] or [typed(dict.fromkeys(roles, "NAME"))]


def typed(columns: Mapping[str, str]) -> str:
    """What to type after `--columns`."""
    text = ",".join(f"{role}={'NAME' if hides() else column}" for role, column in columns.items())
    return f"'{shown(text, 200)}'" if any(c in text for c in " ;|&'\"$") else text
