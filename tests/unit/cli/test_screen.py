"""What a person sees while a run goes on, and at its end."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.progress import TextColumn

from sintonia.cli import screen
from sintonia.cli.screen import LiveBar, PlainLines, TwoLines, describe, duration, show_json, watching
from sintonia.records import Advice, Event, Finding
from sintonia.tasks.chat import NATS_PER_BYTE

STEP = Event(
    kind="step",
    step=3,
    seconds=1.0,
    values={
        "loss": 0.5,
        "learning_rate": 1e-3,
        "seconds_left": 75.0,
        "total_steps": 9,
        "examples_per_second": 41.237,
        "memory_bytes": 1288490188,
    },
)
EARLY = Event(kind="step", step=1, seconds=1.0, values={"loss": 0.5, "seconds_left": None})
VALIDATED = Event(kind="validated", step=4, seconds=2.0, values={"metric": 0.875, "validation_loss": 0.25})
NAMED = Event(
    kind="validated",
    step=4,
    seconds=2.0,
    values={"metric": 1.25, "metric_name": "bits_per_byte", "validation_loss": 0.25},
)
SAID = "step 3/9  loss 0.500  41.2 examples/s  1.2 GiB  75 s left"


def _progress(message: str = "", event: Event | None = None, stage: str = "train") -> SimpleNamespace:
    return SimpleNamespace(stage=stage, message=message, event=event, whole_seconds_left=None)


def test_a_step_says_where_it_is_how_fast_in_what_memory_and_what_is_left() -> None:
    assert describe(STEP) == SAID


def test_too_early_no_time_is_promised_and_what_an_event_does_not_tell_is_left_out() -> None:
    assert describe(EARLY) == "step 1/?  loss 0.500"


def test_a_validation_says_its_metric_by_name_where_it_has_one() -> None:
    assert describe(VALIDATED) == "step 4  validation 0.875  validation loss 0.250"
    assert describe(NAMED) == "step 4  validation bits per byte 1.250"


def test_the_losses_of_conversations_have_one_unit_and_it_is_said() -> None:
    step = Event(kind="step", step=3, seconds=1.0, values={**STEP.values, "loss": 2.5, "bits_per_byte": 0.875})
    assert describe(step).startswith("step 3/9  loss 0.875 bits per byte  41.2 examples/s")
    values = {"metric": 0.5, "metric_name": "exact_match", "validation_loss": math.log(2), "loss_unit": NATS_PER_BYTE}
    exact = Event(kind="validated", step=4, seconds=2.0, values=values)
    assert describe(exact) == "step 4  validation exact match 0.500  validation loss 1.000 bits per byte"


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
        f"train     {SAID}",
        "train     step 4  validation 0.875  validation loss 0.250",
    ]


def test_plain_lines_become_more_seldom(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: clock[0])
    lines = PlainLines()
    counts = []
    for _hour in range(3):
        for _second in range(3600):
            clock[0] += 1.0
            lines.hear(_progress(event=STEP))
        counts.append(len(capsys.readouterr().err.splitlines()))
    assert 60 < counts[0] < 120
    assert counts[1:] == sorted(counts[1:], reverse=True) and counts[2] <= 14


def _bar(width: int) -> TwoLines:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    return TwoLines(TextColumn("{task.description} {task.fields[state]}"), console=console)


def _drawn(bar: TwoLines) -> list[str]:
    """The lines of the bar as they are on the screen."""
    with bar.console.capture() as captured:
        bar.console.print(bar.get_renderable())
    return [line.rstrip() for line in captured.get().splitlines()]


def test_the_bar_shows_step_and_time_left_and_below_it_loss_validation_speed_and_memory() -> None:
    bar = _bar(80)
    live = LiveBar(bar)
    for event in (None, VALIDATED, STEP):
        live.hear(_progress("hello", event))
    assert (bar.tasks[0].completed, bar.tasks[0].total) == (3, 9)
    assert _drawn(bar) == [
        "train step 3/9  75 s left",
        "  loss 0.500  validation 0.875  validation loss 0.250  41.2 examples/s  1.2 GiB",
    ]


def test_in_a_narrow_terminal_the_least_important_words_are_left_out() -> None:
    bar = _bar(40)
    live = LiveBar(bar)
    for event in (NAMED, STEP):
        live.hear(_progress("", event))
    assert _drawn(bar)[1:] == ["  loss 0.500"]


def test_a_new_stage_or_training_begins_a_new_bar() -> None:
    bar = _bar(80)
    live = LiveBar(bar)
    for event in (VALIDATED, STEP, Event(kind="started", step=0, seconds=0.0, values={"total_steps": 20})):
        live.hear(_progress("", event))
    assert (bar.tasks[0].completed, bar.tasks[0].total, _drawn(bar)) == (0, 20, ["train"])
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


PREPARED = SimpleNamespace(task="classify", columns={"input": "text", "target": "label"})


@pytest.mark.parametrize(
    ("task", "role", "said"),
    [
        ("classify", "input", 'predict . "a new text"'),
        ("classify", "second", 'predict . "one text" "the other"'),
        ("embed", "second", 'predict . "a new text"'),
        ("prefer", "input", ""),
    ],
)
def test_the_last_line_can_be_typed_as_it_stands(
    task: str, role: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(PREPARED, "task", task)
    monkeypatch.setattr(PREPARED, "columns", {role: "text"})
    _shown("better", "", monkeypatch, tmp_path)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith(said) if said else last.startswith("report")


def _shown(
    outcome: str, severities: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, actions: tuple[str, ...] = ()
) -> None:
    monkeypatch.chdir(tmp_path)
    advice = tuple(Advice(action=one, reason="why", expected="", cost="") for one in actions)
    words = {"w": "warning", "n": "note", "s": "stop"}
    causes = tuple(
        Finding(code=f"{'D' if k == 0 else 'E'}31{k}", severity=words[one], message=f"said {k}", hint="do this")
        for k, one in enumerate(severities)
    )
    verdict = SimpleNamespace(
        sentence="It is.", outcome=outcome, causes=causes, advice=advice, primary=SimpleNamespace(metric="accuracy")
    )
    files = {"path": tmp_path, "place": tmp_path, "is_in_vault": False, "file": lambda name: tmp_path / name}
    run = SimpleNamespace(**files, read=lambda *_: PREPARED)
    screen.show_verdict(run, verdict)


def test_a_good_verdict_hides_no_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _shown("better", "wnw", monkeypatch, tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert lines[2:5] == ["warning   E312 said 2", "warning   D310 said 0", "notes     E311, explained in the report"]
    _shown("better", "wwwws", monkeypatch, tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert lines[2].startswith("stop      E314") and lines[5] == "          and 2 more in the report"
    _shown("better", "", monkeypatch, tmp_path)
    assert capsys.readouterr().err.splitlines()[2].startswith("report")
    _shown("inconclusive", "wwww", monkeypatch, tmp_path)
    assert capsys.readouterr().err.count("hint: do this") == 4


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (("look", "add", "rate: 1 -> 2", "epochs: 1 -> 3"), ["look", "add", "rate: 1 -> 2", "to do it"]),
        (("rate: 1 -> 2", "epochs: 1 -> 3"), ["rate: 1 -> 2", "to do it", "epochs: 1 -> 3"]),
        (("look", "add", "ask"), ["look", "add"]),
    ],
)
def test_what_apply_does_stands_right_above_it(
    actions: tuple[str, ...],
    said: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    _shown("better", "", monkeypatch, tmp_path, actions)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(("next", "to do it"))]
    assert [line.removeprefix("next").strip().removesuffix(": why") for line in lines] == [
        line if line != "to do it" else f"to do it  {screen.program()} adjust . --apply" for line in said
    ]


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
