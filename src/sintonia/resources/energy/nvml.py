"""The counters of NVIDIA GPUs (NVML), of those alone that this run computes on. It changes no setting of a GPU."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any


def load_library() -> Any | None:
    """The NVML library, ready to be asked; None where there is none, or no GPU."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


class GpuCounter:
    """Adds up the energy of the GPUs while processes of the run hold them."""

    def __init__(self, library: Any | None) -> None:
        self._library = library
        self._devices = self._find() if library else []
        self._last: dict[int, tuple[float, float]] = {}
        """Of GPUs that were held at the last look: joules of their counter, and when."""
        self.joules = self.seconds = 0.0
        """Since this was made; seconds of each GPU that was held."""

    def look(self, processes: Collection[int], now: float) -> None:
        """Adds what passed since the last look, of each GPU that was held then. `now` is of a monotonic clock."""
        held: dict[int, tuple[float, float]] = {}
        for place, device in enumerate(self._devices):
            with suppress(self._library.NVMLError):  # type: ignore[union-attr]
                joules = self._library.nvmlDeviceGetTotalEnergyConsumption(device) / 1000.0  # type: ignore[union-attr]
                running = self._library.nvmlDeviceGetComputeRunningProcesses(device)  # type: ignore[union-attr]
                if place in self._last:
                    before, then = self._last[place]
                    self.joules += max(0.0, joules - before)
                    self.seconds += now - then
                if any(one.pid in processes for one in running):
                    held[place] = (joules, now)
        self._last = held

    def _find(self) -> list[Any]:
        library: Any = self._library
        found = []
        with suppress(library.NVMLError):
            found = [library.nvmlDeviceGetHandleByIndex(place) for place in range(library.nvmlDeviceGetCount())]
        return found
