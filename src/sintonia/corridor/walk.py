"""One walk through the corridor: who listens, what the clock says, and the bill at the end.

The pipeline's notebook. It knows no phase and decides nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sintonia.files import write_lines
from sintonia.records import Event, Finding, Resources, Turn
from sintonia.resources.meter import Meter, disk_bytes, peak_memory_bytes
from sintonia.runs import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a door may show: the stage, a line of text, and in training the event behind it."""

    stage: str
    message: str
    event: Event | None = None


_LOG = logging.getLogger("sintonia")
Listener = Callable[[Progress], None]


def finished_turns(run: RunFolder) -> tuple[Turn, ...]:
    """The turns of a run that have ended, oldest first."""
    found = [run.read(f"turns/{path.name}/turn.json", Turn) for path in sorted(run.path.glob("turns/*"))]
    return tuple(turn for turn in found if turn is not None)


class Walk:
    """A run, its listener and its clock; the clock goes on where an interrupted walk stopped."""

    def __init__(self, run: RunFolder, listener: Listener) -> None:
        self.run, self.listener = run, listener
        before = run.read("cache/spent.json", Resources)
        self._meter = Meter(before.stages if before else None)
        self._before = before
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds spent on this run, by all walks."""
        return (self._before.seconds if self._before else 0.0) + time.monotonic() - self._began

    def tell(self, stage: str, message: str, event: Event | None = None) -> None:
        """Says something to the listener, and to the log."""
        if event is None:
            _LOG.info("%s: %s", stage, message)
        self.listener(Progress(stage=stage, message=message, event=event))

    @contextmanager
    def stage(self, name: str, message: str) -> Iterator[None]:
        """Announces a stage and counts its time, also when it is interrupted."""
        self.tell(name, message)
        try:
            with self._meter.stage(name):
                yield
        finally:
            self.save()

    def save(self) -> None:
        """Keeps the bill so far, so that a kill loses little of it."""
        self.run.write("cache/spent.json", self.spent())

    def spent(self) -> Resources:
        """The measured bill so far."""
        disk = disk_bytes(self.run.path)
        peak = max(self._before.peak_memory_bytes if self._before else 0, peak_memory_bytes())
        return Resources(
            basis="measured",
            seconds=self.seconds,
            disk_bytes=disk,
            peak_memory_bytes=peak,
            stages=dict(self._meter.stages),
        )

    def write_findings(self, findings: tuple[Finding, ...]) -> None:
        """`findings.jsonl` of the run."""
        write_lines(self.run.file("findings.jsonl"), list(findings))

    def write_bill(self) -> None:
        """`resources.json`: the promise beside the bill."""
        estimated = self.run.read("cache/estimate.json", Resources)
        self.run.write("resources.json", {"estimated": estimated, "measured": self.spent()})
