"""D131: another column tells more than the input does: the target, or whose a row is.

What: a column that is neither input nor target, from which the target can be told almost perfectly (science.md 3.3);
or one that is called as persons and ids are (`customer_id`, `patient`, `user`) and whose values repeat over rows, where
nothing says yet what the rows are grouped by. At most 20,000 rows are looked at.
Why it matters: if the column were part of the input, the model would learn the column and not the text. And if it
says what the rows have in common (a person, a source, a template, an author), rows with one value belong in one set:
else the model is tested on people whom it learned from, and a privacy budget for each row promises nothing to a person
who has several.
What to do: keep it out of the input. When it says whose the rows are, say so: `data.group=COLUMN`, and for a privacy
budget `privacy.dp.unit=group`.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit, rows_in_words
from sintonia.prepare.checks.d115_target_leak import columns_in_words, leaking_columns
from sintonia.prepare.checks.whose_rows import Whose, whose_columns
from sintonia.prepare.table import shown
from sintonia.records import Finding

CODE = "D131"
_MOST_NAMED = 3


def check(audit: Audit) -> Finding | None:
    """One finding that names the columns, but for the one that the rows are grouped by."""
    telling = _telling(audit)
    whose = _whose(audit, {column for column, _ in telling})
    if not telling and not whose:
        return None
    parts = [_whose_in_words(audit, whose)] if whose else []
    parts += [f"the target can be told from {columns_in_words(telling)} alone"] if telling else []
    hint = "keep it out of the input; when it names the source of a row, say `data.group=COLUMN`"
    if whose:
        hint = f"`data.group={shown(whose[0].column)}` keeps them together, and `privacy.dp.unit=group` protects each"
        hint += "; keep what tells the target out of the input" if telling else ""
    return Finding(
        code=CODE,
        severity="warning" if any(one.is_person for one in whose) else "note",
        count=len({column for column, _ in telling} | {one.column for one in whose}),
        message="; ".join(parts),
        hint=hint,
    )


def _telling(audit: Audit) -> list[tuple[str, float]]:
    target = audit.columns.get("target")
    if target is None or not audit.rows.classes:
        return []
    inputs = tuple(column for role, column in audit.columns.items() if role != "target")
    return [one for one in leaking_columns(audit.table, target, inputs) if one[0] != audit.group_column]


def _whose(audit: Audit, telling: set[str]) -> tuple[Whose, ...]:
    """Nothing where a group is named; an id that says the target is the target once more."""
    if audit.group_column is not None:
        return ()
    found = whose_columns(audit.table, set(audit.columns.values()))
    return tuple(one for one in found if one.is_person or one.column not in telling)


def _whose_in_words(audit: Audit, whose: tuple[Whose, ...]) -> str:
    looked = "" if len(audit.table.rows) == audit.table.num_rows else f" of {len(audit.table.rows):,} looked at"
    listed = ", ".join(
        f"`{shown(one.column)}` ({one.num_values:,} values; {rows_in_words(one.num_rows)}{looked} share theirs)"
        for one in whose[:_MOST_NAMED]
    )
    return f"rows of one person or thing may be in training and in the test: {listed}"
