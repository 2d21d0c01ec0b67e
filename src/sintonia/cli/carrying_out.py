"""Carries a run out in front of a person: log, signals, progress, verdict. The commands that train share it.

It computes nothing: the pipeline does, and loads torch only when it trains.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress

from sintonia.cli.bill import show_bill
from sintonia.cli.bought import show_bought
from sintonia.cli.expiring import show_kept
from sintonia.cli.guarantee import show_guarantee
from sintonia.cli.interrupting import pausing
from sintonia.cli.journal import keep_log
from sintonia.cli.options import RUNS
from sintonia.cli.screen import say, show_json, show_verdict, showing
from sintonia.cli.taught import show_taught
from sintonia.cli.vaults import show_vault
from sintonia.errors import DataError, RequirementNotMet, UsageError
from sintonia.pipeline import improve
from sintonia.records import Change, Prepared, Verdict
from sintonia.runs import RunFolder

_BEFORE_ANY_TASK = "pretrain"


def carry_out(
    run: RunFolder, *, as_json: bool, require: str | None = None, change: Change | None = None, says_yes: bool = False
) -> int:
    """Runs the whole process, or what is left of it, and shows its verdict.

    Where the estimate is beyond the budget it asks at a terminal, unless `says_yes`; elsewhere that is refused.

    Raises:
        RequirementNotMet: the verdict is not the one required.
        Interrupted: a signal paused the run.
    """
    place = run.place
    keep_log(run)
    say(f"run       {os.path.relpath(place)}")
    show_vault(run)
    try:
        with showing() as shown, pausing(run, shown.hear) as listener:
            verdict = improve(run, listener, change, (lambda _: True) if says_yes else shown.ask)
    except (DataError, UsageError):
        if not place.exists() and place.parent == RUNS.absolute():
            with suppress(OSError):
                RUNS.rmdir()  # it was made for this run, unless others are in it
        raise
    show_verdict(run, verdict)
    show_bought(run)
    show_taught(run)
    show_guarantee(run, verdict)
    show_bill(run)
    show_kept(run)
    _show_next_step(run, verdict)
    if as_json:
        show_json(verdict)
    if require and verdict.outcome != require:
        raise RequirementNotMet(
            f"the verdict is `{verdict.outcome}`",
            expected=f"`{require}`, as --require says",
            hint="the report says why and what to try next",
        )
    return 0


def _show_next_step(run: RunFolder, verdict: Verdict) -> None:
    """What a base that knows a domain is for; nothing after any other task, or where the old base is to be kept."""
    prepared = run.read("prepared.json", Prepared)
    if prepared is None or prepared.task != _BEFORE_ANY_TASK or verdict.outcome in ("worse", "invalid"):
        return
    model = shlex.quote(f"file:{os.path.relpath(run.file('model'))}")
    say(f"next      it is a base for your task: `sintonia tune DATA --task chat --base {model}`")
