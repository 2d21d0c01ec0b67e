"""The screen on which texts are labelled: one text, its suggestion, and one key a label. The keys are Prodigy's.

It keeps nothing by itself: each answer goes to the session, which has it on disk before the next text is shown. Where
no terminal is, a line is a key: an empty one is Enter, and a whole name of a label is that label.
"""

from __future__ import annotations

import io
import os
import re
import sys
import termios
import textwrap
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sintonia.cli.reviewing import printable, show_text
from sintonia.cli.screen import say
from sintonia.records import LabellingState, Waiting

LABEL_KEYS = "1234567890bcdefghijklmnoprstvwyz"
"""Keys that may stand for a label; the others have a meaning of their own."""
_LEGEND = "a or Enter accept · x wrong · space skip · u undo · / name a label · + new label · q save and quit"
_NUM_LIKELY = 9
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.|.)?")
_NAMED = {"\r": "accept", "\n": "accept", "": "accept", "a": "accept", "x": "reject", " ": "skip"}
_NAMED |= {"\x7f": "undo", "\b": "undo", "u": "undo", "q": "quit", "\x04": "quit"}
_ORIGINS = {"margin": "the model wavers", "random": "by chance", "spread": "stands for many", "import": ""}


class Session(Protocol):
    """What the screen needs of a sitting."""

    labels: list[str]

    @property
    def next(self) -> Waiting | None:
        """The text to ask about."""

    @property
    def num_waiting(self) -> int:
        """How many are left."""

    def answer(self, label: str) -> None:
        """The next text has this label."""

    def skip(self) -> None:
        """The next text gets no label."""

    def reject(self) -> str | None:
        """The suggestion is wrong; the other label of two."""

    def undo(self) -> bool:
        """The last answer is taken back."""

    def write_waiting(self, tool: str, file: Path) -> Path:
        """The texts are written for another tool."""

    def take_answers(self, file: Path) -> tuple[int, int, int]:
        """The answers of another tool are taken: new ones, known ones, rows without."""

    def state(self) -> LabellingState:
        """How far it is."""


class Keyboard(Protocol):
    """Where keys come from."""

    def key(self) -> str:
        """One key; `q` at the end."""

    def line(self, prompt: str) -> str:
        """A line that is typed; empty when nothing was, or at the end."""


def label_all(session: Session, keyboard: Keyboard) -> None:
    """Asks about one text after the other, until none is left or the person quits."""
    while True:
        while (waiting := session.next) is not None:
            keys = keys_of(session.labels, waiting.likely)
            _show(waiting, session, keys)
            while not _act(session, keyboard, keys):
                pass
            if session.next is waiting:
                return
        say("all are answered: u takes the last answer back, any other key ends", style="dim")
        if _NAMED.get(keyboard.key().lower()) != "undo" or not session.undo():
            return


def keys_of(labels: Sequence[str], likely: Sequence[str]) -> dict[str, str]:
    """The label of each key: always the same ones, or, where labels are more than keys, the likeliest of the text."""
    if len(labels) <= len(LABEL_KEYS):
        return dict(zip(LABEL_KEYS, labels, strict=False))
    return dict(zip(LABEL_KEYS, [*likely, *(one for one in labels if one not in likely)][:_NUM_LIKELY], strict=False))


def _act(session: Session, keyboard: Keyboard, keys: dict[str, str]) -> bool:
    """One key; whether the screen is to be shown anew, which it also is when the person quits."""
    key = keyboard.key()
    label = _label_of(key, keyboard, session.labels, keys)
    if label:
        session.answer(label)
        say(f"→ {printable(label)}", style="bold")
        return True
    if key[:1] in ("/", "+"):
        return False
    return _act_by_name(session, _NAMED.get(key.lower(), ""))


def _label_of(key: str, keyboard: Keyboard, labels: Sequence[str], keys: dict[str, str]) -> str | None:
    """The label that a key or a typed name stands for."""
    if len(key) > 1 and key in labels:
        return key
    if key[:1] == "/":
        typed = key[1:] or keyboard.line("label (its beginning is enough): ")
        return _begun(typed.strip(), labels)
    if key[:1] == "+":
        return (key[1:] or keyboard.line("new label: ")).strip() or None
    return keys.get(key.lower())


def _begun(typed: str, labels: Sequence[str]) -> str | None:
    """The label of that name, or the only one that begins so."""
    found = [label for label in labels if label == typed]
    found = found or [label for label in labels if typed and label.casefold().startswith(typed.casefold())]
    if len(found) == 1:
        return found[0]
    some = ", ".join(printable(label) for label in found[:6])
    say(f"{len(found)} labels begin so: {some}" if found else "no label begins so; + makes a new one")
    return None


def _act_by_name(session: Session, name: str) -> bool:
    waiting = session.next
    if name == "accept" and waiting is not None and waiting.suggested is not None:
        session.answer(waiting.suggested)
        say(f"→ {printable(waiting.suggested)}", style="bold")
    elif name == "accept":
        say("there is no suggestion to accept: press the key of a label")
        return False
    elif name == "reject":
        other = session.reject()
        say(f"→ {printable(other)}" if other else "rejected: it gets no label", style="bold")
    elif name == "skip":
        session.skip()
        say("skipped", style="bold")
    elif name == "undo":
        is_undone = session.undo()
        say("taken back" if is_undone else "there is nothing to take back", style="bold")
        return is_undone
    elif name != "quit":
        say(_LEGEND, style="dim")
        return False
    return True


def _show(waiting: Waiting, session: Session, keys: dict[str, str]) -> None:
    say()
    say(f"{session.num_waiting:,} left   {_ORIGINS[waiting.origin]}".rstrip(), style="dim")
    show_text(waiting.text)
    if waiting.suggested is not None and waiting.probability is not None:
        say(f"suggested  {printable(waiting.suggested)}  ({waiting.probability:.0%})", style="bold")
    legend = " · ".join(f"{key} {printable(label)}" for key, label in keys.items())
    more = len(session.labels) - len(keys)
    legend += f" · {more} more by / and the beginning of a name" if more > 0 else ""
    for line in textwrap.wrap(legend, 96, break_long_words=False):
        say(line)
    say(_LEGEND, style="dim")


@contextmanager
def keyboard() -> Iterator[Keyboard]:
    """The keys of the terminal as they are pressed, unseen and without Enter; or else lines of standard input."""
    if not sys.stdin.isatty():
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")  # bytes that are no text are a key that means nothing
        yield _Lines()
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield _Terminal(descriptor, before)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class _Lines:
    """A line is a key."""

    def key(self) -> str:
        line = sys.stdin.readline()
        return line.removesuffix("\n").removesuffix("\r") if line else "q"

    def line(self, prompt: str) -> str:
        return sys.stdin.readline().strip()


class _Terminal:
    """Single keys; those that send several characters, such as arrows, mean nothing."""

    def __init__(self, descriptor: int, before: list[Any]) -> None:
        self._descriptor, self._before = descriptor, before
        self._pressed: list[str] = []

    def key(self) -> str:
        while not self._pressed:
            read = os.read(self._descriptor, 1024)
            if not read:
                return "q"
            self._pressed = list(_ESCAPES.sub("", read.decode(errors="ignore")))
        return self._pressed.pop(0)

    def line(self, prompt: str) -> str:
        self._pressed.clear()
        keys = termios.tcgetattr(self._descriptor)
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
        try:
            print(prompt, end="", file=sys.stderr, flush=True)
            return os.read(self._descriptor, 4096).decode(errors="ignore").strip()
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, keys)
