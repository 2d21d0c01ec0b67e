"""Which column plays which role: as asked, else by its name, else by its shape, and always said.

Two columns that fit are never chosen between: the error lists them and what to type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sintonia.errors import DataError, UsageError, nearest
from sintonia.prepare.table import Table, shown
from sintonia.settings import DataSettings

Roles = Mapping[str, tuple[str, ...]]

MAX_CLASS_SHARE = 0.3
"""A column with more distinct values than this share of its rows is not a class."""
MAX_NUMERIC_CLASSES = 50
_MIN_TEXT_LENGTH = 12.0
_MAX_CLASS_LENGTH = 60.0


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
    """No value is a list or an object."""
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


def as_text(value: object) -> str | None:
    """A value of a row as text: empty when there is none, None when it is a list or an object."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def choose_columns(table: Table, roles: Roles, asked: DataSettings) -> tuple[dict[str, str], tuple[str, ...]]:
    """The column of each role, and the notes that say why.

    Raises:
        UsageError: a role or a column that does not exist was asked for.
        DataError: no column fits a role, or more than one does.
    """
    _check_asked(table, roles, asked)
    chosen = dict(asked.columns)
    notes = [f"columns: `{shown(column)}` is the {role}, as asked" for role, column in chosen.items()]
    open_roles = [role for role in roles if role not in chosen]
    if not open_roles:
        return chosen, tuple(notes)
    shapes = {name: shape_of(table, name) for name in table.columns if name != asked.group}
    fits = {role: _fitting(role, roles[role], shapes, set(chosen.values())) for role in open_roles}
    _refuse_headless(table, shapes, any(how == "name" for _, how in fits.values()))
    unclear = [role for role in open_roles if len(fits[role][0]) != 1]
    if unclear:
        raise _unclear(table, roles, chosen, {role: fits[role][0] for role in open_roles})
    for role in open_roles:
        (column,), how = fits[role]
        chosen[role] = column
        notes.append(f"columns: `{shown(column)}` is the {role}, {_why(role, how)}")
    if len(set(chosen.values())) < len(chosen):
        raise _unclear(table, roles, dict(asked.columns), {role: fits[role][0] for role in open_roles})
    notes.append(f"to say otherwise: `--columns {_typed(chosen)}`")
    return {role: chosen[role] for role in roles}, tuple(notes)


def shape_of(table: Table, name: str) -> Shape:
    """Looks at all values of a column."""
    texts = [as_text(row.values.get(name)) for row in table.rows]
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
        is_plain=all(text is not None for text in texts),
        is_code=distinct == {str(number) for number in range(len(distinct))} and len(filled) >= 5 * len(distinct),
    )


def is_number(text: str) -> bool:
    """Whether a text is a number, with a decimal point or comma."""
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True


def _check_asked(table: Table, roles: Roles, asked: DataSettings) -> None:
    for role in asked.columns:
        if role not in roles:
            raise UsageError(
                f"there is no role `{shown(role)}`",
                expected=" and ".join(f"`{one}`" for one in roles),
                hint=f"did you mean {nearest(role, roles)}?",
                where="data.columns",
            )
    wanted = [*asked.columns.values(), *([asked.group] if asked.group else [])]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise UsageError(
            f"there is no column {', '.join(f'`{shown(name)}`' for name in missing)}",
            expected=f"columns of the file: {_listed(table.columns)}",
            hint=f"did you mean {nearest(missing[0], map(shown, table.columns))}?",
            where=str(table.path),
        )
    if len(set(wanted)) < len(wanted):
        raise UsageError(
            "one column cannot play two roles",
            expected="a different column for each role and the group",
            hint=f"columns of the file: {_listed(table.columns)}",
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
    if is_named or not table.rows or table.path.suffix.lower() not in (".csv", ".tsv"):
        return
    classes = [shape.name for shape in shapes.values() if shape.may_be_class]
    repeats = any(as_text(row.values[name]) == name for name in classes for row in table.rows)
    if repeats or any(is_number(name) or len(name) > 60 for name in table.columns):
        raise DataError(
            "the first line looks like data, not like names of columns",
            where=f"{table.path}:1",
            expected="a header such as `text,label`",
            hint="add a first line that names the columns",
        )


def _unclear(table: Table, roles: Roles, given: dict[str, str], fits: dict[str, list[str]]) -> DataError:
    """The error that says which role is open, what the columns are, and what to type."""
    parts = []
    for role, columns in fits.items():
        if len(columns) > 1:
            parts.append(f"{len(columns)} columns may be the {role}: {_listed(tuple(columns))}")
        elif not columns:
            parts.append(f"no column looks like the {role}")
    what = "; ".join(parts) or f"one column, {_listed(tuple(fits[next(iter(fits))]))}, fits both roles"
    options = _options(roles, given, fits)
    known = " and ".join(f"`{role}` ({', '.join(roles[role][:4])}, ...)" for role in fits if len(fits[role]) != 1)
    return DataError(
        f"{what}; columns of the file: {_listed(table.columns)}",
        where=f"{table.path}:1",
        expected=f"one column for {known}" if known else "one column for each role",
        hint="say which: " + " or ".join(f"`--columns {option}`" for option in options),
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
    return [_typed(option) for option in options[:4]] or [_typed(dict.fromkeys(roles, "NAME"))]


def _typed(columns: Mapping[str, str]) -> str:
    text = ",".join(f"{role}={column}" for role, column in columns.items())
    return f"'{shown(text, 200)}'" if any(c in text for c in " ;|&'\"$") else text


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(f"`{shown(name)}`" for name in names[:12]) + more
