"""CodeCarbon's offline tracker, where it is installed: its energy alone, not its emissions. It asks nobody outside."""

from __future__ import annotations

import importlib.util
import logging
from contextlib import suppress
from typing import Any

_SECONDS = 5
"""Between two of its own looks at the processor."""
_COUNTRY = "ITA"
"""It asks for one to count emissions, which are not read here."""


def is_installed() -> bool:
    """Whether there is such a package."""
    return importlib.util.find_spec("codecarbon") is not None


class CodeCarbon:
    """The tracker of this process and its children."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    @property
    def joules(self) -> float:
        """Since it was started, as far as it has looked."""
        with suppress(AttributeError, TypeError, ValueError):
            return float(self._tracker._total_energy.kWh) * 3.6e6
        return 0.0

    def look(self) -> None:
        """Lets it look now."""
        with suppress(Exception):  # an observer that fails must not end a run
            self._tracker._measure_power_and_energy()

    def stop(self) -> None:
        """Ends its thread."""
        with suppress(Exception):
            self._tracker.stop()


def start_codecarbon() -> CodeCarbon | None:
    """The offline tracker at work; None where it is not installed or does not start."""
    if not is_installed():
        return None
    with suppress(Exception):  # whatever it cannot do on this machine, the run goes on
        from codecarbon import OfflineEmissionsTracker

        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        tracker = OfflineEmissionsTracker(
            country_iso_code=_COUNTRY,
            save_to_file=False,
            tracking_mode="process",
            measure_power_secs=_SECONDS,
            log_level="critical",
            allow_multiple_runs=True,
        )
        tracker.start()
        return CodeCarbon(tracker)
    return None
