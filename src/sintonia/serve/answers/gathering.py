"""Short questions of many requests, gathered for a few milliseconds and answered as one batch.

While a batch is computed the next one gathers by itself; alone, a question waits no longer than `WAIT_SECONDS`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

WAIT_SECONDS = 0.004
MOST_TOGETHER = 256
"""Inputs of a batch; one request may have more."""
Answers = list[Any]
_Question = tuple[Sequence[Any], "Future[Answers]"]


class Closed(Exception):
    """It was asked after its end."""


class Gathering:
    """A model that is asked by many; one thread asks it."""

    def __init__(self, answer: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        self._answer = answer
        self._waiting: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._is_closed, self._lock = False, threading.Lock()
        self._thread = threading.Thread(target=self._work, name="gathering", daemon=True)
        self._thread.start()

    def ask(self, inputs: Sequence[Any]) -> Future[Answers]:
        """Asks for the answers to some inputs.

        Raises:
            Closed: nobody answers here any more.
        """
        answers: Future[Answers] = Future()
        with self._lock:  # so that nothing is put behind the end
            if self._is_closed:
                raise Closed
            self._waiting.put((inputs, answers))
        return answers

    def close(self) -> None:
        """Answers what was asked, and ends."""
        with self._lock:
            self._is_closed = True
            self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        is_open = True
        while is_open:
            first = self._waiting.get()
            if first is None:
                return
            together, is_open = self._gathered(first)
            self._answer_all(together)

    def _gathered(self, first: _Question) -> tuple[list[_Question], bool]:
        """What comes within a moment; and whether more may come later."""
        together, until = [first], time.monotonic() + WAIT_SECONDS
        while sum(len(inputs) for inputs, _ in together) < MOST_TOGETHER:
            try:
                one = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if one is None:
                return together, False
            together.append(one)
        return together, True

    def _answer_all(self, together: list[_Question]) -> None:
        """One batch; where it fails each is asked alone, so that nobody fails for another's question."""
        wanted = [one for one in together if one[1].set_running_or_notify_cancel()]
        try:
            found = list(self._answer([text for inputs, _ in wanted for text in inputs]))
        except Exception as error:
            if len(wanted) == 1:
                wanted[0][1].set_exception(error)
                return
            for inputs, answers in wanted:
                _answer_alone(self._answer, inputs, answers)
            return
        start = 0
        for inputs, answers in wanted:
            answers.set_result(found[start : start + len(inputs)])
            start += len(inputs)


def _answer_alone(
    answer: Callable[[Sequence[Any]], Sequence[Any]], inputs: Sequence[Any], answers: Future[Answers]
) -> None:
    try:
        answers.set_result(list(answer(inputs)))
    except Exception as error:
        answers.set_exception(error)
