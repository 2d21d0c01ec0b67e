"""Answers as they are written: streamed to standard output, two of them side by side where the terminal is wide enough.

Nothing that a model writes controls the terminal. No model is opened here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sintonia.cli.screen import say

if TYPE_CHECKING:
    from sintonia.use import Piece

LEAST_COLUMNS = 80
"""The narrowest terminal in which two answers stand side by side."""


def show_answers(coming: Mapping[str, Iterator[Piece]]) -> dict[str, str]:
    """Shows answers by the name of who gives them, and gives their texts.

    Ctrl-C stops them: what was written until then is the answer.
    """
    said = dict.fromkeys(coming, "")
    reasons: dict[str, str | None] = dict.fromkeys(coming)
    console = Console(highlight=False)
    is_wide = console.is_terminal and console.width >= LEAST_COLUMNS and len(coming) > 1
    try:
        if is_wide:
            _side_by_side(coming, said, reasons, console)
        else:
            _one_after_another(coming, said, reasons)
    except KeyboardInterrupt:
        print(flush=True)
        say("stopped", style="dim")
    finally:
        for pieces in coming.values():
            pieces.close()  # type: ignore[attr-defined]
    for name, reason in reasons.items():
        if reason == "length":
            who = f"{name}: " if len(coming) > 1 else ""
            say(f"{who}stopped by the limit (--max-tokens)", style="dim")
    return said


def gather_answers(coming: Mapping[str, Iterator[Piece]]) -> dict[str, str]:
    """The whole text of each answer; nothing is shown."""
    return {name: "".join(piece.text for piece in pieces) for name, pieces in coming.items()}


def safe(text: str) -> str:
    """The text without what would control a terminal: such characters are written as their numbers.

    >>> safe("a\\x1b[31mb\\n\\tc")
    'a\\\\x1b[31mb\\n\\tc'
    """
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in text)


def _one_after_another(
    coming: Mapping[str, Iterator[Piece]], said: dict[str, str], reasons: dict[str, str | None]
) -> None:
    for name, pieces in coming.items():
        if len(coming) > 1:
            print(f"{name}: ", end="")
        for piece in pieces:
            said[name] += piece.text
            reasons[name] = piece.finish_reason
            print(safe(piece.text), end="", flush=True)
        print(flush=True)


def _side_by_side(
    coming: Mapping[str, Iterator[Piece]], said: dict[str, str], reasons: dict[str, str | None], console: Console
) -> None:
    """Both write in turn; at the end what was written stays on the screen as a whole."""
    try:
        with Live(_table(said), console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as live:
            for row in zip_longest(*coming.values()):
                said |= {name: said[name] + one.text for name, one in zip(coming, row, strict=True) if one}
                reasons |= {name: one.finish_reason for name, one in zip(coming, row, strict=True) if one}
                live.update(_table(said))
    finally:
        console.print(_table(said))
        sys.stdout.flush()


def _table(said: Mapping[str, str]) -> Table:
    table = Table(expand=True, box=None, padding=(0, 1))
    for name in said:
        table.add_column(name, ratio=1, overflow="fold")
    table.add_row(*(Text(safe(text)) for text in said.values()))
    return table
