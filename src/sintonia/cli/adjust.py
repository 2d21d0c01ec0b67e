"""`sintonia adjust`: what to try next with a run that has ended a turn. Only `--apply` trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.options import JsonOption, RunArgument
from sintonia.cli.screen import say, show_json
from sintonia.errors import UsageError
from sintonia.pipeline import finished_turns, propose, write_scaled_model
from sintonia.records import Change
from sintonia.runs import RunFolder


def adjust(
    path: RunArgument,
    apply: Annotated[bool, typer.Option("--apply", help="Train one more turn, with the first change.")] = False,
    pick: Annotated[
        int | None, typer.Option("--pick", min=1, help="The number of the change that --apply takes.")
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option("--scale", help="Write the model with this share of its training."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The new folder that --scale writes.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Propose the next change to a run, and with --apply carry it out.

    With --scale and --out it trains nothing, and writes the model that goes only so far from its base.
    """
    run = RunFolder.open(path)
    if not finished_turns(run) or not run.file("verdict.json").exists():
        raise UsageError(f"`{path}` is not finished yet", hint=f"`sintonia resume {path}` goes on to its verdict")
    if scale is not None or out is not None:
        return _scale(run, scale, out, is_alone=not apply and pick is None, as_json=as_json)
    if pick is not None and not apply:
        raise UsageError("`--pick` says which change `--apply` takes", hint=f"add --apply: --apply --pick {pick}")
    changes = propose(run)
    if changes:
        _show(changes)
    else:
        say("no change of a setting is worth trying: more examples, or another base, would tell more")
    if pick is not None and pick > len(changes):
        known = f"--apply --pick takes 1 to {len(changes)}" if changes else "there is nothing to pick from"
        raise UsageError(f"there is no change {pick} to apply", hint=known)
    if apply and changes:
        return carry_out(run, as_json=as_json, change=changes[(pick or 1) - 1])
    if as_json:
        show_json(changes)
    elif changes:
        say(f"\n`sintonia adjust {path} --apply` carries out the first one, `--apply --pick N` the one of that number")
    return 0


def _scale(run: RunFolder, scale: float | None, out: Path | None, *, is_alone: bool, as_json: bool) -> int:
    """Writes the model of the run with its training scaled, and says what is not known of it."""
    if not is_alone:
        raise UsageError("`--scale` trains nothing, and goes with neither `--apply` nor `--pick`", hint="leave one out")
    if scale is None or out is None:
        given, missing = ("--scale", "--out FOLDER") if out is None else ("--out", "--scale 0.6")
        raise UsageError(f"`{given}` needs `{missing}` beside it", hint="as in `--scale 0.6 --out FOLDER`")
    scaled = write_scaled_model(run, scale, out)
    for line in scaled.told:
        say(line)
    if as_json:
        show_json(scaled)
    else:
        print(scaled.folder)
    return 0


def _show(changes: tuple[Change, ...]) -> None:
    for number, change in enumerate(changes, start=1):
        say(f"{number}  {change.setting}: {change.before} -> {change.after}", style="bold")
        say(f"   because   {change.reason}{f' ({change.finding})' if change.finding else ''}")
        say(f"   expected  {change.expected}")
        say(f"   cost      {change.cost}")
