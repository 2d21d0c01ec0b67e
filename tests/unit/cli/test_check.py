"""`sintonia check` as a person meets it: findings with places, exit codes, JSON, the mended copy, the review."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sintonia.cli.reviewing import review_suspects
from sintonia.errors import UsageError
from sintonia.prepare import read_decisions
from tests.unit.prepare.bench import many_rows


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path_factory.mktemp("home")))


def _write(rows: list[dict[str, object]], name: str = "rows.jsonl") -> Path:
    path = Path(name)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_findings_come_with_places_and_what_to_do(call) -> None:
    rows = many_rows(400)
    rows[4]["text"] = ""
    outcome = call("check", str(_write([*rows, *rows[10:13]])), "--base", "none")
    assert outcome.exit_code == 0
    assert "note      D101 1 row of 403" in outcome.err
    assert "at rows.jsonl:5" in outcome.err
    assert "at rows.jsonl:401, 402, 403" in outcome.err
    assert "403 rows in = 399 used + 4 set aside" in outcome.err
    assert "can show a difference of" in outcome.err
    assert outcome.out == ""


def test_a_stop_finding_exits_with_3_unless_it_is_accepted(call) -> None:
    rows = many_rows(400)
    rows += [{**row, "label": "bad" if row["label"] != "bad" else "good"} for row in rows[:20]]
    path = str(_write(rows))
    outcome = call("check", path, "--base", "none")
    assert outcome.exit_code == 3
    assert "D103" in outcome.err
    assert call("check", path, "--base", "none", "--accept", "D103").exit_code == 0


def test_json_is_the_data_and_nothing_else(call) -> None:
    outcome = call("check", str(_write(many_rows(300))), "--base", "none", "--json")
    body = json.loads(outcome.out)
    assert (body["prepared"]["rows_in"], body["prepared"]["form"]) == (300, "text and label")
    assert set(body) == {"prepared", "findings", "suspects", "seconds"}


def test_data_of_other_tasks_are_checked(call) -> None:
    rows: list[dict[str, object]] = [
        {"prompt": row["text"], "chosen": f"answer {k}", "rejected": f"other answer {k}"}
        for k, row in enumerate(many_rows(120))
    ]
    rows[3].pop("chosen")
    path = str(_write(rows))
    outcome = call("check", path)
    assert outcome.exit_code == 0
    assert "prefer" in outcome.err
    assert "at rows.jsonl:4" in outcome.err


def test_the_mended_copy_says_what_was_done(call) -> None:
    rows = many_rows(100)
    outcome = call("check", str(_write([*rows, rows[0]])), "--fix", "clean.jsonl")
    assert outcome.exit_code == 0
    assert "101 rows in, 100 rows out" in outcome.err
    assert len(Path("clean.jsonl").read_text().splitlines()) == 100
    assert call("check", "rows.jsonl", "--fix", "clean.jsonl").exit_code == 2


@pytest.mark.parametrize(
    "words", [("--base", "none", "--review"), ("--fix", "a.jsonl", "--json"), ("--fix", "a.jsonl", "--review")]
)
def test_options_that_contradict_each_other_are_refused(call, words: tuple[str, ...]) -> None:
    outcome = call("check", str(_write(many_rows(200))), *words)
    assert outcome.exit_code == 2
    assert sorted(path.name for path in Path().iterdir()) == ["rows.jsonl"]


def test_a_review_without_a_terminal_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="needs a terminal"):
        review_suspects(_write(many_rows(5)), ())


def _review(folder: Path, keys: str) -> str:
    """Presses keys in a real terminal, one when the row before was answered; what was shown comes back."""
    script = (
        "from pathlib import Path\n"
        "from sintonia.cli.reviewing import review_suspects\n"
        "from sintonia.records import Place, Suspect\n"
        "rows = [Suspect(row=f'{k:016x}', place=Place(file='rows.jsonl', line=k), input=f'text {k}\\x1b[2J', "
        "target='a', suggested='b', confidence=0.1) for k in range(1, 5)]\n"
        "review_suspects(Path('rows.jsonl'), tuple(rows))\n"
    )
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, stdin=slave, stdout=slave, stderr=slave, close_fds=True
    )
    os.close(slave)
    shown = ""
    for key in keys:
        shown += _until(master, "q quit")
        os.write(master, key.encode())
    shown += _until(master, "nothing was decided" if keys == "duq" else "decided:")
    process.wait(timeout=20)
    os.close(master)
    return shown


def _until(master: int, mark: str) -> str:
    shown, ends = "", time.monotonic() + 30
    while mark not in shown and time.monotonic() < ends:
        if select.select([master], [], [], 1.0)[0]:
            shown += os.read(master, 4096).decode(errors="replace")
    assert mark in shown, shown
    return shown


def test_one_key_a_row_and_it_can_be_taken_up_again(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    shown = _review(tmp_path, "krq")
    assert "1 of 4" in shown
    assert "\x1b[2J" not in shown
    assert {one.row[-1]: one.action for one in read_decisions(tmp_path / "rows.jsonl").values()} == {
        "1": "keep",
        "2": "relabel",
    }
    shown = _review(tmp_path, "duq")
    assert "nothing was decided" in shown
    assert len(read_decisions(tmp_path / "rows.jsonl")) == 2
    again = _review(tmp_path, "dxuks")
    assert "2 decided before" in again
    assert {one.row[-1]: (one.action, one.target) for one in read_decisions(tmp_path / "rows.jsonl").values()} == {
        "1": ("keep", None),
        "2": ("relabel", "b"),
        "3": ("keep", None),
    }


def test_a_finding_is_explained(call) -> None:
    outcome = call("check", "--explain", "d113")
    assert outcome.exit_code == 0
    assert outcome.out.startswith("D113: ")
    assert all(f"\n{part}: " in outcome.out for part in ("What", "Why it matters", "What to do"))
    unknown = call("check", "--explain", "D199")
    assert unknown.exit_code == 2
    assert "did you mean" in unknown.err
