"""Signals: the first pauses where it is safe, the second leaves at once, and the way on is always told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sintonia.cli import interrupting
from sintonia.cli.interrupting import pausing, resume_command
from sintonia.errors import DataError, Interrupted
from sintonia.pipeline import Progress
from sintonia.records import Event
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from tests.tiny import make_rows, write_rows

BETWEEN = Progress(stage="choose", message="base tiny")
STEP = Progress(stage="train", message="step", event=Event(kind="step", step=1, seconds=0.1))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.chdir(tmp_path)
    return RunFolder.create("my run", Recipe(data=DataSettings(path="a.csv")))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    """The runs whose training was asked to pause."""
    received: list[RunFolder] = []
    monkeypatch.setattr(interrupting, "request_pause", received.append)
    return received


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_between_stages_a_signal_stops_the_run(run, asked, number: int, exit_code: int) -> None:
    shown: list[Progress] = []
    with pytest.raises(Interrupted) as caught, pausing(run, shown.append) as listener:
        listener(BETWEEN)
        signal.raise_signal(number)
        listener(BETWEEN)
        pytest.fail("the run went on")
    assert caught.value.exit_code == exit_code
    assert caught.value.hint == "`sintonia resume 'my run'` goes on"
    assert shown == [BETWEEN, BETWEEN]


def test_in_training_a_signal_asks_for_a_checkpoint_and_keeps_asking(run, asked) -> None:
    """The turn may begin just after the signal: what was asked before it began would be forgotten."""
    with pausing(run, lambda _: None) as listener:
        signal.raise_signal(signal.SIGINT)
        listener(STEP)
    assert asked == [run, run]


def test_what_a_training_says_meanwhile_does_not_end_it_before_its_checkpoint(run, asked) -> None:
    """A spike or a note comes without its event; steps since the last checkpoint would be lost."""
    with pausing(run, lambda _: None) as listener:
        signal.raise_signal(signal.SIGINT)
        listener(Progress(stage="train", message="the training loss jumped"))
    assert asked == [run, run]


def test_an_error_after_a_signal_stays_the_error_that_it_is(run, asked) -> None:
    """A disk that is full while the pause is saved must not be told as "nothing is lost"."""
    with pytest.raises(DataError, match="the disk is full"), pausing(run, lambda _: None):
        signal.raise_signal(signal.SIGTERM)
        raise DataError("the disk is full")


def test_without_a_signal_errors_pass_and_the_old_actions_return(run, asked) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(DataError), pausing(run, lambda _: None):
        assert signal.getsignal(signal.SIGINT) != before
        raise DataError("a real one")
    assert signal.getsignal(signal.SIGINT) == before


def test_a_second_signal_leaves_at_once(run) -> None:
    code = (
        "import signal, sys\n"
        "from sintonia.cli.interrupting import pausing\n"
        "from sintonia.runs import RunFolder\n"
        "with pausing(RunFolder.open(sys.argv[1]), lambda _: None):\n"
        "    signal.raise_signal(signal.SIGINT); signal.raise_signal(signal.SIGINT); print('still here')\n"
    )
    process = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=False)
    assert process.returncode == 130
    assert process.stdout == ""
    assert process.stderr.endswith("hint: `sintonia resume 'my run'` goes on from the last checkpoint\n")


def test_a_run_elsewhere_is_named_by_its_whole_path(run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    os.chdir(tmp_path / "other")
    assert resume_command(run) == f"sintonia resume '{run.path}'"


STOPPED = """
import importlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background commands begin with it ignored
from sintonia.cli.main import main
def stopped(*_, **__):
    print("copied", flush=True)
    signal.pause()
module, _, name = sys.argv[1].partition(":")
setattr(importlib.import_module(module), name, stopped)
sys.exit(main(sys.argv[2:]))
"""
"""The command line, which stops for a signal where it would call this function."""


@pytest.mark.parametrize(
    ("where", "command", "number"),
    [
        ("sintonia.corridor.choosing:look_at_all", "choose", signal.SIGTERM),
        ("sintonia.corridor.choosing:look_at_all", "choose", signal.SIGINT),
        ("sintonia.corridor.checking:read_decisions", "check", signal.SIGTERM),
        ("sintonia.choose:choose", "evaluate", signal.SIGTERM),
    ],
)
def test_without_a_run_a_signal_leaves_no_copy_of_the_rows(
    tmp_path: Path, tiny_base: Path, where: str, command: str, number: int
) -> None:
    data, work = write_rows(tmp_path / "rows.jsonl", make_rows(400)), tmp_path / "tmp"
    work.mkdir()
    words = [command, str(data), *(("--base", f"file:{tiny_base}") if command != "choose" else ())]
    called, environment = [sys.executable, "-c", STOPPED, where, *words], {**os.environ, "TMPDIR": str(work)}
    with subprocess.Popen(called, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as ours:
        assert ours.stdout and ours.stdout.readline() == "copied\n"
        assert any(work.rglob("train.jsonl"))
        ours.send_signal(number)
        _, said = ours.communicate(timeout=60)
    assert ours.returncode == 128 + number
    assert not any(work.iterdir()) and "Traceback" not in said
