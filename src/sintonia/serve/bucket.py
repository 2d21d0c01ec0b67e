"""A bucket of tokens: so many requests at once, and so many a second after that."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Bucket:
    """Filled at a rate, emptied by requests."""

    def __init__(self, per_second: float, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._size, self._clock = per_second, float(size), clock
        self._held, self._when = float(size), clock()

    def take(self) -> int:
        """Takes one: 0 where there was one, else the whole seconds after which there will be."""
        now = self._clock()
        self._held = min(self._size, self._held + (now - self._when) * self._per_second)
        self._when = now
        if self._held >= 1:
            self._held -= 1
            return 0
        return max(1, math.ceil((1 - self._held) / self._per_second))
