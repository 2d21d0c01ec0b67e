"""`sintonia runs --expire`: what it lists, that it removes nothing unasked, and what a run still does afterwards."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from sintonia.cli.expiring import show_kept
from sintonia.errors import UsageError
from sintonia.python import Run
from sintonia.runs import RunFolder
from tests.unit.cli.conftest import Call


@pytest.fixture
def old(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run whose days are over."""
    run = shutil.copytree(finished / "runs/a", tmp_path / "runs/a")
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(re.sub(r"keep_days: \S+", "keep_days: 7", text))
    ended = json.loads((run / "ended.json").read_text())
    (run / "ended.json").write_text(json.dumps(ended | {"time": "2025-01-02T03:04:05Z"}))
    return run


def test_what_is_due_is_told_and_nothing_is_removed_unasked(old: Path, call: Call) -> None:
    before = sorted(old.rglob("*"))
    listed = call("runs")
    assert "due " in listed.err and "1 run holds data beyond" in listed.err and "--expire" in listed.err
    (row,) = json.loads(call("runs", "--json").out)
    assert row["expires"] == "2025-01-09T03:04:05Z" and row["expired"] is None
    assert "until 2025-01-09" in " ".join(listed.out.split())
    shown = call("runs", "--expire", "--json")
    assert shown.exit_code == 2 and "ended 2025-01-02, kept 7 days" in shown.err
    assert "nothing is removed without a yes" in shown.err and "`--yes`" in shown.err
    (row,) = json.loads(shown.out)
    assert row["removed"] is False and row["files"] > 10 and row["bytes"] > 1000
    assert sorted(old.rglob("*")) == before


def test_after_a_yes_the_model_goes_on_and_what_needs_data_says_when_they_went(old: Path, call: Call) -> None:
    done = call("runs", "--expire", "--yes")
    assert done.exit_code == 0 and "removed" in done.err and not (old / "data").exists()
    assert not (old / "report.html").exists() and (old / "card.md").exists()
    card = (old / "card.md").read_text(encoding="utf-8")
    assert re.search(r"- Kept: No more.* were removed on 20\d\d-", card) and "removed by hand" not in card
    (row,) = json.loads(call("runs", "--json").out)
    assert row["state"] == "expired" and row["expired"][:2] == "20" and row["outcome"] != "no verdict yet"
    assert "due " not in call("runs").err and "nothing is due" in call("runs", "--expire", "--yes").err
    assert call("predict", "runs/a", "rain and wind").exit_code == 0
    assert call("evaluate", "runs/a").exit_code == 0, "the stored verdict"
    assert call("runs", "--tree").exit_code == 0
    needing = [
        ("report", "runs/a"),
        ("resume", "runs/a"),
        ("adjust", "runs/a"),
        ("adjust", "runs/a", "--apply"),
        ("adjust", "runs/a", "--scale", "0.5", "--out", "scaled"),
        ("evaluate", "runs/a", "--on", __file__),
        ("compare", "runs/a", "runs/a"),
        ("export", "runs/a", "--to", "merged", "--out", "exported"),
        ("tune", __file__, "--teacher", "runs/a", "--base", "minilm", "--out", "taught"),
    ]
    for words in needing:
        refused = call(*words)
        assert refused.exit_code == 2, (words, refused.err)
        assert re.search(r"expired on \d{4}-\d\d-\d\d by privacy.keep_days=7", refused.err), (words, refused.err)
        assert refused.err.count("error: ") == 1 and "hint: " in refused.err
    assert not (old / "log.txt").exists(), "nor is anything written into it"
    run = Run.open(old)
    with pytest.raises(UsageError, match="expired on"):
        run.write_report()
    assert run.verdict() is not None and run.predict(["rain"])


@pytest.mark.parametrize("answer", [False, True])
def test_at_a_terminal_a_no_is_refused_and_a_yes_removes(
    old: Path, call: Call, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    monkeypatch.setattr("sintonia.cli.expiring.can_ask", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: answer)
    told = call("runs", "--expire")
    assert (told.exit_code == 0) is answer and (old / "data").exists() is not answer
    assert ("nothing was removed" in told.err) is not answer


def test_at_the_end_of_a_training_the_day_is_told(
    old: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show_kept(RunFolder.open(old))
    told = capsys.readouterr().err
    assert "until 2025-01-09" in told and "--expire" in told
    text = (old / "recipe.yaml").read_text()
    (old / "recipe.yaml").write_text(re.sub(r"keep_days: \S+", "keep_days: null", text))
    show_kept(RunFolder.open(old))
    assert capsys.readouterr().err == ""


def test_only_whole_days_of_one_or_more_are_taken(call: Call) -> None:
    for wrong in ("0", "-1", "1.5", "soon", "40000"):
        refused = call("tune", __file__, f"privacy.keep_days={wrong}")
        assert refused.exit_code == 2 and "keep_days" in refused.err, refused.err


def test_it_goes_with_nothing_else(call: Call) -> None:
    assert call("runs", "--expire", "--tree").exit_code == 2
    assert call("runs", "--yes").exit_code == 2
