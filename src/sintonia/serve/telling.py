"""What is written down of a server beside its answers: its log. Neither tokens nor texts nor names of files."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

from sintonia.audit import record

LOG = "log.txt"
_SECONDS_BETWEEN = 60.0
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def keep_log(home: Path) -> None:
    """Sends what the server logs to `log.txt` of its folder."""
    path = home / LOG
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    written = logging.FileHandler(path, encoding="utf-8")
    written.setFormatter(logging.Formatter(_FORMAT))
    for name in ("sintonia.serve", "uvicorn.error"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [written], False
        log.setLevel(logging.INFO)


def tell_log(event: str, **facts: Any) -> None:
    """One line of what happened, for whoever looks after this machine: in the log, and in the audit log."""
    record(event, **facts)
    logging.getLogger("sintonia.serve").info("%s %s", event, " ".join(f"{key}={value}" for key, value in facts.items()))


class RefusedTokens:
    """Requests without the right token: the first is told at once, those of each minute after it as one line.

    The lines are written by a thread, because whoever answers requests must not wait for the disk.
    """

    def __init__(self, seconds_between: float = _SECONDS_BETWEEN) -> None:
        self._seconds_between, self._lock = seconds_between, threading.Lock()
        self._count = self._num_with_token = 0
        self._timer: threading.Timer | None = None

    def add(self, *, has_token: bool) -> None:
        """One more."""
        with self._lock:
            self._count += 1
            self._num_with_token += has_token
            if self._timer is None:
                self._tell_in(0.0)

    def tell_rest(self) -> None:
        """Tells what is not told yet."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            count, num_with_token = self._taken()
        if count:
            tell_log("token_refused", count=count, with_token=num_with_token)

    def _tell(self) -> None:
        with self._lock:
            self._timer = None
            count, num_with_token = self._taken()
            if count:
                self._tell_in(self._seconds_between)
        if count:
            tell_log("token_refused", count=count, with_token=num_with_token)

    def _tell_in(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._tell)
        self._timer.daemon = True
        self._timer.start()

    def _taken(self) -> tuple[int, int]:
        found = self._count, self._num_with_token
        self._count = self._num_with_token = 0
        return found
