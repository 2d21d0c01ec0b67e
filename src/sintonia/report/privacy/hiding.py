"""What page and card leave out where a recipe asks that no word of the data be shown (`privacy.redact`)."""

from __future__ import annotations

from dataclasses import replace

from sintonia.records import Finding


def without_values(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Without the values of columns of the data that E313 names: they may be of persons."""
    return tuple(
        replace(one, message=f"{one.message.partition(': ')[0]} (which ones is hidden)") if one.code == "E313" else one
        for one in findings
    )
