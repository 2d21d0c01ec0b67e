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
