"""What a language model writes after one prompt, token by token, by the likeliest token or by chance with a seed.

What it has read of a conversation is kept, so that the next turn reads only what is new. Several threads may write with
one model: each forward pass takes its turn. It renders no conversation and decodes no text.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

MOST_KEPT = 16
MOST_KEPT_BYTES = 2**28
"""Conversations whose keys and values are kept, and the memory that they take together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """How the next token is chosen."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    num_top: int = 0
    """How many of the likeliest tokens are told with each."""
    has_chances: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """A token, and where it was asked for the logarithm of its probability and the likeliest ones with theirs."""

    token: int
    logprob: float = 0.0
    top: tuple[tuple[int, float], ...] = ()


class Turns:
    """A lock that is given in the order in which it was asked for, so that of many conversations none waits for all of
    another."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next = self._served = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Waits for one's turn."""
        with self._changed:
            ticket, self._next = self._next, self._next + 1
            try:
                self._changed.wait_for(lambda: self._served == ticket)
            except BaseException:  # interrupted while it waited: whoever comes after must not wait for it for ever
                threading.Thread(target=self._give_up, args=(ticket,), daemon=True).start()
                raise
        try:
            yield
        finally:
            self._pass_on()

    def _give_up(self, ticket: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._served == ticket)
        self._pass_on()

    def _pass_on(self) -> None:
        with self._changed:
            self._served += 1
            self._changed.notify_all()


@dataclass(slots=True, eq=False)
class Read:
    """The tokens that were read, and the keys and values that they left."""

    cache: Any
    ids: list[int] = field(default_factory=list)

    @property
    def num_bytes(self) -> int:
        """What is kept of it, in bytes."""
        tensors = [getattr(layer, name, None) for layer in self.cache.layers for name in ("keys", "values")]
        return sum(one.numel() * one.element_size() for one in tensors if isinstance(one, Tensor))


class Memory:
    """What a model has read, kept for what begins in the same way. No two threads get the same."""

    def __init__(self, causal: Any) -> None:
        self._causal, self._lock = causal, threading.RLock()
        self._kept: list[Read] = []
        """The last used is last."""

    def take(self, ids: Sequence[int]) -> Read:
        """What was read of the beginning of a prompt, cut to what both have; at least one token is left to read."""
        with self._lock:
            shared = [min(_num_shared(one.ids, ids), len(ids) - 1) for one in self._kept]
            longest = max(shared, default=0)
            if longest == 0:
                return Read(DynamicCache(config=self._causal.config))
            found = self._kept.pop(shared.index(longest))
        found.cache.crop(longest - len(found.ids))
        del found.ids[longest:]
        return found

    def keep(self, read: Read) -> None:
        """Gives back what was taken, or new."""
        if not read.ids or {type(layer) for layer in read.cache.layers} != {DynamicLayer}:
            return  # windows and states of other kinds cannot be cut where two conversations part
        if read.cache.get_seq_length() != len(read.ids):
            return  # interrupted between the two
        with self._lock:
            self._kept.append(read)
            while len(self._kept) > MOST_KEPT or sum(one.num_bytes for one in self._kept) > MOST_KEPT_BYTES:
                self._kept.pop(0)

    @property
    def num_bytes(self) -> int:
        """What is kept, in bytes."""
        with self._lock:
            return sum(one.num_bytes for one in self._kept)


def write_on(causal: Any, ids: Sequence[int], choosing: Choosing, memory: Memory, turns: Turns) -> Iterator[Chosen]:
    """The tokens that a model writes after a prompt, without end: who asks says when it is enough.

    Raises:
        ValueError: there is no prompt.
    """
    if not ids:
        raise ValueError("a prompt needs a token")
    read, generator = memory.take(ids), torch.Generator().manual_seed(choosing.seed)
    new = list(ids[len(read.ids) :])
    try:
        while True:
            with turns.one():
                logits = _logits_after(causal, read, new)
            chosen = _choose(logits, choosing, generator)
            yield chosen
            new = [chosen.token]
    finally:
        memory.keep(read)


@torch.no_grad()
def _logits_after(causal: Any, read: Read, new: list[int]) -> Tensor:
    """Reads tokens; the logits (tokens known,) of the next one."""
    device, start = next(causal.parameters()).device, len(read.ids)
    has_choice = "logits_to_keep" in inspect.signature(causal.forward).parameters
    kept: dict[str, Any] = {"logits_to_keep": 1} if has_choice else {}
    try:
        found = causal(
            input_ids=torch.tensor([new], device=device),
            attention_mask=torch.ones(1, start + len(new), dtype=torch.long, device=device),
            position_ids=torch.arange(start, start + len(new), device=device)[None],
            past_key_values=read.cache,
            use_cache=True,
            **kept,
        )
    except BaseException:
        del read.ids[:]  # some layers may have read the tokens and others not: it is not kept
        raise
    read.ids += new
    logits: Tensor = found.logits[0, -1]
    return logits


def _choose(logits: Tensor, choosing: Choosing, generator: torch.Generator) -> Chosen:
    token = int(logits.argmax()) if choosing.temperature == 0 else _drawn(logits, choosing, generator)
    if not choosing.has_chances:
        return Chosen(token)
    chances = logits.double().log_softmax(0)
    values, places = chances.topk(min(choosing.num_top, len(chances)))
    return Chosen(token, float(chances[token]), tuple(zip(places.tolist(), values.tolist(), strict=True)))


def _drawn(logits: Tensor, choosing: Choosing, generator: torch.Generator) -> int:
    wide = logits.double().cpu()
    probabilities = ((wide - wide.max()) / choosing.temperature).softmax(0)
    if choosing.top_p < 1:
        ordered, places = probabilities.sort(descending=True, stable=True)
        beyond = ordered.cumsum(0) - ordered >= choosing.top_p
        probabilities[places[beyond]] = 0.0
    return int(torch.multinomial(probabilities, 1, generator=generator))


def _num_shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Tokens with which both begin."""
    most = min(len(first), len(second))
    return next((k for k in range(most) if first[k] != second[k]), most)
