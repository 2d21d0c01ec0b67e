"""`sintonia adjust`: what to try next with a run that has ended a turn. Only `--apply` trains."""

from __future__ import annotations

from typing import Annotated

import typer

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.options import JsonOption, RunArgument
from sintonia.cli.screen import say, show_json
from sintonia.errors import UsageError
from sintonia.pipeline import finished_turns, propose
from sintonia.records import Change
from sintonia.runs import RunFolder


def adjust(
    path: RunArgument,
    apply: Annotated[bool, typer.Option("--apply", help="Train one more turn, with the first change.")] = False,
    pick: Annotated[int, typer.Option("--pick", min=1, help="Which change --apply takes, by its number.")] = 1,
    as_json: JsonOption = False,
) -> int:
    """Propose the next change to a run, and with --apply carry it out."""
    run = RunFolder.open(path)
    if not finished_turns(run) or not run.file("verdict.json").exists():
        raise UsageError(f"`{path}` is not finished yet", hint=f"`sintonia resume {path}` goes on to its verdict")
    changes = propose(run)
    if changes:
        _show(changes)
    else:
        say("no change of a setting is worth trying: more examples, or another base, would tell more")
    if pick > 1 and not (apply and pick <= len(changes)):
        raise UsageError(f"there is no change {pick} to apply", hint=f"--apply --pick takes 1 to {len(changes)}")
    if apply and changes:
        return carry_out(run, as_json=as_json, change=changes[pick - 1])
    if as_json:
        show_json(changes)
    elif changes:
        say(f"\n`sintonia adjust {path} --apply` carries out the first one, `--apply --pick N` the one of that number")
    return 0


def _show(changes: tuple[Change, ...]) -> None:
    for number, change in enumerate(changes, start=1):
        say(f"{number}  {change.setting}: {change.before} -> {change.after}", style="bold")
        say(f"   because   {change.reason}{f' ({change.finding})' if change.finding else ''}")
        say(f"   expected  {change.expected}")
        say(f"   cost      {change.cost}")
