"""Texts to token ids, and token lists to batches that waste no work on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token ids of each text, and how many texts were cut at `max_tokens`."""

    ids: list[list[int]]
    num_truncated: int


def tokenize(tokenizer: Any, texts: Sequence[str], max_tokens: int) -> Tokens:
    """Token ids with the special tokens of the base; longer texts are cut at the end, and counted."""
    if not texts:
        return Tokens([], 0)
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    num_special = len(tokenizer.backend_tokenizer.encode("").ids)
    long = [encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch(list(texts))]
    num_truncated = sum(len(ids) > max_tokens for ids in long)
    if num_truncated:
        tokenizer.backend_tokenizer.enable_truncation(max(max_tokens, num_special + 1))
        long = [encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch(list(texts))]
        tokenizer.backend_tokenizer.no_truncation()
    return Tokens(long, num_truncated)


def pad(token_lists: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor | None]:
    """Ids (batch, longest) padded with 0, and the mask; no mask when all are equally long."""
    lengths = [len(ids) for ids in token_lists]
    longest = max(lengths)
    if min(lengths) == longest:
        return torch.tensor(token_lists, dtype=torch.long), None
    ids = torch.zeros(len(lengths), longest, dtype=torch.long)
    mask = torch.zeros(len(lengths), longest, dtype=torch.long)
    for row, tokens in enumerate(token_lists):
        ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
        mask[row, : len(tokens)] = 1
    return ids, mask


def buckets(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """Positions grouped, shortest first, so that no group computes more than `most_tokens` padded tokens."""
    order = sorted(range(len(lengths)), key=lambda position: (lengths[position], position))
    groups: list[list[int]] = []
    for position in order:
        if groups and (len(groups[-1]) + 1) * lengths[position] <= most_tokens:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def thrifty_groups(lengths: Sequence[int], most_tokens: int, overhead_tokens: int) -> list[list[int]]:
    """Positions grouped, shortest first, so that padding plus `overhead_tokens` a group costs the least.

    Exact dynamic programming over the sorted lengths; no group computes more than `most_tokens` padded tokens
    unless it is a single text.
    """
    order = sorted(range(len(lengths)), key=lambda position: (lengths[position], position))
    best: list[tuple[int, int]] = [(0, 0)]
    """(cheapest cost of the first k texts, where their last group starts)"""
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        first = min(end - 1, max(0, end - most_tokens // longest))
        best.append(min((best[k][0] + (end - k) * longest + overhead_tokens, k) for k in range(first, end)))
    groups: list[list[int]] = []
    end = len(order)
    while end:
        start = best[end][1]
        groups.append(order[start:end])
        end = start
    return groups[::-1]
