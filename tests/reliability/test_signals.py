"""R5: SIGTERM and Ctrl-C pause a run where it is safe, whatever it is doing; the second one leaves at once."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from sintonia.cli.interrupting import pausing
from sintonia.corridor.turns import run_training
from sintonia.corridor.walk import Progress, Walk
from sintonia.errors import Interrupted
from sintonia.train.checkpoint import load_checkpoint
from sintonia.train.spikes import Spike, SpikeWatch
from tests.reliability.commands import COMMAND, Process
from tests.reliability.trainings import make_training
from tests.reliability.warm import Command

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def begin(process: Process, folder: Path) -> Command:
    """Starts the run, or goes on with it; returns when the run has said its name: from there on signals are heeded."""
    told = folder / "out.txt"
    before = told.read_bytes().count(b"run  ") if told.exists() else 0
    words = ["resume", "run"] if (folder / "run/recipe.yaml").exists() else process.words
    command = process.started.start(COMMAND, words, folder=folder, home=process.home)
    wait_until(lambda: told.exists() and told.read_bytes().count(b"run  ") > before)
    time.sleep(0.02)
    return command


def wait_until(is_so) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.001)


def is_paused(folder: Path, code: int, number: int) -> bool:
    """Whether the signal came in time; then the exit code and the last line are what they should be."""
    if code == 0:
        return False
    told = (folder / "out.txt").read_text()
    assert code == CODES[number], told[-2000:]
    assert told.rstrip().splitlines()[-1].endswith("resume run` goes on"), told[-500:]
    assert "Traceback" not in told
    for checkpoints in folder.glob("run/turns/*/checkpoints"):
        assert load_checkpoint(checkpoints)[1] == []
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("num_signals", [pytest.param(10, id="10"), pytest.param(50, id="50", marks=pytest.mark.slow)])
def test_a_run_stopped_at_random_times_resumes_to_the_same_end(process: Process, number: int, num_signals: int) -> None:
    generator, paused, run = random.Random(number * num_signals), 0, 0
    while paused < num_signals:
        run += 1
        folder = process.new_folder(f"random-{num_signals}-{number}-{run}")
        is_going = True
        for _ in range(generator.randint(3, 6)):
            command = begin(process, folder)
            time.sleep(generator.random() * process.seconds * 0.8)
            command.signal(number)
            is_going = is_paused(folder, command.wait(), number)
            paused += is_going
            if not is_going:
                break
        process.resume(folder)


@pytest.mark.parametrize("mark", ["data/train.jsonl", "base.json", "turns/001/events.jsonl", "baselines.jsonl"])
def test_a_signal_in_any_stage_pauses_the_run(process: Process, mark: str) -> None:
    folder = process.new_folder(f"stage-{mark}".replace("/", "-"))
    command = begin(process, folder)
    wait_until((folder / "run" / mark).exists)
    command.signal(signal.SIGTERM)
    assert is_paused(folder, command.wait(), signal.SIGTERM)
    process.resume(folder)


def test_the_second_signal_leaves_at_once_and_the_last_checkpoint_is_whole(process: Process) -> None:
    folder = process.new_folder("twice")
    events = folder / "run/turns/001/events.jsonl"
    command = begin(process, folder)
    wait_until(lambda: events.exists() and events.read_bytes().count(b"\n") >= 30)
    command.signal(signal.SIGINT)
    command.signal(signal.SIGINT)
    assert command.wait() == 130
    found, problems = load_checkpoint(folder / "run/turns/001/checkpoints")
    assert found is not None and problems == []
    process.resume(folder)


@pytest.mark.parametrize("step", [1, 4, 9])
def test_the_stop_acts_within_one_step(tmp_path: Path, tiny_base: Path, step: int) -> None:
    job = make_training(tmp_path / "run", {"classify": tiny_base}, "classify head")
    seen: list[tuple[str, int]] = []

    def show(progress: Progress) -> None:
        if progress.event is not None:
            seen.append((progress.event.kind, progress.event.step))
            if seen[-1] == ("step", step):
                signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted) as caught, pausing(job.run, show) as listener:
        run_training(Walk(job.run, listener), job)
    assert caught.value.exit_code == 143
    assert [one for one in seen if one[0] == "step"][-1][1] <= step + 1
    assert seen[-1][0] == "paused" and seen[-2][0] == "checkpoint"


@pytest.mark.parametrize("loss_spikes", ["note", "stop"])
def test_a_spike_between_the_signal_and_the_pause_loses_no_step(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, loss_spikes: str
) -> None:
    """What the training says of it reaches the listener before the stop file is looked at."""
    job = make_training(tmp_path / "run", {"classify": tiny_base}, "classify head", loss_spikes=loss_spikes)
    seen: list[tuple[str, int]] = []
    spike = Spike(first_step=4, last_step=5, loss=9.0, usual=1.0)
    monkeypatch.setattr(SpikeWatch, "saw", lambda _watch, _loss: spike if seen[-1] == ("step", 5) else None)

    def show(progress: Progress) -> None:
        seen.append((progress.event.kind, progress.event.step) if progress.event else (progress.message, 0))
        if seen[-1] == ("step", 5):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted), pausing(job.run, show) as listener:
        run_training(Walk(job.run, listener), job)
    assert seen[-4:] == [("step", 5), (spike.in_words(), 0), ("checkpoint", 5), ("paused", 5)]
    assert load_checkpoint(job.run.file(job.file("checkpoints")))[1] == []
