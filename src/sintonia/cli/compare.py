"""`sintonia compare`: finished runs beside each other, on the test they share. It trains nothing and opens no test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sintonia.cli.options import JsonOption
from sintonia.cli.screen import say, show_json
from sintonia.errors import UsageError
from sintonia.pipeline import compare as compare_runs
from sintonia.pipeline import duration
from sintonia.records import ComparedRuns, RunBeside
from sintonia.runs import RunFolder


def compare(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN RUN [RUN]...", help="The run folders, two or more.")],
    as_json: JsonOption = False,
) -> int:
    """Compare finished runs on the test examples they share."""
    if len(paths) < 2:
        raise UsageError("there is one run to compare", expected="two runs or more", hint="name another run folder")
    compared = compare_runs([RunFolder.open(path) for path in paths])
    _show(compared)
    if as_json:
        show_json(compared)
    return 0


def _show(compared: ComparedRuns) -> None:
    """Runs with their cost, what differs between them, and then which is better."""
    for run in compared.runs:
        say(_line(run))
    if compared.differing:
        say("\nwhat differs", style="dim")
    for one in compared.differing:
        say(f"  {one.setting}: {'  |  '.join(one.values)}")
    say()
    for sentence in (*(one.sentence for one in compared.duels), *(one.sentence for one in compared.claims)):
        say(sentence, style="bold")
    for note in compared.notes:
        say(f"note      {note}", style="dim")


def _line(run: RunBeside) -> str:
    score = f"{run.score.value:.3f} ({run.score.low:.3f} to {run.score.high:.3f})"
    cost = f"trained in {duration(run.training_seconds)}, {run.peak_memory_bytes / 2**30:.1f} GiB"
    return f"{run.run}  {score}  {run.base}, {run.method}, seed {run.seed}; {cost}; opening {run.opening}"
