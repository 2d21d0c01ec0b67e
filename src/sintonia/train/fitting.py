"""What is tried when a batch does not fit into memory: the same batch again, in smaller pieces.

The batch behind a step stays, and no step is lost or repeated. What is still smaller, and when to give up, is
`resources/outofmemory.py`; nothing here trains.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import torch

from sintonia.records import Event
from sintonia.resources.memory import free_bytes
from sintonia.resources.outofmemory import halved, killed_in_words, shortfall_in_words, smaller_or_refuse
from sintonia.train.snapshot import random_state, set_random_state

if TYPE_CHECKING:
    from sintonia.train.loop import Loop

T = TypeVar("T")
_SAID_BY_THE_PROCESSOR = ("can't allocate memory", "not enough memory", "cannot allocate memory")
"""How torch says on a CPU that memory ran out: a plain RuntimeError."""


def fit(loop: Loop, positions: Sequence[int], compute: Callable[[], T]) -> Generator[Event, None, T]:
    """What `compute` gives for the examples at these positions, tried with ever smaller micro-batches.

    Each new try begins without gradients and with the generators as they were; a message says so. The smaller size
    stays for the steps to come.

    Raises:
        RunFailed: memory is too short for one example at a time, or it was tried too often.
    """
    before, num_tries = random_state(), 0
    while True:
        try:
            return compute()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            num_tries += 1
        # Outside the `except`: as long as the error lives, it keeps all that was computed alive.
        loop.optimizer.zero_grad(set_to_none=True)
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        size = loop.learner.micro_tokens
        longest = max((loop.learner.lengths[position] for position in positions), default=1)
        needed = shortfall_in_words(loop.job.base.estimated_memory_bytes, free_bytes())
        loop.learner.micro_tokens = smaller_or_refuse(size, longest, num_tries, needed)
        set_random_state(before)
        yield loop.event(
            "message",
            text=f"out of memory in step {loop.step + 1}: the same batch again, in micro-batches of at most "
            f"{loop.learner.micro_tokens} tokens instead of {size}",
        )


def heed_memory(loop: Loop) -> Iterator[Event]:
    """Smaller micro-batches, where the kernel ended the last attempt for want of memory; and the watch begins anew."""
    died = loop.memory_watch.read()
    if died is not None and loop.memory_watch.was_killed_for_memory():
        smaller = halved(died.micro_tokens, max(loop.learner.lengths))
        loop.learner.micro_tokens = min(loop.learner.micro_tokens, smaller)
        yield loop.event("message", text=killed_in_words(died.micro_tokens, smaller))
    loop.memory_watch.write(loop.learner.micro_tokens)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(one in str(error).lower() for one in _SAID_BY_THE_PROCESSOR)
