"""`sintonia audit`: what a run leaves in the log, that it is whole, and what a changed one is called."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from sintonia.audit import Head, verify
from tests.tiny import make_rows, write_rows
from tests.unit.cli.conftest import Call


@pytest.fixture
def log(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the log of the home that the finished runs were made with."""
    home = tmp_path / "home"
    (home / "audit").mkdir(parents=True)
    for name in ("log.jsonl", "head.json"):
        (home / "audit" / name).write_bytes((finished / "home/audit" / name).read_bytes())
    monkeypatch.setenv("SINTONIA_HOME", str(home))
    return home / "audit/log.jsonl"


def test_a_run_records_what_it_read_trained_opened_and_judged(log: Path, finished: Path, call: Call) -> None:
    outcome = call("audit", "show", "--json")
    lines = [one for one in json.loads(outcome.out) if one["facts"].get("run", "a") == "a"]
    events = [one["event"] for one in lines]
    assert events[:3] == ["import", "training_begun", "training_ended"]
    assert events.index("test_opened") < events.index("verdict")
    facts = {one["event"]: one["facts"] for one in lines}
    assert facts["import"]["file"] == "rows.jsonl"
    assert facts["import"]["rows_of_run"] == 400
    assert facts["verdict"]["within"] == "runs", "runs of a server's jobs are all called alike"
    assert facts["verdict"]["outcome"] == json.loads((finished / "runs/a/verdict.json").read_text())["outcome"]
    assert str(finished) not in outcome.out, "names, not places on this machine"
    row = json.loads((finished / "rows.jsonl").read_text().splitlines()[0])
    assert row["text"] not in outcome.out


def test_a_log_is_held_against_the_heads_of_its_runs(log: Path, finished: Path, call: Call) -> None:
    outcome = call("audit", "verify", str(finished / "runs/a"), str(finished / "runs/b"))
    assert outcome.exit_code == 0
    assert "whole: " in outcome.err
    assert "the head of 2 runs" in outcome.err
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:3]))
    outcome = call("audit", "verify", str(finished / "runs/b"), "--json")
    assert outcome.exit_code == 1
    assert "broken at line 4" in outcome.err
    assert json.loads(outcome.out)["is_whole"] is False


def test_a_run_goes_on_without_the_log_and_says_so(finished: Path, call: Call, private_home: Path) -> None:
    from sintonia.audit import Anchor
    from sintonia.corridor.auditing import keep_verdict
    from sintonia.corridor.walk import Walk
    from sintonia.records import Verdict
    from sintonia.runs import RunFolder

    (private_home / "audit").write_text("in the way")
    run = RunFolder.open(finished / "runs/b")
    verdict, before = run.read("verdict.json", Verdict), run.read("audit.json", Anchor)
    assert verdict and before
    told: list[str] = []
    try:
        keep_verdict(Walk(run, lambda progress: told.append(progress.message)), 1, verdict)
        after = run.read("audit.json", Anchor)
    finally:
        run.write("audit.json", before)
    assert after == Anchor(lines=before.lines, sha256=before.sha256, missing=1)
    assert "could not be written to the audit log" in told[0]


def test_words_that_are_not_known_are_refused(call: Call) -> None:
    assert "`verify`" in call("audit", "verfy").err
    assert call("audit", "show", "runs/a").exit_code == 2
    assert "nothing is recorded" in call("audit", "verify").err


@pytest.mark.parametrize(("name", "often"), [("a", "once"), ("b", "twice")])
def test_report_and_card_print_the_head_and_the_count_of_openings(
    log: Path, finished: Path, name: str, often: str
) -> None:
    """Whoever keeps either elsewhere can tell a log that was cut off since."""
    for file in ("report.html", "card.md"):
        text = re.sub(r"</?\w+>", "", (finished / "runs" / name / file).read_text())
        (printed,) = re.findall(r"event (\d+), sha256 `?([0-9a-f]{64})", text)
        head = Head(lines=int(printed[0]), sha256=printed[1])
        assert verify([(file, head)]).is_whole, file
        assert not verify([(file, Head(lines=head.lines - 1, sha256=head.sha256))]).is_whole, file
        assert f"opened {often}" in text, file


def test_judging_on_another_file_and_answers_in_a_file_leave_a_line(finished: Path, tmp_path: Path, call: Call) -> None:
    run = shutil.copytree(finished / "runs/a", tmp_path / "run")
    write_rows(tmp_path / "more.jsonl", make_rows(60, seed=9))
    judged = call("evaluate", str(run), "--on", "more.jsonl", "--json")
    assert judged.exit_code == 0, judged.err
    assert call("predict", str(run), "--file", "more.jsonl", "--out", "answers.jsonl").exit_code == 0
    lines = {one["event"]: one["facts"] for one in json.loads(call("audit", "show", "--json").out)}
    verdict = json.loads(judged.out)["verdict"]
    assert lines["evaluation"]["file"] == "more.jsonl" and lines["evaluation"]["outcome"] == verdict["outcome"]
    assert lines["evaluation"]["openings"] == verdict["test_openings"]
    assert lines["prediction"]["rows"] == 60 and lines["prediction"]["out"] == "answers.jsonl"
    assert call("audit", "verify", str(run)).exit_code == 0
