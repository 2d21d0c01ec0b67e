"""A run in a vault: nothing of the data can be read on the disk, and what a plain run keeps through a kill it keeps.

The process that is watched is the whole one, by its commands, on a tiny base.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia import vault
from sintonia.runs import RunFolder
from tests.reliability.commands import Process
from tests.reliability.test_kill import Training
from tests.reliability.vaults import PASSPHRASE, found_in, planted_rows, planted_strings
from tests.reliability.warm import Command
from tests.tiny import write_rows

COMMAND = "tests.reliability.vaults:vaulted"
TRAIN = "tests.reliability.vaults:train_in_vault"
MEMORY = Path("/dev/shm")
NUM_ROWS = 300
pytestmark = pytest.mark.skipif(not MEMORY.is_dir(), reason="no folder in memory")


@pytest.fixture(autouse=True)
def _opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", PASSPHRASE)
    yield
    vault.drop_all()
    vault._open.clear()


def words_of(process: Process, *settings: str) -> list[str]:
    return [*process.words, "method=full", *settings]


def new_folder(tmp_path: Path, plants: list[str]) -> tuple[Path, Path]:
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir()
    write_rows(folder / "rows.jsonl", planted_rows(NUM_ROWS, plants))
    return folder, home


def weights_in(run: Path) -> str:
    from tests.reliability.commands import weights_of

    opened = RunFolder.open(run)
    try:
        return weights_of(opened.file("model"))
    finally:
        opened.close()


def trees_of(run: Path) -> list[Path]:
    """The trees in memory of processes that work on a run of that name."""
    return [path for path in MEMORY.glob(f"sintonia-{os.getuid()}-*/*/{run.name}") if path.is_dir()]


def wait_for(command: Command, run: Path, lines: int) -> None:
    """Until so many events of its training are in the tree in memory."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for tree in trees_of(run):
            path = tree / "turns/001/events.jsonl"
            if path.exists() and path.read_bytes().count(b"\n") >= lines:
                return
        time.sleep(0.001)
    command.signal(signal.SIGKILL)
    raise AssertionError("it never came so far")


def test_of_100_planted_strings_none_is_on_the_disk_after_a_whole_run(tmp_path: Path, process: Process) -> None:
    plants = planted_strings()
    folder, home = new_folder(tmp_path, plants)
    words = words_of(process, "privacy.vault=true")
    code = process.started.run(COMMAND, words, str(tmp_path / "seen"), folder=folder, home=home)
    told = (folder / "out.txt").read_text()
    assert code == 0, told[-3000:]
    assert "/dev/shm" not in told, "paths are told as they were given"
    assert {path.name for path in (folder / "run").iterdir()} <= {"vault.json", "list", "files", ".lock", ".carry.lock"}
    # The data file is the person's own, and `out.txt` is their terminal.
    assert found_in(tmp_path, plants, but=("work/rows.jsonl", "work/out.txt")) == {}
    assert trees_of(folder / "run") == []
    written = {Path(line) for line in (tmp_path / "seen").read_text().splitlines()}
    clear = {path for path in written if not path.is_relative_to(MEMORY)}
    allowed = (folder / "run", folder / "rows.jsonl.sintonia", home, Path("/dev"))
    assert any(path.is_relative_to(MEMORY) for path in written)
    assert [str(path) for path in clear if not any(path.is_relative_to(one) for one in allowed)] == []
    # That the scan can find them: in the clear all are there.
    opened = RunFolder.open(folder / "run")
    found = found_in(opened.path, plants)
    assert {one for hits in found.values() for one in hits} == set(plants)
    assert {"report.html", "data/train.jsonl"} <= set(found)


@pytest.mark.slow
def test_the_same_run_in_the_clear_has_all_of_them(tmp_path: Path, process: Process) -> None:
    plants = planted_strings()
    folder, home = new_folder(tmp_path, plants)
    assert process.started.run(COMMAND, words_of(process), folder=folder, home=home) == 0
    found = found_in(tmp_path, plants, but=("work/rows.jsonl", "work/out.txt"))
    assert {one for hits in found.values() for one in hits} == set(plants)


class InVault(Training):
    """One kind of training in a vault; its files are looked at through the vault."""

    def __init__(self, started, folder: Path, home: Path, words: tuple[str, str]) -> None:
        self.started, self.folder, self.home, self.words = started, folder, home, words
        self.whole = folder / "whole"
        self.whole.mkdir(parents=True)
        assert self.run(self.whole, 0) == 0, (self.whole / "out.txt").read_text()
        self.weights, self.evaluations = self.outcome(self.whole)
        self.calls = (self.whole / "calls.txt").read_text().splitlines()

    def run(self, folder: Path, number: int) -> int:
        return self.started.run(TRAIN, *self.words, number, folder=folder, home=self.home)

    @staticmethod
    def outcome(folder: Path) -> tuple[str, bytes]:
        from tests.reliability.commands import weights_of

        opened = RunFolder.open(folder / "run")
        turn = opened.file("turns/001")
        found = weights_of(turn / "model"), (turn / "evaluations.jsonl").read_bytes()
        opened.close()
        return found

    def kill_and_resume(self, number: int) -> str:
        folder = self.folder / f"killed-{number}"
        folder.mkdir()
        code = self.run(folder, number)
        if code not in (0, -signal.SIGKILL):  # how many calls there are depends on the clock: the last may never come
            return f"it ended with {code}"
        if code and self.run(folder, 0) != 0:
            return "the resume failed: " + (folder / "out.txt").read_text()[-500:]
        problem = "" if self.outcome(folder) == (self.weights, self.evaluations) else "another end"
        shutil.rmtree(folder)
        return problem


def kills(training: InVault, numbers: list[int]) -> dict[str, str]:
    found = {f"{k} ({training.calls[k - 1]})": training.kill_and_resume(k) for k in numbers}
    return {call: problem for call, problem in found.items() if problem}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_a_training_in_a_vault_killed_at_its_calls_ends_as_a_plain_one(
    tmp_path: Path, process: Process, home: Path, bases: dict[str, Path]
) -> None:
    words = ("classify head", str(bases["classify"]))
    training = InVault(process.started, tmp_path / "vault", home, words)
    plain = Training(process.started, tmp_path / "plain", home, words)
    assert (training.weights, training.evaluations) == (plain.weights, plain.evaluations)
    assert {"fsync", "mkdir", "open", "rename", "replace", "stream.write"} <= set(training.calls)
    step = len(training.calls) // 4
    assert kills(training, list(range(step, len(training.calls) + 1, step))) == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classify full", "chat lora"])
def test_a_training_in_a_vault_killed_at_two_dozen_calls_ends_the_same(
    tmp_path: Path, process: Process, home: Path, bases: dict[str, Path], kind: str
) -> None:
    training = InVault(process.started, tmp_path / "vault", home, (kind, str(bases[kind.split()[0]])))
    step = max(1, len(training.calls) // 24)
    assert kills(training, list(range(1, len(training.calls) + 1, step))) == {}


@pytest.mark.slow
def test_a_run_killed_in_training_or_paused_by_ctrl_c_ends_as_one_left_alone(tmp_path: Path, process: Process) -> None:
    folder = tmp_path / "work"
    shutil.copytree(process.folder / "whole", folder, ignore=shutil.ignore_patterns("run", "*.sintonia", "out.txt"))
    words = [*process.words, "privacy.vault=true"]
    command = process.started.start(COMMAND, words, folder=folder, home=tmp_path / "home")
    wait_for(command, folder / "run", 30)
    command.signal(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    left = trees_of(folder / "run")
    command = process.started.start(COMMAND, ["resume", "run"], folder=folder, home=tmp_path / "home")
    wait_for(command, folder / "run", 45)
    assert len(left) == 1 and not left[0].exists(), "what the killed process left in memory went at the next start"
    command.signal(signal.SIGINT)
    assert command.wait() == 130
    assert trees_of(folder / "run") == []
    told = (folder / "out.txt").read_text()
    assert told.rstrip().splitlines()[-1].endswith("resume run` goes on")
    assert process.started.run(COMMAND, ["resume", "run"], folder=folder, home=tmp_path / "home") == 0
    assert weights_in(folder / "run") == process.weights, "as the plain run that was left alone"


@pytest.mark.slow
def test_two_commands_at_once_do_as_with_a_plain_run(tmp_path: Path, process: Process) -> None:
    folder, home = new_folder(tmp_path, planted_strings(4))
    command = process.started.start(COMMAND, words_of(process, "privacy.vault=true"), folder=folder, home=home)
    wait_for(command, folder / "run", 20)
    opened = RunFolder.open(folder / "run")  # a reader, while the other writes
    assert opened.is_being_written()
    assert opened.recipe().privacy.vault is True
    with pytest.raises(Exception, match=r"another process is working on `.*work/run`"), opened.writing():
        pass
    (opened.path / "note.json").write_text(json.dumps({"by": "a reader"}))
    opened.close()
    assert command.wait() == 0
    again = RunFolder.open(folder / "run")
    assert (again.path / "note.json").exists() and (again.path / "verdict.json").exists()
    assert not again.is_being_written()
