"""A limit of time for a call of somebody else's code. It knows nothing of what the code computes."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

_AGAIN_SECONDS = 1.0
"""After which a call that swallowed the end of its time is told again."""


class OutOfTime(BaseException):
    """A call took longer than it may. No `except Exception` of the code that is called stops it."""


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call gives, given up after some seconds.

    In the main thread the call itself is stopped, a match of `re` included. In another thread Python has no means to
    do that: there it is left behind, in a thread of its own that ends with the process.

    Raises:
        OutOfTime: it took longer; whatever else the call raises.
    """
    is_main = threading.current_thread() is threading.main_thread()
    return _stopped(seconds, call) if is_main else _left_behind(seconds, call)


def _stopped(seconds: float, call: Callable[[], Any]) -> Any:
    def end(*_: Any) -> None:
        raise OutOfTime

    began, before = time.monotonic(), signal.signal(signal.SIGALRM, end)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # somebody else's alarm goes on
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 1e-3), interval)


def _left_behind(seconds: float, call: Callable[[], Any]) -> Any:
    came: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue()
    context = copy_context()

    def run() -> None:
        try:
            came.put((context.run(call), None))
        except BaseException as error:
            came.put((None, error))

    threading.Thread(target=run, name="limited call", daemon=True).start()
    try:
        value, error = came.get(timeout=seconds)
    except queue.Empty:
        raise OutOfTime from None
    if error is not None:
        raise error
    return value
