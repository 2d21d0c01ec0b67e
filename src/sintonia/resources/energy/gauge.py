"""One gauge for the energy of a run, whatever it is read from; and energies added, and scaled for a promise."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.records import Energy
from sintonia.resources.energy.codecarbon import CodeCarbon, find_codecarbon
from sintonia.resources.energy.nvml import GpuCounter, load_library
from sintonia.resources.energy.rapl import RaplCounter, Zones, find_zones

_JOULES = 3.6e6
"""Of a kWh."""
_COUNTER_ERROR = 0.05
"""How far a counter may be off, of processors and of GPUs; set by hand."""
_TRACKER_RANGE = (0.5, 2.0)
"""How far CodeCarbon may be off without RAPL, where it goes by what a table says a processor takes; set by hand."""
AS_IN_STEPS = "if it goes on as in real steps: "
WATTS_OF_CORE = (1.5, 6.0, 15.0)
"""What a core at work takes, as the system counts cores (hardware threads): at least, usually, at most; set by hand. Of
servers at full load Cloud Carbon Footprint has 1.7 to 8.6 W a hardware thread, from SPECpower_ssj2008
(github.com/cloud-carbon-footprint/cloud-carbon-footprint, `MAX_WATTS_BY_COMPUTE_PROCESSOR`); a fast core of a desktop
computer takes more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What was counted in some seconds of the work that is promised."""

    energy: Energy
    seconds: float


class EnergyGauge:
    """Counts from when it was made. `start` is called once, `look` now and then, and once at the end."""

    def __init__(self, zones: Zones, tracker: CodeCarbon | None, library: Any | None) -> None:
        self._counter = RaplCounter(zones) if zones.zones else None
        self._zones, self._tracker, self._gpus = zones, tracker, GpuCounter(library)
        self._core_seconds = self._share = 0.0
        self._looks = 0

    def start(self) -> None:
        """Begins what has to be begun to read it."""
        if self._tracker:
            self._tracker.start()

    def look(self, processes: Collection[int], core_seconds: float, now: float, *, share: float = 1.0) -> None:
        """Reads everything. `core_seconds` is what the run's processes have computed; `share` is how much of all that
        the processor computed since the beginning was theirs; `now` is of a monotonic clock."""
        self._core_seconds, self._share = core_seconds, share
        self._looks += 1
        if self._counter:
            self._counter.look()
        self._gpus.look(processes, now)

    def stop(self) -> None:
        """Ends what was started to read it."""
        if self._tracker:
            self._tracker.look()
            self._tracker.stop()

    @property
    def gpu_seconds(self) -> float:
        """Seconds of each GPU while the run held it, added up."""
        return self._gpus.seconds

    @property
    def why_none(self) -> str:
        """Why there is no figure, where there is none."""
        return "" if self.energy() else "the system does not say how long the processor worked for this run"

    def energy(self) -> Energy | None:
        """So far; None where nothing can be known."""
        processor = self._of_counter() or self._of_tracker() or self._of_cores()
        return add_energies(processor, self._of_gpus())

    def _of_counter(self) -> Energy | None:
        if self._counter is None or self._counter.joules <= 0:  # in a virtual machine it may stand still
            return None
        kwh = self._counter.joules / _JOULES
        low = kwh * min(1.0, max(0.0, self._share)) * (1 - _COUNTER_ERROR)
        return Energy(kwh=kwh, low=low, high=kwh * (1 + _COUNTER_ERROR), method=f"measured: {self._zones.counted}")

    def _of_tracker(self) -> Energy | None:
        if self._tracker is None or self._tracker.joules <= 0:
            return None
        kwh, (low, high) = self._tracker.joules / _JOULES, _TRACKER_RANGE
        words = f"estimated: CodeCarbon's offline tracker, processor and memory by their usual power ({self._why()})"
        return Energy(kwh=kwh, low=kwh * low, high=kwh * high, method=words)

    def _of_cores(self) -> Energy | None:
        if not self._looks or self._core_seconds <= 0:
            return None
        low, usual, high = (watts * self._core_seconds / _JOULES for watts in WATTS_OF_CORE)
        watts = f"{WATTS_OF_CORE[0]:g} to {WATTS_OF_CORE[2]:g} W a core"
        words = f"estimated: time of the processor's cores at {watts} ({self._why()}): processor alone, not the machine"
        return Energy(kwh=usual, low=low, high=high, method=words)

    def _of_gpus(self) -> Energy | None:
        if self._gpus.joules <= 0:
            return None
        kwh = self._gpus.joules / _JOULES
        low, high = kwh * (1 - _COUNTER_ERROR), kwh * (1 + _COUNTER_ERROR)
        return Energy(kwh=kwh, low=low, high=high, method="measured: the counters of the GPUs it computed on (NVML)")

    def _why(self) -> str:
        return self._zones.why_none or "the counter of the processor stands still"


def open_gauge(root: Path = Path("/"), *, may_track: bool = True) -> EnergyGauge:
    """The best gauge of this machine, not yet started; `root` is where the counters of the kernel are looked for.

    Without `may_track` no tracker is used that looks too rarely for a few seconds.
    """
    zones = find_zones(root)
    tracker = find_codecarbon() if may_track and not zones.zones else None
    return EnergyGauge(zones, tracker, load_library())


def add_energies(*energies: Energy | None) -> Energy | None:
    """All together, with each method named once, also where it stands behind words on a promise; None of nothing."""
    known = [one for one in energies if one is not None]
    if not known:
        return None
    methods: list[str] = []
    for method in (method for one in known for method in one.method.split(" + ")):
        said = next((before for before in methods if method.endswith(f": {before}")), None)
        if method not in methods:
            methods.append(method.removesuffix(f": {said}") if said else method)
    return Energy(
        kwh=sum(one.kwh for one in known),
        low=sum(one.low for one in known),
        high=sum(one.high for one in known),
        method=" + ".join(methods),
    )


def energy_since(before: Energy | None, now: Energy | None) -> Energy | None:
    """What came between two readings of one gauge; None where there was none, or where it was found in another way."""
    if before is None or now is None or before.method != now.method or now.kwh <= before.kwh:
        return None
    kwh = now.kwh - before.kwh
    low, high = min(kwh, max(0.0, now.low - before.low)), max(kwh, now.high - before.high)
    return Energy(kwh=kwh, low=low, high=high, method=now.method)


def scaled_energy(energy: Energy, factors: tuple[float, float, float], words: str = AS_IN_STEPS) -> Energy:
    """So many times as much: at least, probably and at most; of a promise, with `words` on what it goes by."""
    low, middle, high = factors
    method = energy.method.removeprefix(words)
    return Energy(kwh=energy.kwh * middle, low=energy.low * low, high=energy.high * high, method=f"{words}{method}")
