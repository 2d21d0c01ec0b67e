"""The promised energy: what was spent, and what is left as real steps used it, or from one core to all of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sintonia.corridor.billing.costs import with_costs
from sintonia.corridor.walk import Walk
from sintonia.records import Energy, Resources
from sintonia.resources.energy import Stretch
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

ESTIMATE = Resources(
    basis="estimated", seconds=110.0, low_seconds=60.0, high_seconds=210.0, peak_memory_bytes=1, stages={"train": 100.0}
)
ONE_CORE = Energy(kwh=0.1, low=0.05, high=0.2, method="a")
ALL_CORES = Energy(kwh=0.8, low=0.4, high=1.6, method="a")


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Ten seconds on one core are spent."""
    run = RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="x")))
    spent = Resources(basis="measured", seconds=10.0, peak_memory_bytes=1, energy=ONE_CORE)
    monkeypatch.setattr(Walk, "spent", lambda _: spent)
    monkeypatch.setattr(Walk, "busy_cores", property(lambda _: 1.0))
    return Walk(run, lambda _: None)


def test_what_is_left_is_promised_as_real_steps_used_it(walk: Walk) -> None:
    found = with_costs(walk, ESTIMATE, Stretch(energy=ALL_CORES, seconds=10.0)).energy
    assert found is not None and found.kwh == pytest.approx(0.1 + 10 * 0.8)  # and not 11 * 0.1, as on one core
    assert (found.low, found.high) == (pytest.approx(0.05 + 5 * 0.4), pytest.approx(0.2 + 20 * 1.6))
    assert found.method == "a + if it goes on as in real steps"


def test_without_steps_it_is_from_one_core_to_all(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    found = with_costs(walk, ESTIMATE, None).energy
    assert found is not None and found.low == pytest.approx(0.05 + 5 * 0.05)
    assert found.high == pytest.approx(0.2 + 20 * 0.2 * 8)
    assert "from one core to all 8 busy" in found.method
    monkeypatch.setattr(Walk, "busy_cores", property(lambda _: 4.0))
    busier = with_costs(walk, ESTIMATE, None).energy
    assert busier is not None and busier.low == pytest.approx(0.05 + 5 * 0.05 / 4)
    assert busier.high == pytest.approx(0.2 + 20 * 0.2 * 2)


def test_where_nothing_is_known_of_what_was_spent_nothing_is_promised(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank: Any = Resources(basis="measured", seconds=10.0, peak_memory_bytes=1, why_no_energy="nobody knows")
    monkeypatch.setattr(Walk, "spent", lambda _: blank)
    found = with_costs(walk, ESTIMATE, Stretch(energy=ALL_CORES, seconds=10.0))
    assert found.energy is None and found.why_no_energy == "nobody knows"
