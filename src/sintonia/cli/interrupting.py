"""What Ctrl-C and SIGTERM mean: while a run is under way, the first pauses it and the second leaves at once.

In training the pause is a word in the run folder, read at each step, so that a checkpoint is saved first, whatever
the training says meanwhile; in other stages it is enough to stop, because every finished stage is recorded.
Where there is no run, both end the work and what it wrote on the way is removed.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sintonia.cli.screen import program
from sintonia.errors import Interrupted
from sintonia.pipeline import Listener, Progress, request_pause
from sintonia.runs import RunFolder
from sintonia.vault import drop_all

_SHOW_CURSOR = "\x1b[?25h"


def resume_command(run: RunFolder) -> str:
    """The command that goes on with a run, ready to be pasted."""
    path = os.path.relpath(run.place)
    return f"{program()} resume {shlex.quote(str(run.place) if path.startswith('..') else path)}"


@contextmanager
def pausing(run: RunFolder, show: Listener) -> Iterator[Listener]:
    """Within it, signals pause the run. Gives the listener that the pipeline should speak to.

    Raises:
        Interrupted: a signal came; whatever it led to is told as one pause, with the way to go on.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: Any) -> None:
        received.append(number)
        if len(received) > 1:
            _leave(run, number)
        _write("\npausing as soon as the work is safe; once more leaves at once\n")
        request_pause(run)

    def listen(progress: Progress) -> None:
        show(progress)
        if received and progress.stage != "train":
            raise _interrupted(run, received[0])
        if received:
            request_pause(run)  # the turn may have begun after the signal came

    try:
        for number in before:
            signal.signal(number, ask)
        yield listen
    except (Interrupted, KeyboardInterrupt) as error:
        raise _interrupted(run, received[0] if received else signal.SIGINT) from error
    finally:
        for number, action in before.items():
            signal.signal(number, action)


@contextmanager
def ending(what: str) -> Iterator[None]:
    """Within it, SIGTERM ends the work as Ctrl-C does: what was written on the way, a copy of all rows, is removed.

    Args:
        what: What a person is told of it.

    Raises:
        Interrupted: a SIGTERM came.
    """
    received: list[int] = []

    def end(number: int, _frame: Any) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_IGN)  # a second one must not stop the tidying
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt as error:
        if not received:
            raise
        raise Interrupted(what, signal_number=received[0]) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupted(run: RunFolder, number: int) -> Interrupted:
    hint = f"`{resume_command(run)}` goes on"
    return Interrupted("paused, nothing is lost", signal_number=number, hint=hint)


def _write(text: str) -> None:
    # A signal may land inside a print: the buffered stream cannot be used here.
    os.write(2, text.encode())


def _leave(run: RunFolder, number: int) -> None:
    command = resume_command(run)
    drop_all()
    cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
    _write(f"{cursor}left at once\nhint: `{command}` goes on from the last checkpoint\n")
    os._exit(128 + number)
