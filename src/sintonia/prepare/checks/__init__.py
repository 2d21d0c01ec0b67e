"""The checks of the audit: one file a check, each a pure function from the Audit to a Finding or nothing.

The docstring of each file is the documentation of its finding: code, what, why it matters, what to do.
"""

from __future__ import annotations

from collections.abc import Callable

from sintonia.prepare.audit import Audit
from sintonia.prepare.checks import (
    d101_unusable_rows,
    d102_exact_duplicates,
    d103_conflicting_labels,
    d104_imbalance,
    d105_thin_class,
    d106_bridging_rows,
    d107_small_data,
    d108_unmeasured_class,
    d109_label_spelling,
)
from sintonia.records import Finding

CHECKS: dict[str, Callable[[Audit], Finding | None]] = {
    d101_unusable_rows.CODE: d101_unusable_rows.check,
    d102_exact_duplicates.CODE: d102_exact_duplicates.check,
    d103_conflicting_labels.CODE: d103_conflicting_labels.check,
    d104_imbalance.CODE: d104_imbalance.check,
    d105_thin_class.CODE: d105_thin_class.check,
    d106_bridging_rows.CODE: d106_bridging_rows.check,
    d107_small_data.CODE: d107_small_data.check,
    d108_unmeasured_class.CODE: d108_unmeasured_class.check,
    d109_label_spelling.CODE: d109_label_spelling.check,
}
"""Checks that need the rows alone; `examine` has those that need the base."""


def run_checks(audit: Audit) -> tuple[Finding, ...]:
    """All findings about the data, in the order of their codes."""
    found = (check(audit) for check in CHECKS.values())
    return tuple(finding for finding in found if finding)
