"""Shows which runs hold data beyond `privacy.keep_days`, and removes them where a person says so. It decides no day."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from sintonia.cli.screen import program, say, show_json
from sintonia.privacy import Due, due_runs, expire
from sintonia.runs import RunFolder

_STAYS = "recipe, verdict, card, findings, resources and model stay"


def show_due(runs: Sequence[RunFolder], folder: Path) -> None:
    """One line where something is due; nothing is removed."""
    num_due = sum(1 for _ in due_runs(runs))
    if num_due:
        which = "1 run holds" if num_due == 1 else f"{num_due:,} runs hold"
        command = f"{program()} runs {shlex.quote(str(folder))} --expire"
        say(f"due       {which} data beyond their `privacy.keep_days`: `{command}` shows and removes them")


def expire_due(runs: Sequence[RunFolder], *, says_yes: bool, as_json: bool) -> int:
    """Lists what is due, and removes it after a yes; where nobody can be asked, it is only listed."""
    due = list(due_runs(runs))
    for one in due:
        say(_line(one))
    is_removing = bool(due) and (says_yes or _agrees())
    if is_removing:
        for one in due:
            expire(one)
    told = f"{_amount(due)}" if due else "nothing is due: no run holds data beyond its `privacy.keep_days`"
    if due:
        told = f"removed {told}; {_STAYS}" if is_removing else f"nothing was removed; with `--yes` {told} go, {_STAYS}"
    say(told, style="bold")
    if as_json:
        rows = [{"run": _name(one), "ended": one.ended, "keep_days": one.keep_days} for one in due]
        sizes = [{"files": one.num_files, "bytes": one.num_bytes, "removed": is_removing} for one in due]
        show_json([row | size for row, size in zip(rows, sizes, strict=True)])
    return 0


def _line(one: Due) -> str:
    why = "a removal was broken off" if one.is_broken_off else f"ended {one.ended[:10]}, kept {one.keep_days} days"
    return f"due       {_name(one)}: {why}; {_amount([one])}"


def _amount(due: Sequence[Due]) -> str:
    num_files, num_bytes = sum(one.num_files for one in due), sum(one.num_bytes for one in due)
    return f"{num_files:,} file{'s' * (num_files != 1)} of {num_bytes / 1e6:,.1f} MB"


def _name(one: Due) -> str:
    return os.path.relpath(one.run.place)


def _agrees() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm("remove them?", default=False, err=True)
