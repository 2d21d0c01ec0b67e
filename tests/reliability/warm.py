"""A warm process that starts others in no time: torch is imported once, and each command runs in a fork of it.

As a program it reads one JSON line a command from its input and writes the process id of each, then its exit status.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
_NEEDED = ("tests.reliability.kills", "sintonia.cli.tune", "sintonia.cli.resume", "sintonia.corridor.closing.judging")
_NEEDED += (
    "sintonia.corridor.closing.shipping",
    "sintonia.evaluate",
    "sintonia.report",
    "sintonia.prepare",
    "sklearn.svm",
)
_NEEDED += ("sklearn.linear_model", "sklearn.feature_extraction.text", "cleanlab.filter", "matplotlib.figure")


@dataclass
class Command:
    """One process that the warm one started."""

    pid: int
    _answers: IO[str] = field(repr=False)

    def wait(self) -> int:
        """Its exit code; negative for a signal."""
        return int(self._answers.readline())

    def signal(self, number: int) -> None:
        """Sends it a signal, if it is still there."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return


class Warm:
    """Starts commands, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, function: str, *given: Any, folder: Path, home: Path) -> Command:
        """Calls `module:function` with plain values in a new process, its output in `out.txt` of the folder."""
        assert self._process.stdin and self._process.stdout
        told = {"function": function, "given": given, "folder": str(folder), "home": str(home)}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return Command(int(self._process.stdout.readline()), self._process.stdout)

    def run(self, function: str, *given: Any, folder: Path, home: Path) -> int:
        """Its exit code."""
        return self.start(function, *given, folder=folder, home=home).wait()


@contextmanager
def warm(*modules: str) -> Iterator[Warm]:
    """The warm process, as long as the block lasts; `modules` are imported in it too."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.warm", *modules],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Warm(process)
        finally:
            process.kill()


def command_line(words: list[str]) -> int:
    """What the shell would call as `sintonia WORDS`."""
    from sintonia.cli.main import main

    return main(words)


def _serve() -> None:
    for name in (*_NEEDED, *sys.argv[1:]):
        importlib.import_module(name)
    import torch

    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if pid == 0:
            answers.close()
            _call(told)
        print(pid, file=answers, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers, flush=True)


def _call(told: dict[str, Any]) -> None:
    os.chdir(told["folder"])
    os.environ["SINTONIA_HOME"] = told["home"]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open("out.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    code = 70
    try:
        module, _, name = told["function"].partition(":")
        code = getattr(importlib.import_module(module), name)(*told["given"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
