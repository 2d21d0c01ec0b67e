"""Shows until when runs keep data by `privacy.keep_days`, and removes what is due after a yes. It decides no day."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import typer

from sintonia.cli.screen import can_ask, program, say, show_json
from sintonia.errors import UsageError
from sintonia.privacy import Due, due_runs, expire, expires
from sintonia.runs import RunFolder

_STAYS = "recipe, verdict, card, findings, resources and model stay"


def show_kept(run: RunFolder) -> None:
    """At the end of a training the day until which the run keeps what it holds of the data, where one is set."""
    day = expires(run)
    if day is not None:
        command = f"{program()} runs {shlex.quote(os.path.relpath(run.place))} --expire"
        say(f"kept      its data until {day[:10]}, unless it is worked on again; then `{command}` removes them")


def show_due(runs: Sequence[RunFolder], folder: Path) -> None:
    """One line where something is due; nothing is removed."""
    num_due = sum(1 for _ in due_runs(runs))
    if num_due:
        which = "1 run holds" if num_due == 1 else f"{num_due:,} runs hold"
        command = f"{program()} runs {shlex.quote(str(folder))} --expire"
        say(f"due       {which} data beyond their `privacy.keep_days`: `{command}` shows and removes them")


def expire_due(runs: Sequence[RunFolder], *, says_yes: bool, as_json: bool) -> int:
    """Lists what is due, and removes it after a yes.

    Raises:
        UsageError: something is due, and nobody can be asked, or the answer is no.
    """
    from sintonia.report import mark_expired

    due = list(due_runs(runs))
    for one in due:
        say(_line(one))
    is_removing = bool(due) and (says_yes or _agrees())
    for one in due if is_removing else ():
        expire(one, mark_expired)
    if as_json:
        rows = [{"run": _name(one), "ended": one.ended, "keep_days": one.keep_days} for one in due]
        sizes = [{"files": one.num_files, "bytes": one.num_bytes, "removed": is_removing} for one in due]
        show_json([row | size for row, size in zip(rows, sizes, strict=True)])
    if due and not is_removing:
        what = "nothing was removed" if can_ask() else "nothing is removed without a yes"
        raise UsageError(what, hint=f"with `--yes` {_amount(due)} go; {_STAYS}")
    nothing = "nothing is due: no run holds data beyond its `privacy.keep_days`"
    say(f"removed {_amount(due)}; {_STAYS}" if due else nothing, style="bold")
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
    return can_ask() and typer.confirm("remove them?", default=False, err=True)
