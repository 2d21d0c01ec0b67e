"""Shows a run to a person: a live bar on a terminal, plain lines elsewhere, the verdict at the end.

Everything here goes to standard error, except `show_json`, which is the data. It decides nothing.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from sintonia.files import to_json
from sintonia.pipeline import Listener, Progress, duration, loss_of
from sintonia.records import Event, Finding, Prepared, Verdict
from sintonia.runs import RunFolder

_QUIET_SECONDS = (10.0, 300.0)
"""Least and most time between two plain lines about steps."""
_QUIET_SHARE = 0.05
"""Between them: this share of the time since the beginning, so that a night gives no thousand lines."""
_SHOWN = 3
"""Findings that are told at the end of a run whose verdict is good; the report has them all."""
_GAP, _INDENT = "  ", "  "


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
    with showing() as shown:
        yield shown.hear


@contextmanager
def showing() -> Iterator[LiveBar | PlainLines]:
    """What shows a run, and can ask about it: a live bar on a terminal, plain lines elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or os.environ.get("TERM") == "dumb":
        yield PlainLines()
        return
    bar = TwoLines(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        yield LiveBar(bar)


class TwoLines(Bar):
    """A bar with a line below it, shortened from its end where the terminal is narrow."""

    below: tuple[str, ...] = ()

    def get_renderables(self) -> Iterator[RenderableType]:
        """What Rich draws: the bar, and the words that fit into one line."""
        yield from super().get_renderables()
        shown = list(self.below)
        while shown and len(_GAP.join(shown)) + len(_INDENT) > self.console.width:
            shown.pop()
        if shown:
            yield Text(_INDENT + _GAP.join(shown), style="dim", no_wrap=True)


class LiveBar:
    """The bar: stage, step and time left; below it loss, validation, speed and memory."""

    def __init__(self, bar: TwoLines) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._stage = ""
        self._validation: tuple[str, ...] = ()

    def hear(self, progress: Progress) -> None:
        """Moves the bar; what is worth keeping is printed above it."""
        if progress.stage != self._stage:
            self._begin(progress.stage)
        if progress.event is None:
            self._bar.console.print(Text(f"{progress.stage:<10}{progress.message}"))
        elif self._task is not None:
            self._move(self._task, progress.event, progress.whole_seconds_left)

    def ask(self, question: str) -> bool:
        """Asks a person, with the bar put away meanwhile."""
        self._bar.stop()
        try:
            return ask_at_terminal(question)
        finally:
            self._bar.start()

    def _begin(self, stage: str) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._stage, self._validation, self._bar.below = stage, (), ()
        self._task = self._bar.add_task(stage, total=None, state="")

    def _move(self, task: TaskID, event: Event, left: float | None) -> None:
        if event.kind in ("started", "resumed"):
            self._bar.update(task, total=event.values.get("total_steps"), completed=event.step, state="")
            self._validation, self._bar.below = (), ()
        elif event.kind == "validated":
            self._validation = _validation_words(event)
        elif event.kind == "step":
            state = _GAP.join((_step_words(event), *_time_words(event, left)))
            loss, *load = _training_words(event)
            self._bar.below = (loss, *self._validation, *load)
            self._bar.update(task, total=event.values.get("total_steps"), completed=event.step, state=state)


class PlainLines:
    """Lines for a file or a pipe: each message, each validation, and a step now and then, ever more seldom."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = -math.inf

    def hear(self, progress: Progress) -> None:
        """Prints the line, unless it is about a step and the last such line is recent."""
        event, now = progress.event, time.monotonic()
        if event is None:
            self._print(progress.stage, progress.message)
        elif event.kind == "validated":
            self._print(progress.stage, describe(event))
        elif event.kind == "step" and now - self._last >= self._quiet_seconds(now):
            self._last = now
            self._print(progress.stage, describe(event, progress.whole_seconds_left))

    def ask(self, question: str) -> bool:
        """Asks a person, where one sits there."""
        return ask_at_terminal(question)

    def _quiet_seconds(self, now: float) -> float:
        least, most = _QUIET_SECONDS
        return min(most, max(least, (now - self._began) * _QUIET_SHARE))

    def _print(self, stage: str, text: str) -> None:
        print(f"{stage:<10}{text}", file=sys.stderr, flush=True)


def can_ask() -> bool:
    """Whether a person sits there who can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_at_terminal(question: str) -> bool:
    """Whether a person says yes; no where none can be asked. Ctrl-C is no answer and goes up as ever."""
    if not can_ask():
        return False
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"{question}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False
    finally:
        signal.signal(signal.SIGINT, before)


def describe(event: Event, left: float | None = None) -> str:
    """A step or a validation in a few words; `left` are the seconds to the end of the run, where they are known."""
    if event.kind == "validated":
        return _GAP.join((f"step {event.step}", *_validation_words(event)))
    return _GAP.join((_step_words(event), *_training_words(event), *_time_words(event, left)))


def _step_words(event: Event) -> str:
    return f"step {event.step}/{event.values.get('total_steps', '?')}"


def _time_words(event: Event, whole: float | None) -> tuple[str, ...]:
    """Nothing while it is too early to tell."""
    left = event.values.get("seconds_left")
    if not isinstance(left, int | float):
        return ()
    return (f"{duration(left)} left" if whole is None else f"{duration(left)} left (whole run {duration(whole)})",)


def _training_words(event: Event) -> tuple[str, ...]:
    """Loss, speed and memory, as far as the event tells them."""
    speed, memory = event.values.get("examples_per_second"), event.values.get("memory_bytes")
    words = [f"loss {_loss_words(event)}"]
    if isinstance(speed, int | float):
        words.append(f"{speed:.3g} examples/s" if speed < 1000 else f"{speed:.0f} examples/s")
    if isinstance(memory, int):
        words.append(f"{memory / 2**30:.1f} GiB")
    return tuple(words)


def _validation_words(event: Event) -> tuple[str, ...]:
    values = event.values
    metric = str(values.get("metric_name", "")).replace("_", " ")
    words = " ".join(("validation", *metric.split(), f"{values['metric']:.3f}"))
    # Where the metric is the loss itself, it is not said twice.
    return (words,) if metric and metric == loss_of(event)[1] else (words, f"validation loss {_loss_words(event)}")


def _loss_words(event: Event) -> str:
    loss, unit = loss_of(event)
    return f"{loss:.3f} {unit}".rstrip()


def show_findings(findings: tuple[Finding, ...]) -> None:
    """Each finding with its code, its message and what to do."""
    for finding in findings:
        say(f"{finding.severity:<10}{finding.code} {finding.message}")
        if finding.hint:
            say(f"{'':<10}hint: {finding.hint}", style="dim")


def show_codes_of_notes(findings: tuple[Finding, ...], where: str) -> None:
    """What is only worth knowing, by its codes; nothing where there is none."""
    codes = sorted({one.code for one in findings if one.severity == "note"})
    if codes:
        say(f"notes     {' '.join(codes)}, {where}")


def _show_in_short(findings: tuple[Finding, ...]) -> None:
    """One line each, those about the verdict itself first, and no more than fit into a last look."""
    order = sorted(findings, key=lambda one: (one.severity != "stop", not one.code.startswith("E3")))
    show_findings(tuple(dataclasses.replace(one, hint="") for one in order[:_SHOWN]))
    if len(order) > _SHOWN:
        say(f"{'':<10}and {len(order) - _SHOWN} more in the report")


def show_verdict(run: RunFolder, verdict: Verdict) -> None:
    """The end of the story: the verdict in one sentence, why it is not better, what to do next."""
    say()
    say(verdict.sentence, style="bold")
    causes = tuple(one for one in verdict.causes if one.severity != "note")
    if verdict.outcome != "better":
        show_findings(causes)
    else:
        _show_in_short(causes)
    show_codes_of_notes(verdict.causes, "explained in the report")
    path = shlex.quote(os.path.relpath(run.place))
    changes = [one for one in verdict.advice if " -> " in one.action][:1]
    for advice in (*verdict.advice[:2], *(one for one in changes if one not in verdict.advice[:2])):
        say(f"next      {advice.action}: {advice.reason}")
        if advice in changes:
            say(f"to do it  {program()} adjust {path} --apply")
    if run.is_in_vault:
        say(f"report    in the vault; {program()} report {path} --out DIR writes it there, in the clear")
    else:
        say(f"report    {os.path.relpath(run.file('report.html'))}")
    if verdict.primary.metric == "bits_per_byte" and not run.is_in_vault:
        say(f"the model {os.path.relpath(run.file('model'))} loads in transformers, or in peft where it is an adapter")
        return
    prepared = run.read("prepared.json", Prepared)
    if prepared is None or prepared.task == "prefer":  # such a model writes, and `predict` writes nothing
        return
    is_of_pairs = "second" in prepared.columns and prepared.task != "embed"
    say(f"try       {program()} predict {path} " + ('"one text" "the other"' if is_of_pairs else '"a new text"'))
