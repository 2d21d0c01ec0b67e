"""`sintonia adjust RUN`: the proposals for a run, and at a terminal the question whether to carry one out.

It proposes nothing by itself, and trains only what a person asked for.
"""

from __future__ import annotations

import sys

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.screen import can_ask, say, show_json
from sintonia.errors import UsageError
from sintonia.pipeline import propose
from sintonia.records import Change, Proposals
from sintonia.runs import RunFolder


def offer(run: RunFolder, pick: int | None, *, applies: bool, as_json: bool) -> int:
    """Shows what is proposed. With `applies` it carries out the change of the number `pick`, the first without one.

    At a terminal it asks, unless data are printed for a program.

    Raises:
        UsageError: there is no change of that number.
    """
    found = propose(run)
    _show(found)
    changes = found.changes
    if pick is not None and pick > len(changes):
        known = f"--apply --pick takes 1 to {len(changes)}" if changes else "there is nothing to pick from"
        raise UsageError(f"there is no change {pick} to apply", hint=known)
    chosen = pick or 1 if applies else _ask(changes) if not as_json else None
    if chosen and changes:
        return carry_out(run, as_json=as_json, change=changes[chosen - 1])
    if as_json:
        show_json(found)
    elif changes:
        say(f"\n`sintonia adjust {run.place} --apply` carries out the first one, `--apply --pick N` that of number N")
    return 0


def _ask(changes: tuple[Change, ...]) -> int | None:
    """The number of the change that a person wants carried out; None for none, and where nobody can be asked."""
    if not changes or not can_ask():
        return None
    numbers = "" if len(changes) == 1 else f"/2-{len(changes)}"
    while True:
        print(f"\nCarry out 1 now? [y{numbers}/N] ", end="", file=sys.stderr, flush=True)
        try:
            answer = input().strip().lower()
        except EOFError:
            return None
        if answer in ("", "n", "no"):
            return None
        if answer in ("y", "yes"):
            return 1
        if answer.isdecimal() and 1 <= int(answer) <= len(changes):
            return int(answer)
        say(f"y, n, or a number from 1 to {len(changes)}")


def _show(found: Proposals) -> None:
    for line in found.shown:
        say(f"shown      {line}")
    for line in filter(None, (found.flattery, found.ended and f"the rounds ended: {found.ended}")):
        say(f"so far     {line}")
    for step in found.data_steps:
        say(f"first      {step.action}", style="bold")
        say(f"   because     {step.reason} ({step.finding})")
        say(f"   expected    {step.expected}")
        say(f"   cost        {step.cost}")
    for number, change in enumerate(found.changes, start=1):
        _show_change(number, change)
    if not found.changes:
        say("no change of a setting is worth trying: more examples, or another base, would tell more")


def _show_change(number: int, change: Change) -> None:
    say(f"{number}  {change.setting}: {change.before} -> {change.after}", style="bold")
    say(f"   because     {change.reason}{f' ({change.finding})' if change.finding else ''}")
    say(f"   expected    {change.expected}")
    if change.aim == "quality":
        measured = f", by {change.gain.source}" if change.gain else ""
        say(f"   confidence  {change.confidence}{measured}")
    say(f"   cost        {change.cost}")
