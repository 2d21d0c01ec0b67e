"""Blocks of attention over trees: a stem, and branches that read it and not each other. It knows no model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sintonia.models.language.fused.attention import BLOCK_TOKENS, MERGED_TOKENS, Block

Lengths = tuple[int, ...]
"""Of one tree: its stem, then each branch."""


def plan_trees(trees: Sequence[Lengths], picked: Tensor | None, like: Tensor, num_before: int = 0) -> list[Block]:
    """Blocks for trees laid end to end; `picked` are the tokens that ask (sorted), by default all.

    When `num_before` is not 0, so many tokens stand before the first tree, and all trees read them.
    """
    everything = ((num_before,), *trees) if num_before else tuple(trees)
    lengths = torch.tensor([length for tree in everything for length in tree])
    ends = lengths.cumsum(0)
    owners = torch.tensor([number for number, tree in enumerate(everything) for _ in tree])
    stems = torch.tensor([tree[0] for tree in everything])
    sizes = torch.tensor([sum(tree) for tree in everything])
    begins = (sizes.cumsum(0) - sizes)[owners]
    asking = torch.arange(int(ends[-1])) if picked is None else picked.cpu()
    segment = torch.searchsorted(ends, asking, right=True)
    own, stem, stem_end = (one[segment][:, None] for one in (ends - lengths, begins, begins + stems[owners]))
    blocks: list[Block] = []
    for start, stop in _groups(sizes.tolist(), num_before):
        low, high = torch.searchsorted(asking, torch.tensor([start, stop])).tolist()
        for first in range(low, high, BLOCK_TOKENS):
            last = min(first + BLOCK_TOKENS, high)
            queries, part = asking[first:last, None], slice(first, last)
            keys = torch.arange(start, int(queries[-1]) + 1)[None]
            is_own = (keys >= own[part]) & (keys <= queries)
            is_seen = is_own | ((keys >= stem[part]) & (keys < stem_end[part]) & (keys <= queries))
            mask = torch.zeros(is_seen.shape).masked_fill_(~is_seen, float("-inf")).unsqueeze(1).to(like)
            blocks.append(Block(first, last, start, int(queries[-1]) + 1, mask, num_before if start else 0))
    return blocks


def _groups(sizes: Sequence[int], num_before: int) -> list[tuple[int, int]]:
    """Trees as (start, stop) of their tokens, neighbours put together up to a size; what comes before stays alone."""
    groups: list[tuple[int, int]] = []
    start = 0
    for size in sizes:
        is_open = groups and groups[-1][0] >= num_before
        if is_open and start + size - groups[-1][0] <= MERGED_TOKENS:
            groups[-1] = (groups[-1][0], start + size)
        else:
            groups.append((start, start + size))
        start += size
    return groups
