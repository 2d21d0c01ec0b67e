"""D131: another column gives the target away.

What: a column that is neither input nor target, from which the target can be told almost perfectly (science.md 3.3;
at most 20,000 rows are looked at).
Why it matters: if the column were part of the input, the model would learn the column and not the text; and if it
says what the rows have in common (a source, a template, an author), rows with one value belong in one set.
What to do: keep it out of the input. When it names a source, say so: `data.group=COLUMN`.
"""

from __future__ import annotations

from sintonia.prepare.audit import Audit
from sintonia.prepare.checks.d115_target_leak import columns_in_words, leaking_columns
from sintonia.records import Finding

CODE = "D131"


def check(audit: Audit) -> Finding | None:
    """One finding that names the columns, but for the one that the rows are grouped by."""
    target = audit.columns.get("target")
    if target is None or not audit.rows.classes:
        return None
    inputs = tuple(column for role, column in audit.columns.items() if role != "target")
    found = [one for one in leaking_columns(audit.table, target, inputs) if one[0] != audit.group_column]
    if not found:
        return None
    return Finding(
        code=CODE,
        severity="note",
        count=len(found),
        message=f"the target can be told from {columns_in_words(found)} alone",
        hint="keep it out of the input; when it names the source of a row, say `data.group=COLUMN`",
    )
