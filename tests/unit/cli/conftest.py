"""Calls the command line as the shell does, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sintonia.cli.journal import close_log
from sintonia.cli.main import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the shell would see."""

    exit_code: int
    out: str
    err: str


Call = Callable[..., Outcome]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Outcome:
        exit_code = main(words)
        close_log()
        captured = capsys.readouterr()
        return Outcome(exit_code=exit_code, out=captured.out, err=captured.err)

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """A folder with `rows.jsonl` and two finished runs on it that differ in the seed: `runs/a` and `runs/b`."""
    from tests.tiny import make_rows, write_rows

    folder = tmp_path_factory.mktemp("finished")
    data = write_rows(folder / "rows.jsonl", make_rows(400))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        for number, name in enumerate("ab"):
            words = ("tune", str(data), "--base", f"file:{tiny_base}", "--seed", str(number))
            fast = ("training.epochs=2", "training.evaluations=2", "training.learning_rate=0.003")
            assert main((*words, *fast, "--out", str(folder / "runs" / name))) == 0
            close_log()
    return folder
