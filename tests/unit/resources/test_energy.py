"""Energy comes with how it was found and a range; what cannot be read is not invented."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sintonia.records import Energy
from sintonia.resources.energy import EnergyGauge, add_energies, open_gauge, scaled_energy
from sintonia.resources.energy.codecarbon import CodeCarbon
from sintonia.resources.energy.gauge import WATTS_OF_CORE
from sintonia.resources.energy.nvml import GpuCounter
from sintonia.resources.energy.rapl import FOLDER, RaplCounter, Zones, find_zones

RANGE = 262_143_328_850
JOULES = 3.6e6


def plant(root: Path, zone: str, name: str, microjoules: int | str, most: int = RANGE) -> Path:
    """A counter of the processor as the kernel shows it."""
    folder = root / FOLDER / zone
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in (("name", name), ("energy_uj", str(microjoules)), ("max_energy_range_uj", str(most))):
        (folder / file).write_text(f"{text}\n")
    return folder / "energy_uj"


def test_a_counter_that_starts_again_from_0_is_added_up_rightly(tmp_path: Path) -> None:
    file = plant(tmp_path, "intel-rapl:0", "package-0", RANGE - 3_000_000)
    counter = RaplCounter(find_zones(tmp_path))
    for microjoules, joules in ((RANGE - 1_000_000, 2.0), (4_000_000, 7.0), (5_000_000, 8.0), (1_000_000, None)):
        file.write_text(str(microjoules))
        counter.look()
        assert joules is None or counter.joules == pytest.approx(joules)
    assert counter.joules == pytest.approx(8.0 + (RANGE - 4_000_000) * 1e-6)  # it started again a second time


def test_processors_and_their_memory_are_counted_once(tmp_path: Path) -> None:
    files = [plant(tmp_path, f"intel-rapl:{k}", f"package-{k}", 0) for k in range(2)]
    files += [plant(tmp_path, "intel-rapl:0:1", "dram", 0), plant(tmp_path, "intel-rapl:0:0", "core", 0)]
    zones = find_zones(tmp_path)
    assert {zone.name for zone in zones.zones} == {"package-0", "package-1", "dram"}
    assert "processor and memory" in zones.counted and "without disks" in zones.counted
    counter = RaplCounter(zones)
    for file in files:
        file.write_text("2000000")
    counter.look()
    assert counter.joules == pytest.approx(6.0)
    plant(tmp_path, "intel-rapl:1", "psys", 0)
    assert [zone.name for zone in find_zones(tmp_path).zones] == ["psys"]


def test_what_may_not_be_read_or_is_not_there_is_said(tmp_path: Path) -> None:
    assert "shows no counter" in find_zones(tmp_path).why_none
    plant(tmp_path, "intel-rapl:0", "package-0", 5)
    plant(tmp_path, "intel-rapl:1", "package-1", "").write_text("")  # as if it were refused: nothing is read
    found = find_zones(tmp_path)
    assert found.zones == () and "administrator only" in found.why_none


def gauge_of(root: Path) -> EnergyGauge:
    return EnergyGauge(find_zones(root), None, None)


def test_a_counter_gives_a_measured_figure_and_only_a_share_of_it_is_sure(tmp_path: Path) -> None:
    file = plant(tmp_path, "intel-rapl:0", "package-0", 0)
    gauge = gauge_of(tmp_path)
    file.write_text("36000000000")
    gauge.look((1,), 20.0, 1.0, share=0.5)
    energy = gauge.energy()
    assert energy is not None and energy.kwh == pytest.approx(0.01)
    assert (energy.low, energy.high) == (pytest.approx(0.00475), pytest.approx(0.0105))
    assert energy.method.startswith("measured: the counter of the processor alone, without memory")


def test_a_counter_that_stands_still_is_not_believed(tmp_path: Path) -> None:
    plant(tmp_path, "intel-rapl:0", "package-0", 7)
    gauge = gauge_of(tmp_path)
    gauge.look((1,), 100.0, 1.0)
    energy = gauge.energy()
    assert energy is not None and energy.method.startswith("estimated") and "stands still" in energy.method


def test_without_a_counter_it_is_the_time_of_the_cores_with_a_wide_range(tmp_path: Path) -> None:
    gauge = gauge_of(tmp_path)
    assert gauge.energy() is None and gauge.why_none
    gauge.look((1,), 7200.0, 1.0)
    energy = gauge.energy()
    low, usual, high = WATTS_OF_CORE
    assert energy is not None and gauge.why_none == ""
    assert [energy.low, energy.kwh, energy.high] == pytest.approx([2 * one / 1000 for one in (low, usual, high)])
    assert "processor alone, not the machine" in energy.method and energy.high / energy.low > 5


class NvmlError(Exception):
    """As the library raises it."""


class Library:
    """Two GPUs; process 7 computes on the second."""

    NVMLError = NvmlError

    def __init__(self) -> None:
        self.millijoules, self.holders = [5000, 9000], {0: (3,), 1: (7,)}

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, place: int) -> int:
        return place

    def nvmlDeviceGetTotalEnergyConsumption(self, place: int) -> int:
        return self.millijoules[place]

    def nvmlDeviceGetComputeRunningProcesses(self, place: int) -> list[Any]:
        return [SimpleNamespace(pid=one) for one in self.holders[place]]


def test_only_gpus_that_the_run_computes_on_are_counted() -> None:
    library = Library()
    counter = GpuCounter(library)
    counter.look({7}, 10.0)
    library.millijoules = [50_000, 12_000]
    counter.look({7}, 12.0)
    assert (counter.joules, counter.seconds) == (3.0, 2.0)
    library.holders[1] = ()
    library.millijoules[1] = 13_000
    counter.look({7}, 13.0)  # it was held until somewhere before this look
    library.millijoules[1] = 99_000
    counter.look({7}, 99.0)
    assert (counter.joules, counter.seconds) == (4.0, 3.0)
    assert GpuCounter(None).joules == 0.0


def test_a_gpu_that_cannot_be_read_counts_nothing() -> None:
    library = Library()

    def refuse(_place: int) -> int:
        raise NvmlError

    library.nvmlDeviceGetTotalEnergyConsumption = refuse  # type: ignore[method-assign]
    counter = GpuCounter(library)
    counter.look({7}, 1.0)
    counter.look({7}, 2.0)
    assert counter.joules == 0.0


def test_codecarbon_says_that_it_is_an_estimate(tmp_path: Path) -> None:
    tracker = SimpleNamespace(_total_energy=SimpleNamespace(kWh=0.002), stop=lambda: None)
    gauge = EnergyGauge(find_zones(tmp_path), CodeCarbon(tracker), None)
    gauge.look((1,), 10.0, 1.0)
    energy = gauge.energy()
    assert energy is not None and energy.kwh == pytest.approx(0.002)
    assert (energy.low, energy.high) == (pytest.approx(0.001), pytest.approx(0.004))
    assert energy.method.startswith("estimated: CodeCarbon's offline tracker")
    gauge.stop()
    assert CodeCarbon(object()).joules == 0.0  # another version of it: nothing is made up


def test_codecarbon_is_asked_offline_and_only_where_no_counter_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    class Tracker:
        def __init__(self, **settings: Any) -> None:
            asked.append(settings)

        def start(self) -> None:
            pass

        def stop(self) -> None:
            pass

    module = SimpleNamespace(OfflineEmissionsTracker=Tracker)  # there is no online tracker to be had
    monkeypatch.setitem(sys.modules, "codecarbon", module)  # type: ignore[arg-type]
    monkeypatch.setattr("sintonia.resources.energy.codecarbon.is_installed", lambda: True)
    open_gauge(tmp_path).stop()
    assert asked and asked[0]["save_to_file"] is False and asked[0]["tracking_mode"] == "process"
    plant(tmp_path, "intel-rapl:0", "package-0", 0)
    open_gauge(tmp_path).stop()
    assert len(asked) == 1


def test_energies_of_two_stretches_add_up_and_each_method_is_named_once() -> None:
    first = Energy(kwh=1.0, low=0.5, high=2.0, method="a")
    both = add_energies(first, None, Energy(kwh=2.0, low=1.0, high=3.0, method="b + a"))
    assert both == Energy(kwh=3.0, low=1.5, high=5.0, method="a + b")
    assert add_energies(None, None) is None
    scaled = scaled_energy(first, (2.0, 3.0, 4.0))
    assert scaled is not None and (scaled.kwh, scaled.low, scaled.high) == (3.0, 1.0, 8.0)
    assert scaled.method == "if it goes on as so far: a" and scaled_energy(None, (1.0, 1.0, 1.0)) is None
    again = scaled_energy(scaled, (1.0, 1.0, 1.0))
    assert again is not None and again.method == scaled.method


def test_no_zones_is_no_counter() -> None:
    assert RaplCounter(Zones()).joules == 0.0
