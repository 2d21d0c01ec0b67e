"""`sintonia runs` lists what is there, damaged runs too."""

from __future__ import annotations

import json
from pathlib import Path

from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe


def _run(path: str) -> RunFolder:
    return RunFolder.create(Path(path), Recipe(data=DataSettings(path="a.csv")))


def test_an_empty_place_says_how_to_begin(call) -> None:
    outcome = call("runs")
    assert outcome.exit_code == 0
    assert outcome.out == "" and "sintonia quickstart" in outcome.err


def test_a_folder_that_does_not_exist_is_a_usage_error(call) -> None:
    assert call("runs", "nowhere").exit_code == 2


def test_unfinished_and_damaged_runs_are_listed(call) -> None:
    _run("runs/a-001")
    _run("runs/a-002").file("verdict.json").write_text("{")
    outcome = call("runs", "--json")
    assert outcome.exit_code == 0
    first, second = json.loads(outcome.out)
    assert (first["run"], first["outcome"]) == ("runs/a-001", "no verdict yet")
    assert second["outcome"].startswith("damaged")


def test_the_table_is_on_standard_output(call) -> None:
    _run("runs/a-001")
    outcome = call("runs")
    assert "runs/a-001" in outcome.out and "no verdict yet" in outcome.out


def test_scores_where_less_is_better_say_so(call) -> None:
    from tests.unit.report.chat_fixture import write_chat_run

    write_chat_run(Path("runs/chat-001"))
    outcome = call("runs")
    assert "bits_per_byte" in outcome.out and "lower is" in outcome.out
    (row,) = json.loads(call("runs", "--json").out)
    assert row["metric"] == "bits_per_byte" and row["tuned"] < row["base"]
