"""`sintonia report` and `sintonia resume` say what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

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
