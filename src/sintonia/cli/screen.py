"""Shows a run to a person: a live bar on a terminal, plain lines elsewhere, the verdict at the end.

Everything here goes to standard error, except `show_json`, which is the data. It decides nothing.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from sintonia.files import to_json
from sintonia.pipeline import Listener, Progress
from sintonia.records import Event, Finding, Verdict
from sintonia.runs import RunFolder

_QUIET_SECONDS = 10.0
"""Least time between two plain lines about steps."""


def program() -> str:
    """How to call this program again: by its path when the shell would not find it by its name."""
    called = Path(sys.argv[0])
    is_hidden = called.name == "sintonia" and shutil.which("sintonia") is None
    return shlex.quote(os.path.relpath(called)) if is_hidden else "sintonia"


def show_json(record: Any) -> None:
    """Prints data for a program on standard output."""
    print(json.dumps(to_json(record), ensure_ascii=False, indent=1, allow_nan=False))


def say(text: str = "", *, style: str = "") -> None:
    """One line for a person, on standard error, whole even when it is longer than the terminal."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text, style=style))


@contextmanager
def watching() -> Iterator[Listener]:
    """A listener for the pipeline: a live bar on a terminal, plain lines elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or os.environ.get("TERM") == "dumb":
        yield PlainLines().hear
        return
    bar = Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        yield LiveBar(bar).hear


class LiveBar:
    """The bar: stage, step, loss, validation metric, time left."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._stage = ""
        self._metric = ""

    def hear(self, progress: Progress) -> None:
        """Moves the bar; what is worth keeping is printed above it."""
        if progress.stage != self._stage:
            self._begin(progress.stage)
        if progress.event is None:
            self._bar.console.print(Text(f"{progress.stage:<10}{progress.message}"))
        elif self._task is not None:
            self._move(self._task, progress.event)

    def _begin(self, stage: str) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._stage = stage
        self._task = self._bar.add_task(stage, total=None, state="")

    def _move(self, task: TaskID, event: Event) -> None:
        if event.kind == "validated":
            self._metric = f"  validation {event.values['metric']:.3f}"
        state = describe(event) if event.kind == "step" else ""
        total = event.values.get("total_steps")
        if state or total:
            self._bar.update(task, total=total, completed=event.step, state=state + self._metric)


class PlainLines:
    """Lines for a file or a pipe: each message, each validation, and a step now and then."""

    def __init__(self) -> None:
        self._last = -_QUIET_SECONDS

    def hear(self, progress: Progress) -> None:
        """Prints the line, unless it is about a step and the last such line is recent."""
        event = progress.event
        if event is None:
            self._print(progress.stage, progress.message)
        elif event.kind == "validated":
            self._print(progress.stage, describe(event))
        elif event.kind == "step" and time.monotonic() - self._last >= _QUIET_SECONDS:
            self._last = time.monotonic()
            self._print(progress.stage, describe(event))

    def _print(self, stage: str, text: str) -> None:
        print(f"{stage:<10}{text}", file=sys.stderr, flush=True)


def describe(event: Event) -> str:
    """A step or a validation in a few words."""
    values = event.values
    if event.kind == "validated":
        return f"step {event.step}  validation {values['metric']:.3f}  loss {values['validation_loss']:.3f}"
    left = values.get("seconds_left")
    ahead = f"  {duration(left)} left" if isinstance(left, int | float) else ""
    return f"step {event.step}/{values.get('total_steps', '?')}  loss {values['loss']:.3f}{ahead}"


def duration(seconds: float) -> str:
    """A length of time as a person says it: `45 s`, `3 min`, `1 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def show_findings(findings: tuple[Finding, ...]) -> None:
    """Each finding with its code, its message and what to do."""
    for finding in findings:
        say(f"{finding.severity:<10}{finding.code} {finding.message}")
        if finding.hint:
            say(f"{'':<10}hint: {finding.hint}", style="dim")


def show_verdict(run: RunFolder, verdict: Verdict) -> None:
    """The end of the story: the verdict in one sentence, why it is not better, what to do next."""
    say()
    say(verdict.sentence, style="bold")
    causes = tuple(one for one in verdict.causes if one.severity != "note")
    if verdict.outcome != "better":
        show_findings(causes)
    elif causes:
        codes = " ".join(sorted({one.code for one in causes}))
        say(f"findings  {codes}, explained in the report")
    for advice in verdict.advice[:2]:
        say(f"next      {advice.action}: {advice.reason}")
    path = shlex.quote(os.path.relpath(run.path))
    if verdict.advice:
        say(f"to do it  {program()} adjust {path} --apply")
    say(f"report    {os.path.relpath(run.file('report.html'))}")
    say(f'try       {program()} predict {path} "a new text"')
