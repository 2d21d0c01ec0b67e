"""A training in a process of its own that kills itself (-9) at a chosen call to the file system, for `test_kill.py`.

Calls are counted where Python makes them: writes, flushes to the disk, renames, new and removed files and folders. Of
a write, half of the bytes are written before the kill.
"""

from __future__ import annotations

import dataclasses
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sintonia.corridor import turns
from sintonia.corridor.walk import Progress, Walk
from sintonia.runs import RunFolder
from tests.reliability.trainings import make_training

_COUNTED = ("fsync", "mkdir", "open", "rename", "replace", "rmdir", "unlink", "write")
SEEN = "steps.txt"
"""Which steps were seen, in the order of their coming, `resumed` among them."""


class Kill:
    """Counts the calls, and ends the process at call `number`; with 0 never."""

    def __init__(self, number: int) -> None:
        self.number, self.calls, self.names = number, 0, [""]
        for name in _COUNTED:
            setattr(os, name, self._counted(name, getattr(os, name)))
        original = os.fdopen
        os.fdopen = lambda *given, **named: _Stream(original(*given, **named), self)  # type: ignore[assignment]

    def count(self, name: str, before: Callable[[], object] = lambda: None) -> None:
        """One more call; the last thing that happens, when it is its turn."""
        self.calls += 1
        self.names.append(name)
        if self.calls == self.number:
            before()
            os.kill(os.getpid(), signal.SIGKILL)

    def _counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            is_reading = name == "open" and not (given[1] & (os.O_WRONLY | os.O_RDWR))
            if not is_reading:
                self.count(name)
            return original(*given, **named)

        return call


class _Stream:
    def __init__(self, stream: io.BufferedWriter, kill: Kill) -> None:
        self._stream, self._kill = stream, kill

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, content: bytes) -> int:
        def half() -> None:
            self._stream.write(bytes(content)[: len(content) // 2])
            self._stream.flush()

        self._kill.count("stream.write", half)
        return self._stream.write(content)

    def writelines(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.write(piece)


def train_once(kind: str, base: str, number: int) -> int:
    """Trains `kind` in `run` below this folder, from where it stopped; killed at call `number`, or never.

    The number of calls, and what each was, goes to `calls.txt`.
    """
    kill = Kill(0)
    seen = os.open(SEEN, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    stream = io.FileIO(seen, "w")
    job = make_training(
        Path(f"recipe-{os.getpid()}"), {kind.split()[0]: Path(base)}, kind, "dropout", checkpoint_steps=3
    )
    run = RunFolder.open("run") if Path("run/recipe.yaml").exists() else RunFolder.create("run", job.recipe)
    job = dataclasses.replace(job, run=run)
    kill.number, kill.calls, kill.names = number, 0, [""]

    def listen(progress: Progress) -> None:
        if progress.event is not None:
            stream.write(f"{progress.message} {progress.event.step}\n".encode())

    with job.run.writing():
        turns.run_training(Walk(job.run, listen), job)
    names = "\n".join(kill.names[1:])
    kill.number = 0
    Path("calls.txt").write_text(names, encoding="utf-8")
    return 0
