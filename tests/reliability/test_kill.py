"""R2: killed without warning, a run loses nothing but steps: resume ends with the weights of the run left alone."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.reliability.commands import COMMAND, Process, leftovers, weights_of
from tests.reliability.kills import SEEN
from tests.reliability.warm import Warm

TRAIN = "tests.reliability.kills:train_once"
INTERVAL = 3
"""Steps between two checkpoints of `train_once`."""
KINDS = ["classify head", "classify full", "classify lora", "chat full", "chat lora"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


class Training:
    """One kind of training: what it comes to when left alone, and after a kill at any of its calls."""

    def __init__(self, started: Warm, folder: Path, home: Path, words: tuple[str, str]) -> None:
        self.started, self.folder, self.home, self.words = started, folder, home, words
        self.whole = folder / "whole"
        for one in (folder / "first", self.whole):  # the first alone notes at home which rows there are
            one.mkdir(parents=True)
            assert self.run(one, 0) == 0, (one / "out.txt").read_text()
        self.weights = weights_of(self.whole / "run/turns/001/model")
        self.evaluations = (self.whole / "run/turns/001/evaluations.jsonl").read_bytes()
        self.calls = (self.whole / "calls.txt").read_text().splitlines()

    def run(self, folder: Path, number: int) -> int:
        return self.started.run(TRAIN, *self.words, number, folder=folder, home=self.home)

    def kill_and_resume(self, number: int) -> str:
        """What was wrong after a kill at this call; empty when all is well."""
        folder = self.folder / f"killed-{number}"
        folder.mkdir()
        if self.run(folder, number) != -signal.SIGKILL:
            return "it was not killed"
        before = self.seen(folder)
        if self.run(folder, 0) != 0:
            return "the resume failed: " + (folder / "out.txt").read_text()[-500:]
        after = self.seen(folder)[len(before) :]
        last = max((step for kind, step in before if kind == "step"), default=0)
        begun = next((step for kind, step in after if kind == "resumed"), 0)
        turn = folder / "run/turns/001"
        problems = {
            "other weights": weights_of(turn / "model") != self.weights,
            "other evaluations": (turn / "evaluations.jsonl").read_bytes() != self.evaluations,
            f"back to step {begun} from {last}": last - begun > INTERVAL,
            f"left behind: {leftovers(folder / 'run')}": bool(leftovers(folder / "run")),
        }
        shutil.rmtree(folder)
        return "; ".join(name for name, is_so in problems.items() if is_so)

    @staticmethod
    def seen(folder: Path) -> list[tuple[str, int]]:
        lines = (folder / SEEN).read_text().splitlines()
        return [(kind, int(step)) for kind, step in (line.split() for line in lines)]


def all_kills(training: Training, numbers: list[int]) -> None:
    found = {f"{k} ({training.calls[k - 1]})": training.kill_and_resume(k) for k in numbers}
    assert {call: problem for call, problem in found.items() if problem} == {}


def training_of(kind: str, started: Warm, folder: Path, home: Path, bases: dict[str, Path]) -> Training:
    return Training(started, folder, home, (kind, str(bases[kind.split()[0]])))


def test_a_training_killed_at_any_call_to_the_file_system_ends_the_same(
    tmp_path: Path, started: Warm, home: Path, bases: dict[str, Path]
) -> None:
    """Every call of the writer from the files of a checkpoint to the removal of an old one, and some of all others."""
    training = training_of("classify head", started, tmp_path, home, bases)
    assert {"fsync", "mkdir", "open", "rename", "replace", "stream.write"} <= set(training.calls)
    numbers = range(1, len(training.calls) + 1)
    renames = [k for k in numbers if training.calls[k - 1] == "rename"]
    assert len(renames) >= 5, "three checkpoints, one removed, the model"
    checkpoint = range(renames[2] - 24, renames[3] + 3)
    all_kills(training, sorted({*checkpoint, *numbers[-8:], *numbers[::16]}))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_of_any_kind_killed_at_every_call_ends_the_same(
    tmp_path: Path, started: Warm, home: Path, bases: dict[str, Path], kind: str
) -> None:
    training = training_of(kind, started, tmp_path, home, bases)
    all_kills(training, list(range(1, len(training.calls) + 1)))


@pytest.mark.parametrize(
    ("mark", "lines"),
    [
        ("recipe.yaml", 1),
        ("data/train.jsonl", 1),
        ("turns/001/events.jsonl", 3),
        ("turns/001/events.jsonl", 40),
        ("turns/001/events.jsonl", 70),
        ("baselines.jsonl", 1),
        ("verdicts/001.json", 1),
    ],
)
def test_a_run_killed_in_any_stage_resumes_to_the_same_end(process: Process, mark: str, lines: int) -> None:
    folder = process.new_folder(f"{mark}-{lines}".replace("/", "-"))
    process.kill_when(folder, mark, lines)
    process.resume(folder)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("num_kills", [pytest.param(20, id="20"), pytest.param(100, id="100", marks=pytest.mark.slow)])
def test_a_run_killed_at_random_times_resumes_to_the_same_end(process: Process, num_kills: int) -> None:
    """Each run is killed again and again until it gets through: four kills a run on average."""
    generator, killed, number = random.Random(num_kills), 0, 0
    while killed < num_kills:
        number += 1
        folder = process.new_folder(f"random-{num_kills}-{number}")
        for _ in range(generator.randint(2, 6)):
            words = ["resume", "run"] if (folder / "run/recipe.yaml").exists() else process.words
            command = process.started.start(COMMAND, words, folder=folder, home=process.home)
            time.sleep(generator.random() * process.seconds)
            command.signal(signal.SIGKILL)
            is_killed = command.wait() == -signal.SIGKILL
            killed += is_killed
            if not is_killed:
                break
        process.resume(folder)
