"""Processes of ours that work for this one: orders go in and answers come out, a line of JSON each.

None of them outlives this process for long, however it ends: each sees that its orders have ended. They are begun
anew, never forked, and in a session of their own, so that Ctrl-C reaches this process alone. What they are told to do
is not known here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from sintonia.vault import surroundings_without_passphrase

GRACE_SECONDS = 3.0
"""A process whose orders have ended has so long to end by itself."""
LOG = "log.txt"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_READ_BYTES = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one of the processes said."""

    who: Spawned
    answer: dict[str, Any] | None
    """None: it has ended."""


class Spawned:
    """A process that follows orders. What it or a library prints is in `log.txt` of its folder."""

    def __init__(
        self, call: str, words: Sequence[str], folder: Path, num_threads: int, heard: SimpleQueue[Heard]
    ) -> None:
        """Starts it.

        Args:
            call: The function that it calls, `module:function`, without arguments.
            words: What the function finds behind the first of `sys.argv`.
            folder: Its own; made where it is not there.
            num_threads: For the libraries that compute.
            heard: Where its answers are put, the last one of them that it has ended.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        module, _, function = call.partition(":")
        code = f"from {module} import {function}; {function}()"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_surroundings(num_threads),
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._listen, args=(heard,), daemon=True)
        self._reader.start()

    @property
    def log(self) -> Path:
        """Where it is told what broke."""
        return self.folder / LOG

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    def order(self, body: dict[str, Any]) -> None:
        """Gives it an order. Where it has ended that is heard of by its answers."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(json.dumps(body).encode() + b"\n")
            self._process.stdin.flush()

    def end_orders(self) -> None:
        """Lets it end: it breaks off what it does."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def wait(self, until: float) -> int:
        """Its exit status, negative where a signal ended it. After `until`, by the monotonic clock, it is killed."""
        try:
            status = self._process.wait(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self.end_orders()
        self._reader.join(timeout=GRACE_SECONDS)
        return status

    def last_words(self) -> str:
        """The last line of its log; empty where there is none."""
        with suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return lines[-1] if lines else ""
        return ""

    def _listen(self, heard: SimpleQueue[Heard]) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                with suppress(ValueError):  # a line that was cut off when it was killed
                    heard.put(Heard(who=self, answer=json.loads(line)))
        heard.put(Heard(who=self, answer=None))


def end_all(spawned: Sequence[Spawned]) -> None:
    """Ends them, all within the same few seconds."""
    for one in spawned:
        one.end_orders()
    until = time.monotonic() + GRACE_SECONDS
    for one in spawned:
        one.wait(until)


class Orders:
    """The other side, in the process that follows them: the orders one after the other, until there are no more."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # what a library prints is no answer
        self._waiting: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._over = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (order := self._waiting.get()) is not None:
            yield order

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for an answer any more: then what is being done is to be broken off."""
        return self._over.is_set()

    def answer(self, body: dict[str, Any]) -> None:
        """Says something."""
        try:
            self._answers.write(json.dumps(body).encode() + b"\n")
            self._answers.flush()
        except OSError:
            self._over.set()

    def _listen(self) -> None:
        rest = b""
        while read := os.read(0, _READ_BYTES):  # the buffered stream would be locked when the process ends
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                self._waiting.put(json.loads(line))
        self._over.set()
        self._waiting.put(None)
        time.sleep(GRACE_SECONDS)
        os._exit(1)


def _surroundings(num_threads: int) -> dict[str, str]:
    """Those of this process, with the same places to import from, and so many threads, but no passphrase: they work on
    what this process has opened."""
    places = os.pathsep.join(str(Path(one).absolute()) for one in sys.path)
    return {**surroundings_without_passphrase(), "PYTHONPATH": places, **dict.fromkeys(_THREADS, str(num_threads))}
