"""`sintonia report` and `sintonia resume` say what is missing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sintonia.cli.vaults import hand_out
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe


@pytest.mark.parametrize("command", ["report", "resume", "adjust", "predict"])
def test_a_folder_that_is_no_run_is_a_usage_error(call, command: str) -> None:
    outcome = call(command, "nowhere")
    assert outcome.exit_code == 2
    assert "`nowhere` is not a run folder" in outcome.err and "sintonia runs" in outcome.err


def test_a_run_without_a_verdict_has_no_report_yet(call) -> None:
    RunFolder.create(Path("out"), Recipe(data=DataSettings(path="a.csv")))
    outcome = call("report", "out")
    assert outcome.exit_code == 2
    assert "sintonia resume out" in outcome.err


def test_a_folder_that_is_made_for_what_is_handed_out_is_its_owners_alone(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="a.csv")))
    run.file("card.md").write_text("x")
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    theirs.chmod(0o755)
    before = os.umask(0o022)
    try:
        for folder, mode in ((tmp_path / "new", 0o700), (theirs, 0o755)):
            (written,) = hand_out(run, ("card.md",), folder)
            assert stat.S_IMODE(folder.stat().st_mode) == mode and stat.S_IMODE(written.stat().st_mode) == 0o600
    finally:
        os.umask(before)
