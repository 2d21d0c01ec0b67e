"""Energy comes with how it was found and a range; what cannot be read is not invented."""

from __future__ import annotations

import os
import sys
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from sintonia.records import Energy
from sintonia.resources.energy import EnergyGauge, add_energies, energy_since, open_gauge, scaled_energy
from sintonia.resources.energy.codecarbon import CodeCarbon, find_codecarbon
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
    parts = {"cpu": 0.0015, "ram": 0.0005, "gpu": 7.0}  # other people compute on the GPUs
    energies = {f"_total_{name}_energy": SimpleNamespace(kWh=kwh) for name, kwh in parts.items()}
    tracker = SimpleNamespace(**energies, _total_energy=SimpleNamespace(kWh=7.002), stop=lambda: None)
    gauge = EnergyGauge(find_zones(tmp_path), CodeCarbon(tracker), None)
    gauge.look((1,), 10.0, 1.0)
    energy = gauge.energy()
    assert energy is not None and energy.kwh == pytest.approx(0.002)
    assert (energy.low, energy.high) == (pytest.approx(0.001), pytest.approx(0.004))
    assert energy.method.startswith("estimated: CodeCarbon's offline tracker")
    gauge.stop()
    assert CodeCarbon(object()).joules == 0.0  # another version of it: nothing is made up


class Tracker:
    """Reads settings as CodeCarbon does: what it is not given it takes from a file of the folder and from variables."""

    made: ClassVar[list[Tracker]] = []

    def __init__(self, **given: Any) -> None:
        self.given, self.is_started = given, False
        self._external_conf = self.found()
        names = ("save_to_api", "emissions_endpoint", "pue", "gpu_ids", "a_sink_of_tomorrow")
        self.settings = {name: given.get(name, self._external_conf.get(name)) for name in names}
        Tracker.made.append(self)

    @staticmethod
    def found() -> dict[str, str]:
        file = ConfigParser()
        file.read(".codecarbon.config")
        variables = {name.lower(): value for name, value in os.environ.items()}
        prefix = "codecarbon_"
        return dict(file["codecarbon"]) | {
            name.removeprefix(prefix): value for name, value in variables.items() if name.startswith(prefix)
        }

    def start(self) -> None:
        self.is_started = True

    def stop(self) -> None:
        self.is_started = False


@pytest.fixture
def trackers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Tracker]:
    """The trackers that are made, on a machine whose user lets CodeCarbon send what it counts."""
    planted = "[codecarbon]\nsave_to_api = true\nemissions_endpoint = http://collector\na_sink_of_tomorrow = on\n"
    (tmp_path / ".codecarbon.config").write_text(planted)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODECARBON_PUE", "9")
    monkeypatch.setenv("CODECARBON_GPU_IDS", "0,1")
    Tracker.made.clear()
    module = SimpleNamespace(OfflineEmissionsTracker=Tracker)  # there is no online tracker to be had
    monkeypatch.setitem(sys.modules, "codecarbon", module)  # type: ignore[arg-type]
    monkeypatch.setattr("sintonia.resources.energy.codecarbon.is_installed", lambda: True)
    return Tracker.made


def test_codecarbon_works_only_where_no_counter_is_and_from_start_on(tmp_path: Path, trackers: list[Tracker]) -> None:
    gauge = open_gauge(tmp_path)
    assert len(trackers) == 1 and not trackers[0].is_started
    gauge.start()
    assert trackers[0].is_started
    gauge.stop()
    assert not trackers[0].is_started
    open_gauge(tmp_path, may_track=False).start()
    plant(tmp_path, "intel-rapl:0", "package-0", 0)
    open_gauge(tmp_path).start()
    assert len(trackers) == 1


def test_what_a_person_lets_codecarbon_send_elsewhere_is_not_sent_here(tmp_path: Path, trackers: list[Tracker]) -> None:
    asked = Tracker(tracking_mode="process").settings  # as it is without care
    assert asked["emissions_endpoint"] == "http://collector" and asked["a_sink_of_tomorrow"] == "on"
    assert (asked["save_to_api"], asked["pue"], asked["gpu_ids"]) == ("true", "9", "0,1")
    open_gauge(tmp_path)
    assert trackers[1].settings == {
        "save_to_api": False,
        "emissions_endpoint": None,
        "pue": 1.0,
        "gpu_ids": [],
        "a_sink_of_tomorrow": None,
    }
    sinks = ("save_to_file", "save_to_api", "save_to_logger", "save_to_prometheus", "save_to_logfire")
    given = trackers[1].given
    assert all(given[name] is False for name in sinks) and given["output_handlers"] == []
    assert given["force_cpu_power"] is None and given["force_ram_power"] is None
    assert given["tracking_mode"] == "process" and given["electricitymaps_api_token"] is None


@pytest.mark.skipif(find_spec("codecarbon") is None, reason="CodeCarbon is not installed")
def test_the_real_codecarbon_knows_no_place_to_send_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = "[codecarbon]\nsave_to_api = true\nemissions_endpoint = http://collector\npue = 9\n"
    (tmp_path / ".codecarbon.config").write_text(planted)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODECARBON_SAVE_TO_PROMETHEUS", "true")
    monkeypatch.setenv("CODECARBON_OUTPUT_METHODS", "api,logfire")
    found = find_codecarbon()
    assert found is not None
    settings, tracker = found._tracker._conf, found._tracker
    assert tracker._output_handlers == [] and settings["emissions_endpoint"] is None and settings["pue"] == 1.0
    assert not settings["save_to_api"] and not settings["save_to_prometheus"] and not settings.get("output_methods")


def test_with_codecarbon_gpus_of_the_run_are_counted_by_their_own_counters(tmp_path: Path) -> None:
    library = Library()
    parts = {f"_total_{name}_energy": SimpleNamespace(kWh=0.001) for name in ("cpu", "ram", "gpu")}
    gauge = EnergyGauge(find_zones(tmp_path), CodeCarbon(SimpleNamespace(**parts)), library)
    gauge.look({7}, 1.0, 10.0)
    library.millijoules = [50_000, 9_000 + 3_600_000]
    gauge.look({7}, 2.0, 13.0)
    energy = gauge.energy()
    assert gauge.gpu_seconds == 3.0 and energy is not None and energy.kwh == pytest.approx(0.002 + 0.001)
    assert "CodeCarbon" in energy.method and "NVML" in energy.method


def test_energies_of_two_stretches_add_up_and_each_method_is_named_once() -> None:
    first = Energy(kwh=1.0, low=0.5, high=2.0, method="a")
    both = add_energies(first, None, Energy(kwh=2.0, low=1.0, high=3.0, method="b + a"))
    assert both == Energy(kwh=3.0, low=1.5, high=5.0, method="a + b")
    assert add_energies(None, None) is None
    scaled = scaled_energy(first, (2.0, 3.0, 4.0))
    assert (scaled.kwh, scaled.low, scaled.high) == (3.0, 1.0, 8.0)
    assert scaled.method == "if it goes on as in real steps: a"
    assert scaled_energy(scaled, (1.0, 1.0, 1.0)).method == scaled.method


def test_what_came_between_two_readings_is_known_only_where_both_were_found_alike() -> None:
    before, now = Energy(kwh=1.0, low=0.5, high=2.0, method="a"), Energy(kwh=4.0, low=1.5, high=9.0, method="a")
    assert energy_since(before, now) == Energy(kwh=3.0, low=1.0, high=7.0, method="a")
    assert energy_since(None, now) is None and energy_since(now, now) is None
    assert energy_since(before, Energy(kwh=4.0, low=1.5, high=9.0, method="b")) is None


def test_no_zones_is_no_counter() -> None:
    assert RaplCounter(Zones()).joules == 0.0
