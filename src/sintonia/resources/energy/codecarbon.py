"""CodeCarbon's offline tracker, where it is installed: the energy of processor and memory alone. It asks nobody.

Its settings are those given here and no others: files and variables that a person keeps for it may say that it sends
what it counts, and are not read.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from contextlib import suppress
from typing import Any

_SECONDS = 5
"""Between two of its own looks at the processor."""
_JOULES = 3.6e6
"""Of a kWh."""
_SETTINGS: dict[str, Any] = {
    "country_iso_code": "ITA",  # it asks for one to count emissions, which are not read here
    "tracking_mode": "process",
    "measure_power_secs": _SECONDS,
    "log_level": "critical",
    "allow_multiple_runs": True,
    "save_to_file": False,
    "save_to_api": False,
    "save_to_logger": False,
    "save_to_prometheus": False,
    "save_to_logfire": False,
    "output_handlers": [],
    "emissions_endpoint": None,
    "api_call_interval": -1,
    "electricitymaps_api_token": None,
    "gpu_ids": [],  # GPUs that the run computes on are counted by their own counters
    "force_cpu_power": None,
    "force_ram_power": None,
    "force_mode_cpu_load": False,
    "pue": 1.0,
}


def is_installed() -> bool:
    """Whether there is such a package."""
    return importlib.util.find_spec("codecarbon") is not None


class CodeCarbon:
    """The tracker of this process and its children, which counts from `start` on."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    @property
    def joules(self) -> float:
        """Of processor and memory since it was started, as far as it has looked; 0 where it says nothing."""
        with suppress(AttributeError, TypeError, ValueError):
            parts = (self._tracker._total_cpu_energy, self._tracker._total_ram_energy)
            return sum(float(part.kWh) for part in parts) * _JOULES
        return 0.0

    def start(self) -> None:
        """Begins its thread."""
        with suppress(Exception):  # whatever it cannot do on this machine, the run goes on
            self._tracker.start()

    def look(self) -> None:
        """Lets it look now."""
        with suppress(Exception):  # an observer that fails must not end a run
            self._tracker._measure_power_and_energy()

    def stop(self) -> None:
        """Ends its thread."""
        with suppress(Exception):
            self._tracker.stop()


def find_codecarbon() -> CodeCarbon | None:
    """The offline tracker, not yet at work; None where it is not installed or cannot be made."""
    if not is_installed():
        return None
    with suppress(Exception):  # whatever it cannot do on this machine, the run goes on
        from codecarbon import OfflineEmissionsTracker

        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        with warnings.catch_warnings():  # newer versions have other names for what is switched off
            warnings.simplefilter("ignore", DeprecationWarning)
            return CodeCarbon(_without_settings_of_others(OfflineEmissionsTracker)(**_SETTINGS))
    return None


def _without_settings_of_others(tracker: type) -> type:
    """The same tracker with nothing from `~/.codecarbon.config`, the working folder and `CODECARBON_*` variables."""

    def read(_: Any) -> dict[str, str]:
        return {}

    def ignore(_: Any, __: dict[str, str]) -> None:
        """What it has read from them is dropped."""

    return type(tracker.__name__, (tracker,), {"_external_conf": property(read, ignore)})
