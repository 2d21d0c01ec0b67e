"""`sintonia audit`: shows the audit log, and tells whether it is what was written. It changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sintonia.audit import ANCHOR, EVENTS, Entry, Head, Proof, entries, log_path, read_head
from sintonia.audit import verify as verify_log
from sintonia.cli.options import JsonOption
from sintonia.cli.screen import say, show_json
from sintonia.errors import UsageError, nearest
from sintonia.runs import RunFolder

_VERBS = ("show", "verify")


def audit(
    verb: Annotated[str, typer.Argument(metavar="show|verify", help="Show its lines, or tell whether it is whole.")],
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN...]", help="With `verify`: run folders, whose heads it is held against."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Show the log of imports, trainings, openings, exports and logins, or verify that nobody changed it."""
    if verb not in _VERBS:
        raise UsageError(f"unknown verb `{verb}` of `audit`", hint=f"did you mean {nearest(verb, _VERBS)}?")
    if verb == "verify":
        return _verify(runs or [], as_json)
    if runs:
        raise UsageError("`audit show` takes no run", hint="`sintonia audit verify RUN` holds the log against a run")
    found = entries()
    if as_json:
        show_json(found)
    elif not found:
        say(f"nothing is recorded in `{log_path()}` yet")
    for entry in () if as_json else found:
        say(_line(entry))
    return 0


def _verify(runs: list[Path], as_json: bool) -> int:
    anchors, without = _anchors(runs)
    proof = verify_log(anchors)
    for name in without:
        say(f"note      `{name}` keeps no head of the log: it says nothing about it", style="dim")
    _show(proof, len(anchors))
    if as_json:
        show_json(proof)
    return 0 if proof.is_whole else 1


def _anchors(runs: list[Path]) -> tuple[list[tuple[str, Head]], list[str]]:
    """The heads that runs keep, by the run; and the runs that keep none."""
    heads = [(str(path), read_head(RunFolder.open(path).file(ANCHOR))) for path in runs]
    return [(name, head) for name, head in heads if head], [name for name, head in heads if not head]


def _show(proof: Proof, num_anchors: int) -> None:
    for note in proof.notes:
        say(f"note      {note}", style="dim")
    for one in proof.breaks:
        say(f"{log_path()}:{one.line}: {one.reason}", style="red")
    held = f", held against the head of {num_anchors} run{'s' if num_anchors > 1 else ''}" if num_anchors else ""
    if not proof.is_whole:
        say(f"broken at line {proof.breaks[0].line}{held}: it is not the log that sintonia wrote", style="bold red")
        say("hint: restore the folder from a copy; or move it away, for whoever looks into it, and a new log begins")
    elif not proof.head.lines:
        say(f"nothing is recorded in `{log_path()}` yet{held}")
    else:
        say(f"whole: {proof.head.lines} events, head {proof.head.sha256}{held}", style="bold")


def _line(entry: Entry) -> str:
    facts = ", ".join(f"{name} {_told(value)}" for name, value in entry.facts.items())
    return f"{entry.number:5}  {entry.time}  {EVENTS.get(entry.event, entry.event)}: {facts}"


def _told(value: object) -> str:
    """Hashes by their first digits, as nobody reads the others on a screen; `--json` has them all."""
    text = str(value)
    return text[:12] if len(text) == 64 and set(text) <= set("0123456789abcdef") else text
