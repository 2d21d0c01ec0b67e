"""The counters of the processor (RAPL) as the Linux kernel shows them. It starts no process and guesses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = "sys/class/powercap"
_MICROJOULES = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One counter: its folder, its name (`package-0`, `dram`, `psys`) and where it starts again from 0."""

    folder: Path
    name: str
    range_microjoules: int

    def read(self) -> int | None:
        """Microjoules since it last started from 0; None where it may not be read."""
        return _number(self.folder / "energy_uj")


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """The counters of a machine that count nothing twice, or why there are none."""

    zones: tuple[Zone, ...] = ()
    why_none: str = ""

    @property
    def counted(self) -> str:
        """What they count, in words."""
        names = {zone.name.partition("-")[0] for zone in self.zones}
        if names == {"psys"}:
            return "the counter of the platform (RAPL psys): without screen and losses of the power supply"
        parts = "processor and memory" if "dram" in names else "processor alone, without memory"
        return f"the counter of the {parts} (RAPL), other programs included: without disks, fans and power supply"


def find_zones(root: Path = Path("/")) -> Zones:
    """The counters below `root`: the platform's where there is one, else of each processor and of its memory."""
    folders = sorted((root / FOLDER).glob("intel-rapl:*")) if (root / FOLDER).is_dir() else []
    if not folders:
        return Zones(why_none="this machine shows no counter of its processor")
    found = [zone for folder in folders if (zone := _zone(folder)) is not None]
    whole = [zone for zone in found if zone.name.startswith("psys")]
    parts = [zone for zone in found if zone.name.startswith(("package", "dram"))]
    chosen = tuple(zone for zone in whole or parts if zone.read() is not None)
    if len(chosen) < len(whole or parts) or not chosen:  # a part of the processors would be passed for all of them
        return Zones(why_none="the counter of the processor may be read by the administrator only")
    return Zones(zones=chosen)


class RaplCounter:
    """Adds up what the counters say, which start again from 0 every few minutes or hours."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones.zones
        self._last = [zone.read() for zone in self._zones]
        self._joules = 0.0

    def look(self) -> None:
        """Reads them; between two readings each may start again once."""
        for place, zone in enumerate(self._zones):
            now, before = zone.read(), self._last[place]
            if now is not None and before is not None:
                passed = now - before if now >= before else now - before + zone.range_microjoules
                self._joules += max(0, passed) * _MICROJOULES
            self._last[place] = before if now is None else now

    @property
    def joules(self) -> float:
        """Since this was made."""
        return self._joules


def _zone(folder: Path) -> Zone | None:
    try:
        name = (folder / "name").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Zone(folder=folder, name=name, range_microjoules=_number(folder / "max_energy_range_uj") or 0)


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdigit() else None
