"""What was spent: seconds by stage, the peak memory of this process and of those it started, and energy.

A thread looks now and then; it costs a fraction of a millisecond a second and changes nothing.
"""

from __future__ import annotations

import resource
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sintonia.records import Energy
from sintonia.resources.energy import EnergyGauge
from sintonia.resources.processes import Load, busy_seconds, load_of

LOOK_SECONDS = 1.0
"""Between two looks of the thread: what is held for less may be missed, in children; in this process it is not."""


def peak_memory_bytes() -> int:
    """The most memory this process ever held, in bytes."""
    # What Linux counts as resource usage begins with the size of the process that started this one.
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if sys.platform == "linux" else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def disk_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; a file with two names counts once."""
    sizes: dict[tuple[int, int], int] = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                sizes[(status.st_dev, status.st_ino)] = status.st_size
    return sum(sizes.values())


class Meter:
    """Adds up the seconds of named stages."""

    def __init__(self, before: dict[str, float] | None = None) -> None:
        self.stages: dict[str, float] = dict(before or {})

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside the block as time of that stage."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.monotonic() - began

    @property
    def seconds(self) -> float:
        """All seconds so far."""
        return sum(self.stages.values())


class Watch:
    """Looks at this process and those it started, from `start` to `stop`."""

    def __init__(self, gauge: EnergyGauge, proc: Path = Path("/proc")) -> None:
        self._gauge, self._proc = gauge, proc
        self._first, self._busy = load_of(root=proc), busy_seconds(proc)
        self._peak_bytes, self._core_seconds = self._first.memory_bytes, 0.0
        self._ends, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sintonia-meter", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self.look()
        self._gauge.start()
        self._thread.start()

    def stop(self) -> None:
        """Looks once more, and ends the thread."""
        self._ends.set()
        self._thread.join(timeout=2 * LOOK_SECONDS)
        self.look()
        self._gauge.stop()

    def look(self) -> None:
        """Reads everything once."""
        with self._lock:
            load = load_of(root=self._proc)
            self._peak_bytes = max(self._peak_bytes, load.memory_bytes)
            self._core_seconds = max(0.0, load.core_seconds - self._first.core_seconds)
            self._gauge.look(load.processes, self._core_seconds, time.monotonic(), share=self._share(load))

    @property
    def peak_memory_bytes(self) -> int:
        """The most that they held together, as far as it was seen, and never less than this process alone."""
        return max(self._peak_bytes, peak_memory_bytes())

    @property
    def core_seconds(self) -> float:
        """What they computed since this was made, at the last look: seconds of each core, added up."""
        return self._core_seconds

    @property
    def gpu_seconds(self) -> float:
        """Seconds of each GPU while they computed on it, added up."""
        return self._gauge.gpu_seconds

    def energy(self) -> tuple[Energy | None, str]:
        """So far; or None, and why."""
        self.look()
        return self._gauge.energy(), self._gauge.why_none

    def _share(self, load: Load) -> float:
        """How much of what the machine computed since the beginning was theirs; all of it where nobody knows."""
        now = busy_seconds(self._proc)
        if now is None or self._busy is None or now <= self._busy:
            return 1.0
        return min(1.0, max(0.0, load.core_seconds - self._first.core_seconds) / (now - self._busy))

    def _run(self) -> None:
        while not self._ends.wait(LOOK_SECONDS):
            with suppress(Exception):  # an observer that fails must not end a run
                self.look()
