"""The checks of the audit: one file a check, each a pure function from the Audit to a Finding or nothing.

The docstring of each file is the documentation of its finding: code, what, why it matters, what to do. A check of
single rows says which rows are suspect; all of these see the rows in one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError, nearest
from sintonia.prepare.audit import MAX_PLACES, Audit, Seen
from sintonia.prepare.rows import Labelled
from sintonia.records import Finding

_TABLE_CHECKS = (
    "d101_unusable_rows",
    "d102_exact_duplicates",
    "d103_conflicting_labels",
    "d104_imbalance",
    "d105_thin_class",
    "d106_bridging_rows",
    "d107_small_data",
    "d108_unmeasured_class",
    "d109_label_spelling",
    "d112_near_duplicates",
    "d113_exact_leak",
    "d114_near_leak",
    "d115_target_leak",
    "d116_drift",
    "d117_production",
    "d118_order",
    "d122_language",
    "d125_annotator_agreement",
    "d126_personal_data",
    "d130_one_class",
    "d131_telling_column",
    "d132_unseen_class",
    "d138_added_class",
    "d139_added_leak",
    "d149_redacted",
)
_ROW_CHECKS = (
    "d119_too_short",
    "d120_garbled",
    "d121_mojibake",
    "d123_copied_answers",
    "d124_refusals",
)


def _load(names: tuple[str, ...]) -> dict[str, Any]:
    modules = [import_module(f"sintonia.prepare.checks.{name}") for name in names]
    return {module.CODE: module for module in modules}


TABLE_CHECKS: dict[str, Any] = _load(_TABLE_CHECKS)
"""Checks that look at all rows at once: `check(audit)`."""
ROW_CHECKS: dict[str, Any] = _load(_ROW_CHECKS)
"""Checks that look at one row at a time: `suspect(row)`, and `finding(audit, seen)` at the end."""


def explain(code: str) -> str:
    """What a finding about data means, why it matters and what to do.

    Raises:
        UsageError: there is no such finding.
    """
    names = {path.stem.partition("_")[0].upper(): path.stem for path in Path(__file__).parent.glob("d[0-9]*.py")}
    if code.upper() not in names:
        hint = f"did you mean {nearest(code.upper(), names)}?"
        raise UsageError(f"there is no finding `{code}` about data", expected="a code such as D113", hint=hint)
    return (import_module(f"sintonia.prepare.checks.{names[code.upper()]}").__doc__ or "").strip()


def run_checks(audit: Audit) -> tuple[Finding, ...]:
    """All findings about the data that need no model, in the order of their codes."""
    found = {code: module.check(audit) for code, module in TABLE_CHECKS.items()}
    seen = _look_at_rows(audit)
    found |= {code: module.finding(audit, seen[code]) for code, module in ROW_CHECKS.items() if code in seen}
    return tuple(finding for _, finding in sorted(found.items()) if finding)


class _Watch:
    """One check of single rows, and what it has met so far."""

    def __init__(self, suspect: Callable[[Labelled], bool]) -> None:
        self.suspect = suspect
        self.count = 0
        self.first: list[int] = []

    def see(self, position: int, row: Labelled) -> None:
        if self.suspect(row):
            self.count += 1
            if len(self.first) < MAX_PLACES:
                self.first.append(position)


def _look_at_rows(audit: Audit) -> dict[str, Seen]:
    """What each check of single rows has met, in one pass over the rows."""
    meant = {code: one for code, one in ROW_CHECKS.items() if one.TASKS is None or audit.task in one.TASKS}
    watches = {code: _Watch(one.suspect) for code, one in meant.items()}
    for position, row in enumerate(audit.rows.scan()):
        for watch in watches.values():
            watch.see(position, row)
    all_rows = len(audit.rows)
    return {
        code: Seen(positions=tuple(one.first), count=one.count, looked_at=all_rows) for code, one in watches.items()
    }
