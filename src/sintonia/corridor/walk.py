"""One walk through the corridor: who listens, what the clock and the meter say, and the bill at the end.

The pipeline's notebook. It knows no phase and decides nothing.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sintonia.files import utc_now, write_lines
from sintonia.records import Energy, Event, Finding, Resources, Turn
from sintonia.resources.energy import Stretch, add_energies, energy_since, open_gauge
from sintonia.resources.meter import Meter, Watch, disk_bytes, peak_memory_bytes
from sintonia.resources.price import money_of, read_prices
from sintonia.runs import ENDED, RunFolder
from sintonia.tasks.chat import NATS_PER_BYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a door may show: the stage, a line of text, and in training the event behind it."""

    stage: str
    message: str
    event: Event | None = None
    whole_seconds_left: float | None = None
    """Of the whole run, once enough real steps were made to tell."""


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
_PROMISES = {"estimated": "estimate", "refined": "refined"}
_BEFORE_COUNTED = "the run was begun before it was counted"
_LOG = logging.getLogger("sintonia")
Listener = Callable[[Progress], None]
Ask = Callable[[str], bool]
"""Asks a person whether to go on, in one sentence."""


def finished_turns(run: RunFolder) -> tuple[Turn, ...]:
    """The turns of a run that have ended, oldest first."""
    found = [run.read(f"turns/{path.name}/turn.json", Turn) for path in sorted(run.path.glob("turns/*"))]
    return tuple(turn for turn in found if turn is not None)


@contextmanager
def walking(run: RunFolder, listener: Listener) -> Iterator[Walk]:
    """A walk whose processes are watched: their memory and their energy.

    Raises:
        UsageError: the prices of the person who runs it cannot be read; nothing was started then.
    """
    walk = Walk(run, listener, Watch(open_gauge()))
    walk.start()
    run.file(ENDED).unlink(missing_ok=True)
    try:
        yield walk
    finally:
        walk.stop()
        if run.file("recipe.yaml").exists():  # a refused run leaves no folder
            run.write(ENDED, {"time": utc_now()})


class Walk:
    """A run, its listener and its clock; the clock goes on where an interrupted walk stopped.

    Without a `watch` there is no energy, and the memory is that of this process.
    """

    def __init__(self, run: RunFolder, listener: Listener, watch: Watch | None = None) -> None:
        self.run, self.listener, self._watch = run, listener, watch
        self.prices = read_prices(run.recipe().prices)
        before = run.read("cache/spent.json", Resources)
        self._meter = Meter(before.stages if before else None)
        self._before = before
        self._began = time.monotonic()

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of each stage so far, of all walks; one that goes on is in it when it ends."""
        return dict(self._meter.stages)

    @property
    def seconds(self) -> float:
        """Seconds spent on this run, by all walks."""
        return (self._before.seconds if self._before else 0.0) + time.monotonic() - self._began

    def start(self) -> None:
        """Begins to watch."""
        if self._watch:
            self._watch.start()

    def stop(self) -> None:
        """Ends the watching."""
        if self._watch:
            self._watch.stop()

    def tell(self, stage: str, message: str, event: Event | None = None, left: float | None = None) -> None:
        """Says something to the listener, and to the log; `left` are the seconds to the end of the run."""
        if event is None:
            _LOG.info("%s: %s", stage, message)
        self.listener(Progress(stage=stage, message=message, event=event, whole_seconds_left=left))

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
        before, watch = self._before, self._watch
        energy, why_none = self._energy()
        gpu_seconds = (before.gpu_seconds if before else 0.0) + (watch.gpu_seconds if watch else 0.0)
        peak = watch.peak_memory_bytes if watch else peak_memory_bytes()
        return Resources(
            basis="measured",
            seconds=self.seconds,
            disk_bytes=disk_bytes(self.run.path),
            peak_memory_bytes=max(before.peak_memory_bytes if before else 0, peak),
            stages=dict(self._meter.stages),
            energy=energy,
            why_no_energy="" if energy else why_none,
            money=None if self._is_uncounted else money_of(self.prices, energy, gpu_seconds / 3600),
            gpu_seconds=gpu_seconds,
        )

    def energy_mark(self) -> tuple[Energy | None, float]:
        """What this walk has used until now, and when that is, for `stretch_since`."""
        return (self._watch.energy()[0] if self._watch else None), time.monotonic()

    def stretch_since(self, mark: tuple[Energy | None, float]) -> Stretch | None:
        """What was used since a mark of this walk; None where that is not known."""
        (before, then), (now, moment) = mark, self.energy_mark()
        energy = energy_since(before, now)
        return Stretch(energy=energy, seconds=moment - then) if energy and moment > then else None

    @property
    def busy_cores(self) -> float:
        """How many cores this walk kept busy on average; 0 where nobody watched."""
        passed = time.monotonic() - self._began
        return self._watch.core_seconds / passed if self._watch and passed > 0 else 0.0

    @property
    def _is_uncounted(self) -> bool:
        """Whether walks before this one worked and their energy is not known."""
        return bool(self._before and self._before.seconds > 0 and self._before.energy is None)

    def _energy(self) -> tuple[Energy | None, str]:
        """Of all walks; or None, and why."""
        before = self._before
        if before and self._is_uncounted:
            return None, before.why_no_energy or _BEFORE_COUNTED
        now, why_none = self._watch.energy() if self._watch else (None, "nobody watched")
        return add_energies(before.energy if before else None, now), why_none

    def write_findings(self, findings: tuple[Finding, ...]) -> None:
        """`findings.jsonl` of the run."""
        write_lines(self.run.file("findings.jsonl"), list(findings))

    def write_bill(self) -> None:
        """`resources.json`: the promise, the promise made again in training, and the bill."""
        promised = {name: self.run.read(f"cache/{file}.json", Resources) for name, file in _PROMISES.items()}
        self.run.write("resources.json", {**promised, "measured": self.spent()})
