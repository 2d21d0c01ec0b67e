"""What a language model writes after a prompt: always the likeliest token, in batches, with kept keys and values; and
how likely it finds many endings of one beginning.

Every model is asked in the same way: its own habits of writing (temperature, penalties) are left out. It renders no
conversation and decodes no text.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from sintonia.models.language.plain import evaluating

MOST_AT_ONCE = 64
TOKENS_AT_ONCE = 16384
"""Prompts that are answered together; and their tokens, with room for the answers."""
LEAST_SHARED_TOKENS = 8
_WORTH_DROPPING = 0.9
"""Finished rows are dropped once no more than this share is going on."""


@dataclass(frozen=True, slots=True)
class Written:
    """One answer, without the token that ended it."""

    ids: tuple[int, ...]
    is_ended: bool
    """Whether the model ended it by itself, before the limit."""


@torch.no_grad()
def write_greedily(
    causal: Any, prompts: Sequence[Sequence[int]], stop_ids: Sequence[int], new_tokens: int
) -> list[Written]:
    """The answers to prompts of tokens, in their order; each has at most `new_tokens` tokens.

    Shorter prompts of a batch are padded on the left and masked. What is written for one prompt does not depend on
    the others but for rounding.

    Raises:
        ValueError: a prompt without a token, or no room for an answer.
    """
    if new_tokens < 1 or any(not prompt for prompt in prompts):
        raise ValueError("a prompt needs a token, and an answer room for one")
    answers: dict[int, Written] = {}
    with evaluating(causal):
        for group in _groups([len(prompt) for prompt in prompts], new_tokens):
            written = _write([prompts[place] for place in group], causal, stop_ids, new_tokens)
            answers |= {place: _ended(ids, stop_ids) for place, ids in zip(group, written, strict=True)}
    return [answers[place] for place in range(len(prompts))]


@torch.no_grad()
def nats_of_endings(causal: Any, beginning: Sequence[int], endings: Sequence[Sequence[int]]) -> list[float]:
    """Nats of each ending after a beginning, both tokens; what endings have in common is computed once.

    Raises:
        ValueError: the beginning or an ending is without a token, or what the model keeps cannot be branched.
    """
    if not beginning or not all(endings):
        raise ValueError("a beginning needs a token, and so does each ending")
    if not can_branch(causal):
        raise ValueError("what this model keeps of a text cannot be branched")
    cache = DynamicCache(config=causal.config)
    nats = [0.0] * len(endings)
    with evaluating(causal):
        found = _log_probabilities(causal, cache, [list(beginning)])
        _branch(causal, cache, found, [(0, place) for place in range(len(endings))], (endings, 0, nats))
    return nats


def can_branch(causal: Any) -> bool:
    """Whether `nats_of_endings` can be asked of a model."""
    return {type(layer) for layer in DynamicCache(config=causal.config).layers} <= {DynamicLayer}


def _branch(
    causal: Any,
    cache: DynamicCache,
    found: Tensor,
    at: Sequence[tuple[int, int]],
    told: tuple[Sequence[Sequence[int]], int, list[float]],
) -> None:
    """Adds what each ending's next token costs, and reads on; `at` has the row of the cache where each ending is."""
    endings, depth, nats = told
    children: dict[tuple[int, int], list[int]] = {}
    for row, place in at:
        token = endings[place][depth]
        nats[place] -= float(found[row, token])
        if depth + 1 < len(endings[place]):
            children.setdefault((row, token), []).append(place)
    keys = sorted(children)
    for start in range(0, len(keys), MOST_AT_ONCE):
        group = keys[start : start + MOST_AT_ONCE]
        below = copy.deepcopy(cache)
        below.batch_select_indices(torch.tensor([row for row, _ in group], device=found.device))
        following = _log_probabilities(causal, below, [[token] for _, token in group])
        places = [(row, place) for row, key in enumerate(group) for place in children[key]]
        _branch(causal, below, following, places, (endings, depth + 1, nats))


def _log_probabilities(causal: Any, cache: DynamicCache, ids: Sequence[Sequence[int]]) -> Tensor:
    """Of each token after these, which are read behind what the cache holds; (rows, tokens)."""
    device = next(causal.parameters()).device
    logits = causal(input_ids=torch.tensor(ids, device=device), past_key_values=cache, use_cache=True).logits
    return F.log_softmax(logits[:, -1].float(), dim=1)


def _groups(lengths: Sequence[int], new_tokens: int) -> Iterator[list[int]]:
    """Prompts of similar length together, as many as may be: a step reads all weights, however many rows it answers."""
    group: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        is_full = (len(group) + 1) * (lengths[place] + new_tokens) > TOKENS_AT_ONCE or len(group) == MOST_AT_ONCE
        if group and is_full:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _write(prompts: Sequence[Sequence[int]], causal: Any, stop_ids: Sequence[int], new_tokens: int) -> list[list[int]]:
    """The tokens written after each prompt, the one that ends an answer included."""
    read = _Read(causal, prompts)
    answers: list[list[int]] = [[] for _ in prompts]
    active = list(range(len(prompts)))
    """The prompt of each row that is still being computed."""
    for step in range(new_tokens):
        tokens = read.likeliest.tolist()
        for place, token in zip(active, tokens, strict=True):
            if not answers[place] or answers[place][-1] not in stop_ids:
                answers[place].append(token)
        going = [row for row, place in enumerate(active) if answers[place][-1] not in stop_ids]
        if not going or step == new_tokens - 1:
            break
        if len(going) <= _WORTH_DROPPING * len(active) and read.may_drop:
            read.keep(going)
            active = [active[row] for row in going]
        read.one_more()
    return answers


class _Read:
    """Prompts that a model has read and what it keeps of them; a beginning that all of them have is read once."""

    def __init__(self, causal: Any, prompts: Sequence[Sequence[int]]) -> None:
        self.causal = causal
        self.cache = DynamicCache(config=causal.config)
        self.device = next(causal.parameters()).device
        self._keeps_logits = "logits_to_keep" in inspect.signature(causal.forward).parameters
        layers = {type(layer) for layer in self.cache.layers}
        self.may_drop = layers <= {DynamicLayer, DynamicSlidingWindowLayer}
        shared = num_shared(prompts) if layers <= {DynamicLayer} and len(prompts) > 1 else 0
        if shared >= LEAST_SHARED_TOKENS:
            self.mask = torch.ones(1, shared, dtype=torch.long, device=self.device)
            self._forward(torch.tensor([list(prompts[0][:shared])], device=self.device))
            self.cache.batch_repeat_interleave(len(prompts))
            self.mask = self.mask.repeat(len(prompts), 1)
        else:
            shared = 0
            self.mask = torch.ones(len(prompts), 0, dtype=torch.long, device=self.device)
        self._read_on([prompt[shared:] for prompt in prompts])

    def keep(self, rows: Sequence[int]) -> None:
        """Forgets all other rows."""
        kept = torch.tensor(rows, device=self.device)
        self.cache.batch_select_indices(kept)
        self.mask, self.likeliest = self.mask[kept], self.likeliest[kept]

    def one_more(self) -> None:
        """Reads the likeliest token of each row."""
        self.mask = F.pad(self.mask, (0, 1), value=1)
        self._forward(self.likeliest[:, None])

    def _read_on(self, rests: Sequence[Sequence[int]]) -> None:
        longest = max(len(rest) for rest in rests)
        ids = torch.zeros(len(rests), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, rest in enumerate(rests):
            ids[row, longest - len(rest) :] = torch.tensor(rest)
            mask[row, longest - len(rest) :] = 1
        self.mask = torch.cat([self.mask, mask.to(self.device)], dim=1)
        self._forward(ids.to(self.device))

    def _forward(self, ids: Tensor) -> None:
        places = (self.mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        kept: dict[str, Any] = {"logits_to_keep": 1} if self._keeps_logits else {}
        found = self.causal(
            input_ids=ids,
            attention_mask=self.mask,
            position_ids=places,
            past_key_values=self.cache,
            use_cache=True,
            **kept,
        )
        self.likeliest = found.logits[:, -1].argmax(1)


def num_shared(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens with which all prompts begin; each keeps one of its own."""
    first, last = min(prompts), max(prompts)
    most = min(len(prompt) for prompt in prompts) - 1
    return next((k for k in range(most) if first[k] != last[k]), most)


def _ended(ids: Sequence[int], stop_ids: Sequence[int]) -> Written:
    end = next((place for place, token in enumerate(ids) if token in stop_ids), None)
    return Written(tuple(ids), False) if end is None else Written(tuple(ids[:end]), True)
