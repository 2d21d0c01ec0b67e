"""One tracker on a thread of its own, so that a slow or broken one costs the training nothing. It knows no tool."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from sintonia.corridor.trackers.tracker import Concluded, Tracker, numbers_of
from sintonia.records import Event

_PATIENCE_SECONDS = 20.0
"""How long the end of a training waits for a tracker."""
_MOST_WAITING = 10_000
"""Events that may wait for a slow tracker before it is let go."""
_LOG = logging.getLogger("sintonia")


class Follower:
    """Hands events on to one tracker: first those of the record, then those that it hears, none of them twice.

    `begin` opens the tracker and `record` reads what was recorded so far; both are called on the thread.
    """

    def __init__(self, name: str, begin: Callable[[], Tracker], record: Callable[[], list[Event]]) -> None:
        self.name = name
        self._begin = begin
        self._record = record
        self._waiting: queue.Queue[Event | Concluded | bool] = queue.Queue(_MOST_WAITING)
        self._problem = ""
        self._is_off = False
        self._thread = threading.Thread(target=self._follow, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def hear(self, event: Event) -> None:
        """Takes an event; returns at once."""
        self._put(event)

    def conclude(self, concluded: Concluded) -> None:
        """Takes the verdict; returns at once."""
        self._put(concluded)

    def end(self, *, is_finished: bool) -> None:
        """Waits until the tracker has all, but not for ever."""
        self._put(is_finished)
        self._thread.join(_PATIENCE_SECONDS)
        if self._thread.is_alive():
            self._let_go(f"it did not answer within {_PATIENCE_SECONDS:.0f} s")

    def take_problem(self) -> str:
        """Why the tracker was let go, told once; nothing while all is well."""
        problem, self._problem = self._problem, ""
        return problem

    def _put(self, message: Event | Concluded | bool) -> None:
        if self._is_off:
            return
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._let_go(f"it is {_MOST_WAITING} events behind")

    def _let_go(self, problem: str) -> None:
        if not self._is_off:
            self._is_off, self._problem = True, problem

    def _follow(self) -> None:
        try:
            self._tell(self._begin())
        except BaseException as error:  # whatever a tool of others raises, the training goes on
            _LOG.info("tracker %s failed", self.name, exc_info=error)
            self._let_go(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}")

    def _tell(self, tracker: Tracker) -> None:
        told: dict[str, int] = {}
        for event in self._record():
            _log(tracker, event, told)
        message: Event | Concluded | bool = False
        while not self._is_off:
            message = self._waiting.get()
            if isinstance(message, bool):
                break
            if isinstance(message, Event):
                _log(tracker, message, told)
            else:
                tracker.conclude(message.words, message.numbers)
        tracker.close(is_finished=message is True)


def _log(tracker: Tracker, event: Event, told: dict[str, int]) -> None:
    """Logs what is new of an event; a resumed training repeats steps, a series only goes on."""
    numbers = numbers_of(event)
    for series in numbers:
        if series not in told:
            told[series] = tracker.last_step(series)
    new = {series: value for series, value in numbers.items() if event.step > told[series]}
    if new:
        tracker.log(new, event.step)
        told |= dict.fromkeys(new, event.step)
    if event.kind in ("validated", "checkpoint"):
        tracker.flush()
