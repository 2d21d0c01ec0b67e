"""One walk through the corridor: who listens, what the clock says, and the bill at the end.

The pipeline's notebook. It knows no phase and decides nothing.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sintonia.files import write_lines
from sintonia.records import Event, Finding, Resources, Turn
from sintonia.resources.meter import Meter, disk_bytes, peak_memory_bytes
from sintonia.runs import RunFolder
from sintonia.tasks.chat import NATS_PER_BYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a door may show: the stage, a line of text, and in training the event behind it."""

    stage: str
    message: str
    event: Event | None = None


def loss_of(event: Event) -> tuple[float | None, str]:
    """The loss of a step or a validation, and its unit, which is the same in both; no unit where there is but one.

    Of conversations it is bits per byte: the loop counts nats, a step's by token and a validation's by byte.

    >>> loss_of(Event(kind="step", step=1, seconds=1.0, values={"loss": 2.5, "bits_per_byte": 0.9}))
    (0.9, 'bits per byte')
    """
    values = event.values
    if event.kind == "step":
        return (values["bits_per_byte"], _BITS) if "bits_per_byte" in values else (values.get("loss"), "")
    if values.get("metric_name") == "bits_per_byte":
        return values.get("metric"), _BITS
    loss = values.get("validation_loss")
    return (loss / math.log(2), _BITS) if loss is not None and values.get("loss_unit") == NATS_PER_BYTE else (loss, "")


_BITS = "bits per byte"
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
        """Announces a stage, unless that was done in other words, and counts its time, also when it is interrupted."""
        if message:
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
