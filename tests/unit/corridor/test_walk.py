"""A walk that goes on with a run: energy that nobody counted is unknown, and what cannot be read starts nothing."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from sintonia.corridor import walk as walks
from sintonia.corridor.walk import Walk, walking
from sintonia.errors import UsageError
from sintonia.records import Energy, Resources
from sintonia.resources.energy import EnergyGauge, open_gauge
from sintonia.resources.meter import Watch
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

OLD = Resources(basis="measured", seconds=7200.0, peak_memory_bytes=10**9, stages={"train": 7200.0})
"""As it was written before energy was counted."""
COUNTED = Energy(kwh=1.0, low=0.5, high=2.0, method="by hand")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="x")))


def spend(run: RunFolder) -> tuple[Resources, Resources]:
    """What is spent after some work of a walk, and of the next walk that does nothing."""
    with walking(run, lambda _: None) as walk, walk.stage("train", ""):
        sum(one * one for one in range(3_000_000))
    with walking(run, lambda _: None) as again:
        walk_spent = run.read("cache/spent.json", Resources)
        assert walk_spent is not None
        return walk_spent, again.spent()


def test_a_run_from_before_energy_was_counted_does_not_pass_a_part_for_the_whole(run: RunFolder) -> None:
    (Path(os.environ["SINTONIA_HOME"]) / "prices.toml").write_text("kwh = 1000.0\n")
    run.write("cache/spent.json", OLD)
    for spent in spend(run):
        assert spent.seconds > 7200.0 and spent.energy is None and spent.money is None
        assert spent.why_no_energy == "the run was begun before it was counted"


def test_a_run_that_was_counted_from_its_beginning_adds_up(run: RunFolder) -> None:
    first, _ = spend(run)
    assert first.energy is not None and first.energy.kwh > 0 and first.why_no_energy == ""
    run.write("cache/spent.json", dataclasses.replace(OLD, energy=COUNTED))
    for spent in spend(run):
        assert spent.energy is not None and 1.0 < spent.energy.kwh < 1.1


def test_prices_that_cannot_be_read_start_nothing(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[EnergyGauge] = []
    monkeypatch.setattr(EnergyGauge, "start", lambda gauge: started.append(gauge))  # noqa: PLW0108 - bound by it
    (Path(os.environ["SINTONIA_HOME"]) / "prices.toml").write_text("kwh = -3\n")
    with pytest.raises(UsageError, match="`kwh` is -3"), walking(run, lambda _: None):
        pytest.fail("walked")
    assert started == []
    (Path(os.environ["SINTONIA_HOME"]) / "prices.toml").write_text("kwh = 3\n")
    with walking(run, lambda _: None):
        assert len(started) == 1


def test_what_a_stretch_used_is_told_apart_from_what_was_before(run: RunFolder, tmp_path: Path) -> None:
    walk = Walk(run, lambda _: None, Watch(open_gauge(tmp_path, may_track=False)))
    sum(one * one for one in range(3_000_000))
    mark = walk.energy_mark()
    assert mark[0] is not None and mark[0].kwh > 0 and walk.busy_cores > 0
    sum(one * one for one in range(6_000_000))
    stretch = walk.stretch_since(mark)
    assert stretch is not None and stretch.seconds > 0
    assert stretch.energy.kwh == pytest.approx(walk.energy_mark()[0].kwh - mark[0].kwh, rel=0.2)  # type: ignore[union-attr]
    assert walks.Walk(run, lambda _: None).stretch_since((None, 0.0)) is None  # nobody watched
