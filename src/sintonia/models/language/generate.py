"""What a language model writes after a prompt: always the likeliest token, in batches, with kept keys and values.

Every model is asked in the same way: its own habits of writing (temperature, penalties) are left out. It renders no
conversation and decodes no text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sintonia.models.language.plain import evaluating
from sintonia.models.tokens import thrifty_groups

PROMPT_TOKENS_AT_ONCE = 8192
MOST_AT_ONCE = 64
"""Prompts that are answered together."""
_OVERHEAD_TOKENS = 32


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
    with evaluating(causal), _plain_habits(causal, stop_ids, new_tokens):
        for group in _groups([len(prompt) for prompt in prompts]):
            written = _write([prompts[place] for place in group], causal)
            answers |= {place: _ended(ids, stop_ids) for place, ids in zip(group, written, strict=True)}
    return [answers[place] for place in range(len(prompts))]


def _groups(lengths: Sequence[int]) -> Iterator[list[int]]:
    for group in thrifty_groups(lengths, PROMPT_TOKENS_AT_ONCE, _OVERHEAD_TOKENS):
        for start in range(0, len(group), MOST_AT_ONCE):
            yield group[start : start + MOST_AT_ONCE]


def _write(prompts: Sequence[Sequence[int]], causal: Any) -> list[list[int]]:
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    device = next(causal.parameters()).device
    found = causal.generate(inputs=ids.to(device), attention_mask=mask.to(device))
    return [row[longest:].tolist() for row in found]


def _ended(ids: Sequence[int], stop_ids: Sequence[int]) -> Written:
    end = next((place for place, token in enumerate(ids) if token in stop_ids), None)
    return Written(tuple(ids), False) if end is None else Written(tuple(ids[:end]), True)


@contextlib.contextmanager
def _plain_habits(causal: Any, stop_ids: Sequence[int], new_tokens: int) -> Iterator[None]:
    """The settings that a model brings for writing are put away: transformers fills in from them what is not given."""
    from transformers import GenerationConfig

    kept = causal.generation_config
    ends = list(stop_ids)
    causal.generation_config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=new_tokens,
        eos_token_id=ends or None,
        pad_token_id=ends[0] if ends else 0,
        use_cache=True,
    )
    try:
        yield
    finally:
        causal.generation_config = kept
