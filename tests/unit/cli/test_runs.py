"""`sintonia runs` lists what is there, damaged runs too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    assert "bits_per_byte" in outcome.out and "(lower" in outcome.out
    (row,) = json.loads(call("runs", "--json").out)
    assert row["metric"] == "bits_per_byte" and row["tuned"] < row["base"]


def test_whether_the_best_quick_baseline_was_beaten_is_listed_in_a_hundred_columns(
    call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.report.chat_fixture import write_chat_run

    monkeypatch.setenv("COLUMNS", "100")
    for name, outcome in (("beaten", "better"), ("open", "inconclusive"), ("alike", "equivalent"), ("under", "worse")):
        path = Path(f"runs/{name}-with-a-long-name-001")
        write_chat_run(path)
        body = json.loads((path / "verdict.json").read_text())
        body["worth_tuning"]["outcome"] = outcome
        (path / "verdict.json").write_text(json.dumps(body))
    lines = call("runs").out.splitlines()
    assert lines[0].split()[-2:] == ["worth", "it"] and max(map(len, lines)) <= 100
    told = {line.split("-")[0].strip(): line.split()[-1] for line in lines if line.startswith("runs/")}
    assert told == {"runs/alike": "no", "runs/beaten": "yes", "runs/open": "open", "runs/under": "no"}
    assert "best quick baseline" in lines[-1]
    rows = json.loads(call("runs", "--json").out)
    assert {row["worth_tuning"] for row in rows} == {"better", "inconclusive", "equivalent", "worse"}


def test_the_turns_of_a_run_are_a_tree(call, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.report.fixture import write_run
    from tests.unit.report.test_turns import with_second_turn

    monkeypatch.setenv("COLUMNS", "200")
    with_second_turn(write_run(Path("runs/a-001")))
    outcome = call("runs", "runs/a-001", "--tree")
    head, first, second, flattery = outcome.out.splitlines()[:4]
    assert outcome.exit_code == 0 and head.startswith("runs/a-001")
    assert "turn 1" in first and "T202" in first and first.index("turn 1") < second.index("turn 2"), "indented"
    assert "training.learning_rate: 1e-07 -> 5e-05" in second and "+10.0 points (standard error 1." in second
    assert "The best of 2 turns" in flattery
    (row,) = json.loads(call("runs", "--tree", "--json").out)
    assert [one["parent"] for one in row["turns"]["nodes"]] == [None, 1]
    monkeypatch.setenv("COLUMNS", "60")
    narrow = " ".join(call("runs", "--tree").out.split())
    assert "standard error" in narrow and "only the test tells" in narrow.replace("│ ", ""), "nothing is cut off"
    assert "turns" not in json.loads(call("runs", "--json").out)[0]


def test_a_tree_of_a_damaged_run_says_so(call) -> None:
    run = _run("runs/a-001")
    run.file("prepared.json").write_text("{")
    _run("runs/a-002")
    outcome = call("runs", "--tree")
    assert outcome.exit_code == 0 and "damaged" in outcome.out and "no turn has ended yet" in outcome.out
