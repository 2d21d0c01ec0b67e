"""A tracker that writes files, told of a run in a vault: nothing of it can be read on the disk, and it goes on."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from sintonia import vault
from sintonia.corridor.trackers import follower
from sintonia.runs import RunFolder
from sintonia.settings import PrivacySettings
from tests.unit.corridor.trackers.trainings import RECIPE, events, make_recipe, train

PLANTED = b"train/learning_rate"
"""A name that every tracker is told."""
pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory")


@pytest.fixture(autouse=True)
def _opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SINTONIA_VAULT_PASSPHRASE", "correct horse")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(follower, "_PATIENCE_SECONDS", 300.0)  # a new database of MLflow takes a busy machine long
    monkeypatch.chdir(tmp_path)
    yield
    vault.drop_all()
    vault._open.clear()


def files_with_it(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file() and PLANTED in path.read_bytes()]
    return sorted(path.relative_to(folder).parts[0] for path in found)


@pytest.mark.parametrize(("name", "first"), [("tensorboard", "turns"), ("mlflow", "mlflow.db")])
def test_nothing_of_a_tracker_is_readable_and_a_resumed_run_goes_on_with_it(
    tmp_path: Path, private_home: Path, name: Literal["tensorboard", "mlflow"], first: str
) -> None:
    pytest.importorskip(name)
    place = tmp_path / "run"
    data = tmp_path / "rows.jsonl"
    data.touch()
    asked = dataclasses.replace(RECIPE.data, path=str(data))
    recipe = dataclasses.replace(RECIPE, data=asked, privacy=PrivacySettings(vault=True))
    run = RunFolder.create(place, recipe)
    run.file("turns/001").mkdir(parents=True)
    assert train(run, make_recipe(name), events(1, 6), "paused") == []
    assert first in files_with_it(run.path), "else nothing is looked for"
    run.close()
    assert {path.name for path in place.iterdir()} <= {"vault.json", "list", "files", ".lock", ".carry.lock"}
    assert files_with_it(tmp_path) == files_with_it(private_home) == []
    again = RunFolder.open(place)
    assert train(again, make_recipe(name), events(5, 10), "finished") == []
    if name == "mlflow":
        with closing(sqlite3.connect(again.file("mlflow.db"))) as connection:
            rows = connection.execute("SELECT step FROM metrics WHERE key = 'train/loss' ORDER BY step").fetchall()
            runs = connection.execute("SELECT count(*) FROM runs").fetchone()
        assert [step for (step,) in rows] == list(range(1, 11)) and runs == (1,), "one series, not one a process"
    again.close()
    assert files_with_it(tmp_path) == files_with_it(private_home) == []
    assert not [path for path in Path("/dev/shm").glob(f"sintonia-{os.getuid()}-*/*/run") if path.is_dir()]
