"""What was spent: seconds by stage on a monotonic clock, and the peak memory of this process."""

from __future__ import annotations

import resource
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
