"""`sintonia redact`: a copy of a file without the personal data that can be recognised. It never changes the file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from sintonia.cli.options import JsonOption
from sintonia.cli.screen import say, show_json
from sintonia.errors import UsageError
from sintonia.privacy import Fate, Seal, redact_file, refuse_existing, restore_file

_VARIABLE = "SINTONIA_PASSPHRASE"


def redact(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A CSV, TSV, JSONL or text file in UTF-8.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write; it must not exist.")],
    mapping: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help=f"Also keep which value each placeholder stands for, encrypted ({_VARIABLE})."
        ),
    ] = None,
    restore: Annotated[
        Path | None,
        typer.Option(
            metavar="MAPPING", help="Put the values of this mapping back instead, each as it was first spelled."
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="COLUMN,...", help="Look at these columns only; by default at all.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Replace e-mails, phones, cards and other personal numbers in a copy of a file.

    Names, addresses and ids of your own are no such pattern: the columns in which nothing was replaced are listed.
    What --restore puts back has one spelling a value: where a number was written as +39 333 1234567 and as
    3331234567, the first one met comes back in both places. All else is as it was, byte for byte.
    """
    if restore and (mapping or columns):
        raise UsageError("`--restore` takes neither `--mapping` nor `--columns`")
    refuse_existing(out, *([mapping] if mapping else []))
    if restore:
        num_lines = restore_file(data, out, Seal(path=restore, passphrase=_passphrase(is_new=False)))
        say(f"{out}: {num_lines:,} lines, values put back")
        if as_json:
            show_json({"lines": num_lines})
        return 0
    names = [name.strip() for name in (columns or "").split(",") if name.strip()]
    seal = Seal(path=mapping, passphrase=_passphrase(is_new=True)) if mapping else None
    done = redact_file(data, out, columns=names, seal=seal)
    for kind, count in sorted(done.replaced.items()):
        say(f"{kind:<22}{count:>9,} replaced, {done.distinct[kind]:,} distinct")
    num_values = sum(done.replaced.values())
    say(f"{out}: {done.num_lines:,} lines, {num_values:,} value{'s' * (num_values != 1)} replaced")
    if told := _left(done.fates):
        say(f"left as they are: {told}")
    say("names, addresses and what no pattern gives away are still there: look before you share it", style="dim")
    if as_json:
        fates = {name: fate.name.lower() for name, fate in done.fates.items()}
        counts = {"lines": done.num_lines, "replaced": done.replaced, "distinct": done.distinct}
        more = {"more_columns": len(fates) - _MOST_LISTED} if len(fates) > _MOST_LISTED else {}
        show_json({**counts, "columns": dict(islice(fates.items(), _MOST_LISTED)), **more})
    return 0


_MOST_NAMED = 20
"""Columns or keys of one fate that are named on the screen."""
_MOST_LISTED = 1000
"""Those that are listed with --json; where each row has keys of its own, there is no end to them."""
_WHY = {
    Fate.LEFT: "nothing a pattern knows stands in them",
    Fate.NO_TEXT: "no text, numbers are not looked at",
    Fate.NOT_ASKED: "not among --columns",
}


def _left(fates: Mapping[str, Fate]) -> str:
    """The columns in which nothing was replaced, and why."""
    by_fate = {why: [f"`{name}`" for name, fate in fates.items() if fate is one] for one, why in _WHY.items()}
    return "; ".join(f"{_named(names)} ({why})" for why, names in by_fate.items() if names)


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _passphrase(*, is_new: bool) -> str:
    """From the environment, or typed unseen; never from the command line, where other processes can read it."""
    if given := os.environ.get(_VARIABLE):
        return given
    if not sys.stdin.isatty():
        raise UsageError("the mapping needs a passphrase", hint=f"set {_VARIABLE}, or run this on a terminal")
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True))
