"""The whole process by its commands, in processes that can be killed and stopped, on a tiny base."""

from __future__ import annotations

import hashlib
import signal
import time
from pathlib import Path

from tests.reliability.warm import Warm
from tests.tiny import make_rows, write_rows

COMMAND = "tests.reliability.warm:command_line"
SETTINGS = ["training.epochs=6", "training.learning_rate=0.001", "training.checkpoint_steps=7"]


def weights_of(model: Path) -> str:
    files = sorted(model.rglob("*.safetensors"))
    assert files
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def leftovers(run: Path) -> list[str]:
    """What only a process that died leaves behind."""
    return [path.name for path in run.rglob("*") if ".tmp" in path.name or "unfinished" in path.name]


class Process:
    """The whole process by its commands: what it comes to when left alone, and how long that takes."""

    def __init__(self, started: Warm, folder: Path, home: Path, base: Path) -> None:
        self.started, self.folder, self.home = started, folder, home
        self.words = ["tune", "rows.jsonl", "--base", f"file:{base}", "--out", "run", *SETTINGS]
        whole = self.new_folder("whole")
        started.run(COMMAND, ["--version"], folder=whole, home=home)  # returns when the process is warm
        began = time.monotonic()
        assert self.started.run(COMMAND, self.words, folder=whole, home=home) == 0, (whole / "out.txt").read_text()
        self.seconds = time.monotonic() - began
        self.weights = weights_of(whole / "run/model")

    def new_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        write_rows(folder / "rows.jsonl", make_rows(300))
        return folder

    def resume(self, folder: Path) -> None:
        told = folder / "out.txt"
        again = ["resume", "run"] if (folder / "run/recipe.yaml").exists() else self.words
        assert self.started.run(COMMAND, again, folder=folder, home=self.home) == 0, told.read_text()[-2000:]
        assert weights_of(folder / "run/model") == self.weights
        assert leftovers(folder / "run") == []
        assert b'"test_openings": 1' in (folder / "run/verdict.json").read_bytes()
        assert "Traceback" not in told.read_text()

    def kill_when(self, folder: Path, mark: str, lines: int) -> None:
        """Kills -9 as soon as a file of the run exists and has that many lines."""
        command = self.started.start(COMMAND, self.words, folder=folder, home=self.home)
        until, path = time.monotonic() + 60, folder / "run" / mark
        while time.monotonic() < until:
            if path.exists() and path.read_bytes().count(b"\n") >= lines:
                break
            time.sleep(0.001)
        command.signal(signal.SIGKILL)
        assert command.wait() == -signal.SIGKILL
