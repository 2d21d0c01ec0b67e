"""What a person sees while a run goes on, and at its end."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TextColumn

from sintonia.cli import screen
from sintonia.cli.screen import LiveBar, PlainLines, describe, duration, show_json, watching
from sintonia.records import Event, Finding

STEP = Event(
    kind="step",
    step=3,
    seconds=1.0,
    values={"loss": 0.5, "learning_rate": 1e-3, "seconds_left": 75.0, "total_steps": 9},
)
VALIDATED = Event(kind="validated", step=4, seconds=2.0, values={"metric": 0.875, "validation_loss": 0.25})


def _progress(message: str = "", event: Event | None = None, stage: str = "train") -> SimpleNamespace:
    return SimpleNamespace(stage=stage, message=message, event=event)


def test_a_step_says_where_it_is_and_what_is_left() -> None:
    assert describe(STEP) == "step 3/9  loss 0.500  75 s left"


def test_a_validation_says_its_metric() -> None:
    assert describe(VALIDATED) == "step 4  validation 0.875  loss 0.250"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (6300, "1 h 45 min")]
)
def test_durations_are_said_as_a_person_says_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_plain_lines_tell_every_message_and_validation_but_few_steps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = PlainLines()
    for progress in (_progress("starts"), *[_progress(event=STEP)] * 5, _progress(event=VALIDATED)):
        lines.hear(progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "train     starts",
        "train     step 3/9  loss 0.500  75 s left",
        "train     step 4  validation 0.875  loss 0.250",
    ]


def test_the_bar_shows_step_loss_metric_and_time_left() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    bar = Bar(TextColumn("{task.description} {task.completed}/{task.total} {task.fields[state]}"), console=console)
    live = LiveBar(bar)
    for event in (None, VALIDATED, STEP):
        live.hear(_progress("hello", event))
    (task,) = bar.tasks
    assert (task.description, task.completed, task.total) == ("train", 3, 9)
    assert task.fields["state"] == "step 3/9  loss 0.500  75 s left  validation 0.875"
    live.hear(_progress("next", stage="judge"))
    assert [task.description for task in bar.tasks] == ["judge"]


def test_without_a_terminal_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with watching() as listener:
        listener(_progress("a message"))
    assert sys.stderr.getvalue() == "train     a message\n"


def test_findings_carry_their_hint(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    screen.show_findings((Finding(code="D102", severity="warning", message=long, hint="look [there]"),))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"warning   D102 {long}", "          hint: look [there]"]


def test_the_program_is_named_as_the_shell_can_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "venv" / "bin" / "sintonia")])
    assert screen.program() == "venv/bin/sintonia"
    (tmp_path / "sintonia").touch(mode=0o755)
    assert screen.program() == "sintonia"


def test_json_is_data_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"value": float("nan"), "text": "però"})
    captured = capsys.readouterr()
    assert captured.out == '{\n "value": null,\n "text": "però"\n}\n'
    assert captured.err == ""
