"""What `privacy.keep_days` removes, when, and how it ends what a kill broke off."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sintonia import audit
from sintonia.errors import StorageError, UsageError
from sintonia.files import write_json
from sintonia.privacy import due_runs, expire, expires
from sintonia.runs import ENDED, EXPIRED, Expired, RunFolder
from sintonia.settings import DataSettings, PrivacySettings, Recipe

END = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
MADE_OF_ROWS = (
    "data/train.jsonl",
    "data/sealed_test.jsonl",
    "cache/features.npy",
    "cache/spent.json",
    "log.txt",
    "report.html",
    "turns/001/checkpoints/000007/state.safetensors",
    "turns/001/model/model.safetensors",
    "turns/001/predictions/test.jsonl",
    "turns/001/scorecards/test-tuned.json",
    "turns/001/details.json",
    "turns/001/evaluations.jsonl",
    "evaluations/001/predictions.jsonl",
    "evaluations/001/scorecards/test-tuned.json",
    "what/comes/later.json",
)
STAYS = (
    "recipe.yaml",
    "prepared.json",
    "verdict.json",
    "verdicts/001.json",
    "resources.json",
    "findings.jsonl",
    "card.md",
    "audit.json",
    "turns/001/turn.json",
    "turns/001/events.jsonl",
    "evaluations/001/verdict.json",
    "model/model.safetensors",
    "model/1_Pooling/config.json",
)


def _run(folder: Path, days: int | None = 30, ended: datetime | None = END) -> RunFolder:
    recipe = Recipe(data=DataSettings(path="a.csv"), privacy=PrivacySettings(keep_days=days))
    run = RunFolder.create(folder, recipe)
    for name in (*MADE_OF_ROWS, *STAYS[1:]):
        run.file(name).parent.mkdir(parents=True, exist_ok=True)
        run.file(name).write_text("{}")
    if ended:
        write_json(run.file(ENDED), {"time": ended.strftime("%Y-%m-%dT%H:%M:%SZ")})
    return run


def _names(run: RunFolder) -> set[str]:
    return {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()}


def _due(*runs: RunFolder, days: float = 30) -> list[RunFolder]:
    return [one.run for one in due_runs(runs, END + timedelta(days=days))]


def _no_mark(run: RunFolder, gone: Expired) -> None:
    """Of a run whose card says nothing."""


def test_what_is_made_of_rows_goes_and_the_rest_stays(tmp_path: Path, private_home: Path) -> None:
    run = _run(tmp_path / "run")
    (due,) = due_runs([run], END + timedelta(days=30))
    assert (due.num_files, due.num_bytes, due.ended) == (
        len(MADE_OF_ROWS),
        2 * len(MADE_OF_ROWS),
        "2026-03-01T12:00:00Z",
    )
    assert _names(run) >= {*MADE_OF_ROWS, *STAYS}, "nothing is removed by looking"
    marked: list[str] = []
    done = expire(due, lambda told, gone: marked.append(f"{told.place.name} {gone.keep_days}"))
    assert marked == ["run 30"], "what stays is told of it"
    assert done.is_complete and done.num_files == len(MADE_OF_ROWS)
    assert _names(run) - {".lock"} == {*STAYS, ENDED, EXPIRED}
    assert not run.file("data").exists() and not run.file("turns/001/checkpoints").exists(), "no empty folders either"
    (entry,) = audit.entries()
    assert entry.event == "expiry" and entry.facts["run"] == "run" and entry.facts["files"] == len(MADE_OF_ROWS)
    assert _due(run, days=900) == [], "once"


@pytest.mark.parametrize(("days", "is_due"), [(29.99, False), (30.0, True), (300.0, True)])
def test_it_is_due_to_the_second(tmp_path: Path, days: float, is_due: bool) -> None:
    run = _run(tmp_path / "run")
    assert expires(run) == "2026-03-31T12:00:00Z"
    assert bool(_due(run, days=days)) is is_due


def test_without_the_setting_nothing_is_ever_due(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", days=None)
    assert expires(run) is None and _due(run, days=9000) == []


def test_a_run_that_is_worked_on_or_damaged_is_left_alone(tmp_path: Path) -> None:
    run, damaged = _run(tmp_path / "run"), _run(tmp_path / "damaged")
    damaged.file("recipe.yaml").write_text("{")
    with run.writing():
        assert _due(run, damaged) == []
    assert _due(run, damaged) == [run]


def test_a_process_that_was_killed_said_no_end_and_its_files_tell_it(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", ended=None)
    now = datetime.now(UTC)
    assert list(due_runs([run], now + timedelta(days=29))) == []
    assert [one.run for one in due_runs([run], now + timedelta(days=31))] == [run]


@pytest.mark.parametrize("after", range(0, len(MADE_OF_ROWS) + 1, 4))
def test_a_kill_at_any_file_is_ended_by_the_next_call(
    tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    run = _run(tmp_path / "run")
    (due,) = due_runs([run], END + timedelta(days=31))
    monkeypatch.setattr(Path, "unlink", _killed_after(after, Path.unlink))
    with pytest.raises(KeyboardInterrupt):
        expire(due, _no_mark)
    monkeypatch.undo()
    monkeypatch.setenv("SINTONIA_HOME", str(private_home))
    with pytest.raises(UsageError, match=r"expired on .* by privacy.keep_days=30"):
        run.refuse_expired()  # from the first file on: never half a run that looks whole
    (again,) = due_runs([run], END + timedelta(days=-5))
    assert again.is_broken_off and again.num_files == len(MADE_OF_ROWS) - after
    expire(again, _no_mark)
    assert _names(run) - {".lock"} == {*STAYS, ENDED, EXPIRED}
    assert _due(run, days=900) == []


def _killed_after(count: int, unlink: Callable[..., None]) -> Callable[..., None]:
    left = [count]

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path.suffix != ".tmp" and path.name != ".lock":
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    return killed


def test_a_link_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    run, outside = _run(tmp_path / "run"), tmp_path / "outside"
    outside.mkdir()
    (outside / "rows.jsonl").write_text("mine")
    run.file("data/link").symlink_to(outside)
    expire(next(iter(due_runs([run], END + timedelta(days=31)))), _no_mark)
    assert (outside / "rows.jsonl").read_text() == "mine" and not run.file("data").exists()


def test_the_record_says_when_and_how_much(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    expire(next(iter(due_runs([run], END + timedelta(days=31)))), _no_mark)
    kept = run.read(EXPIRED, Expired)
    assert kept is not None and kept.keep_days == 30 and kept.ended == "2026-03-01T12:00:00Z"
    shutil.copytree(run.path, tmp_path / "copy")
    assert json.loads((tmp_path / "copy" / EXPIRED).read_text())["is_complete"] is True


@pytest.mark.parametrize("time", ["yesterday", 7, "9999-12-31T00:00:00Z"])
def test_a_damaged_end_is_told_and_takes_no_other_run_with_it(time: object, tmp_path: Path) -> None:
    damaged, whole = _run(tmp_path / "damaged"), _run(tmp_path / "whole")
    write_json(damaged.file(ENDED), {"time": time})
    with pytest.raises(StorageError, match="does not say when the run ended"):
        expires(damaged)
    assert [one.run.path for one in due_runs([damaged, whole], END + timedelta(days=40))] == [whole.path]


def test_a_time_without_a_zone_is_universal(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    write_json(run.file(ENDED), {"time": "2026-03-01T12:00:00"})
    assert expires(run) == "2026-03-31T12:00:00Z"


@pytest.mark.parametrize("days", [0, -1, 1_000_000_000])
def test_days_that_no_recipe_may_have_remove_nothing(days: int, tmp_path: Path) -> None:
    run = _run(tmp_path / "run", days=days)
    with pytest.raises(StorageError, match="keep_days"):
        expires(run)
    assert not list(due_runs([run], END + timedelta(days=40_000)))
