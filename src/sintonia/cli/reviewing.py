"""Goes through suspect rows in a terminal, one key each. A decision is on disk before the next row is shown.

It can be left at any time and taken up again: decided rows are not shown twice.
"""

from __future__ import annotations

import shutil
import sys
import termios
import textwrap
import tty
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from sintonia.cli.screen import say
from sintonia.errors import UsageError
from sintonia.prepare import read_decisions, write_decision
from sintonia.records import Suspect

_KEYS = "k keep · r relabel as suggested · d drop · s skip · u undo the last · q quit"
_ACTIONS = {"k": "keep", "r": "relabel", "d": "drop"}
_MOST_LINES = 12
_INTERRUPT = "\x03"


def review_suspects(data: Path, suspects: tuple[Suspect, ...]) -> int:
    """Shows each suspect that is not decided yet and keeps what the person says of it.

    Raises:
        UsageError: there is no terminal to read keys from.
    """
    if not sys.stdin.isatty():
        raise UsageError("a review needs a terminal", hint="run it in one; `--json` lists the suspects for a program")
    decided = read_decisions(data)
    waiting = [one for one in suspects if one.row not in decided]
    say(f"{len(suspects):,} suspect rows, {len(suspects) - len(waiting):,} decided before")
    done: list[tuple[int, str]] = []
    position = 0
    for key in _keys() if waiting else ():
        if key in ("q", _INTERRUPT):
            break
        if key == "u" and done:
            position, _ = done.pop()
            write_decision(data, waiting[position].row, "undo")
        elif key in _ACTIONS:
            suspect = waiting[position]
            write_decision(data, suspect.row, _ACTIONS[key], suspect.suggested if key == "r" else None)
            done.append((position, _ACTIONS[key]))
            position += 1
        elif key == "s":
            position += 1
        if position >= len(waiting):
            break
        _show(waiting[position], f"{position + 1:,} of {len(waiting):,}")
    counts = Counter(action for _, action in done)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    say(f"decided: {told}; every later run applies it" if told else "nothing was decided")
    return 0


def _show(suspect: Suspect, where: str) -> None:
    say()
    say(f"{where}   {suspect.place.file}:{suspect.place.line}", style="dim")
    show_text(suspect.input)
    sure = "" if suspect.confidence == 0 else f"  (look-alikes give this label a chance of {suspect.confidence:.0%})"
    say(f"label      {printable(suspect.target)}{sure}", style="bold")
    say(f"suggested  {printable(suspect.suggested)}", style="bold")
    say(_KEYS, style="dim")


def show_text(text: str) -> None:
    """A text as wide as the terminal, at most twelve lines of it, and how many more there are."""
    width = max(40, min(shutil.get_terminal_size().columns, 100)) - 4
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, width) or [""]]
    cut = [f"… {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    for line in [*lines[:_MOST_LINES], *cut]:
        say(f"  {printable(line)}")


def printable(text: str) -> str:
    """Without control characters: a text must not be able to steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _keys() -> Iterator[str]:
    """First an empty key, so that a row is shown; then each key as it is pressed, unseen and without Enter."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield ""
        yield from _read_keys()
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _read_keys() -> Iterable[str]:
    try:
        while key := sys.stdin.read(1):
            yield "q" if key == "\x04" else key.lower()
    except KeyboardInterrupt:
        yield _INTERRUPT  # every decision is on disk already
