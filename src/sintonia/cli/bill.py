"""Shows the bill of a run at its end: what was promised, and what was measured. It computes nothing."""

from __future__ import annotations

from sintonia.cli.screen import say
from sintonia.runs import RunFolder


def show_bill(run: RunFolder) -> None:
    """The whole run, its memory, disk, energy and money, promised beside measured; nothing where none was written."""
    from sintonia.report import bill_lines  # it loads what statistics need

    lines = bill_lines(run)
    if lines:
        say()
    for line in lines:
        say(line, style="dim")
