"""Trainings of a search beside each other, each in a process of its own; or one after the other, in this one.

What comes out is the same, in the same order: a result that is there before its turn waits in `search/early.jsonl`,
also for a search that was interrupted. Only this process writes the files of the search. It does not choose what is
trained.
"""

from __future__ import annotations

import itertools
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Protocol

from sintonia.adjust.searching import Rung
from sintonia.corridor.billing.costs import PROMISE
from sintonia.corridor.searching.trials import Bench
from sintonia.corridor.walk import Walk
from sintonia.errors import RunFailed
from sintonia.files import from_json, to_json
from sintonia.records import Configuration, Event, Resources, SearchTrial
from sintonia.resources.memory import free_bytes
from sintonia.resources.outofmemory import OutOfMemoryWatch
from sintonia.resources.spawned import GRACE_SECONDS, Heard, Spawned, end_all
from sintonia.train import Job

EARLY, FOLDERS = "search/early.jsonl", "search/processes"
_CALL = "sintonia.corridor.searching.working:follow_orders"
_FREE_SHARE = 0.9
"""Of the free memory, what the processes of a search may fill: estimates are off by some per cent."""
Key = tuple[int, int]
"""The numbers of a rung and a configuration."""


class Trainings(Protocol):
    """Whoever trains for a search."""

    def take(self, rung: Rung, wanted: Sequence[Configuration], may_begin: Callable[[], bool]) -> SearchTrial | None:
        """The result of the first one that is wanted; None where it may not be begun. The others may be begun too.

        Raises:
            Interrupted: somebody asked to stop.
            RunFailed: it cannot be trained here.
        """
        ...


@contextmanager
def trainings(walk: Walk, job: Job) -> Iterator[Trainings]:
    """Those of the processes that were asked for, as many as fit; within it, they are there."""
    count = _num_fitting(walk, walk.run.recipe().adjusting.processes)
    if count < 2:
        yield Alone(Bench(walk, job))
        return
    crew = Crew(walk, job.part, count)
    try:
        yield crew
    finally:
        crew.end()


def forget_early(walk: Walk) -> None:
    """Once a search is decided: what its processes have left is removed."""
    walk.run.file(EARLY).unlink(missing_ok=True)
    shutil.rmtree(walk.run.file(FOLDERS), ignore_errors=True)


class Alone:
    """One training after the other, in this process."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def take(self, rung: Rung, wanted: Sequence[Configuration], may_begin: Callable[[], bool]) -> SearchTrial | None:
        """As it is said of `Trainings`; nothing else is begun."""
        return self._bench.take(rung, wanted[0]) if may_begin() else None


class Crew:
    """Several trainings at once, in processes that are begun when there is something for them to do."""

    def __init__(self, walk: Walk, part: str, num_processes: int) -> None:
        import torch

        self._walk, self._part, self._most = walk, part, num_processes
        self._num_threads = max(1, torch.get_num_threads() // num_processes)
        self._heard: SimpleQueue[Heard] = SimpleQueue()
        self._begun: list[Spawned] = []
        self._numbers = itertools.count()
        self._busy: dict[Spawned, Key] = {}
        self._results = {_key(one.rung, one.configuration): one for one in walk.run.lines(EARLY, SearchTrial)}
        self._told: set[str] = set()

    def take(self, rung: Rung, wanted: Sequence[Configuration], may_begin: Callable[[], bool]) -> SearchTrial | None:
        """As it is said of `Trainings`; those behind the first are begun as far as there are processes."""
        first = _key(rung.number, wanted[0])
        while True:
            found = self._results.pop(first, None)
            if found is not None and found.configuration == wanted[0]:
                return found
            has_time = self._hand_out(rung, wanted, may_begin)
            if not has_time and first not in self._busy.values():
                return None
            self._hear(first)

    def end(self) -> None:
        """Ends the processes; what they were training is broken off."""
        end_all(self._begun)
        self._begun, self._busy = [], {}

    def _hand_out(self, rung: Rung, wanted: Sequence[Configuration], may_begin: Callable[[], bool]) -> bool:
        """Begins what is not under way, in its order, as far as there are processes; False where time is short."""
        for one in wanted:
            key = _key(rung.number, one)
            if key in self._results or key in self._busy.values():
                continue
            if len(self._busy) >= self._most:
                return True
            if not may_begin():
                return False
            who = next((who for who in self._begun if who not in self._busy), None) or self._another()
            self._busy[who] = key
            who.order({"rung": to_json(rung), "configuration": to_json(one)})
        return True

    def _another(self) -> Spawned:
        run = self._walk.run
        folder = run.file(f"{FOLDERS}/{next(self._numbers)}")
        words = (str(run.path), self._part, str(folder), str(self._num_threads))
        self._begun.append(Spawned(_CALL, words, folder, self._num_threads, self._heard))
        return self._begun[-1]

    def _hear(self, first: Key) -> None:
        """Waits for the next that is said, and takes it in; `first` is what is waited for."""
        heard = self._heard.get()
        if heard.answer is None:
            self._lost(heard.who)
        elif "trial" in heard.answer:
            trial, key = from_json(SearchTrial, heard.answer["trial"]), self._busy.pop(heard.who)
            self._results[key] = trial
            if key != first:
                self._walk.run.append(EARLY, trial)
        else:
            self._tell(heard, is_first=self._busy.get(heard.who) == first)

    def _tell(self, heard: Heard, *, is_first: bool) -> None:
        """Steps of the training that is waited for alone, so that a person follows one; words of all, each once."""
        answer = heard.answer or {}
        event = from_json(Event, answer["event"]) if answer["event"] else None
        message = answer["message"]
        if event is not None and event.kind != "spike":
            if is_first:
                self._walk.tell("search", message, event)
        elif message not in self._told:
            self._told.add(message)
            self._walk.tell("search", message, event)

    def _lost(self, who: Spawned) -> None:
        """A process has ended: what it trained is trained again, by those that are left.

        Raises:
            RunFailed: none is left, or it was our code that broke.
        """
        status = who.wait(time.monotonic() + GRACE_SECONDS)
        self._begun.remove(who)
        self._busy.pop(who, None)
        if status >= 0:
            said = who.last_words() or f"it ended with status {status}"
            raise RunFailed(f"a process of the search broke: {said}", hint=f"`{who.log}` says more")
        self._most -= 1
        watch = OutOfMemoryWatch(who.folder)
        why = "for want of memory" if watch.was_killed_for_memory() else f"by the signal {_named(-status)}"
        what = f"a process of the search was ended {why}"
        self._walk.tell("search", f"{what}; it goes on with {self._most} of them")
        if not self._most:
            raise RunFailed(f"{what}, and none is left", hint="free memory, and resume the run: no result is lost")
        watch.remove()


def _num_fitting(walk: Walk, asked: int) -> int:
    """So many processes as were asked for, or fewer where memory is short; what is less is told."""
    if asked < 2:
        return 1
    promised = walk.run.read(PROMISE, Resources)
    needed, free = (promised.peak_memory_bytes if promised else 0), free_bytes()
    count = min(asked, int(_FREE_SHARE * free / needed)) if needed else 1
    if count < asked:
        sizes = f"each needs about {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free"
        why = sizes if needed else "nobody has estimated what one needs"
        walk.tell("search", f"not {asked} trainings at once but {max(1, count)}: {why}")
    return max(1, count)


def _key(rung: int, configuration: Configuration) -> Key:
    return rung, configuration.number


def _named(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
