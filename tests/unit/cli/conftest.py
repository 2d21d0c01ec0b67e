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
