"""Causal attention over rows of different lengths laid end to end, with no padding. It knows no model.

The work is cut in blocks of queries. Short rows are put together in one block and kept apart by its mask; a long row is
cut in several, and a block reads only the keys that some query of it may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sintonia.models.language.fused.kernels import Grads, is_fast, multiply

BLOCK_TOKENS, MERGED_TOKENS = 128, 64
"""Most queries of a block of one long row, and of one made of short rows."""
LEAST_PRODUCT = 100_000
"""Rows times columns from which a product of its own for each pair of heads is faster than MKL's batched one."""


@dataclass(frozen=True, slots=True)
class Block:
    """Queries `first` to `last` read the keys `start` to `stop`."""

    first: int
    last: int
    start: int
    stop: int
    mask: Tensor
    """(queries, 1, columns), added to the scores of the last columns: minus infinity where a key may not be seen."""
    num_before: int = 0
    """So many of the first tokens, the beginning that rows share, are read as well."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Heads of the queries, heads of keys and values (pairs), and their size."""

    num_heads: int
    num_pairs: int
    size: int


def _merged(lengths: Sequence[int], num_before: int) -> list[list[tuple[int, int]]]:
    """Rows as (start, stop) of their tokens, neighbours put together up to a size.

    If there is a shared beginning it is the first row, and stays alone.
    """
    groups: list[list[tuple[int, int]]] = []
    start = 0
    for length in lengths:
        is_open = groups and groups[-1][0][0] >= num_before
        if is_open and start + length - groups[-1][0][0] <= MERGED_TOKENS:
            groups[-1].append((start, start + length))
        else:
            groups.append([(start, start + length)])
        start += length
    return groups


def plan_blocks(lengths: Sequence[int], picked: Tensor | None, like: Tensor, num_before: int = 0) -> list[Block]:
    """Blocks for rows of these lengths laid end to end; `picked` are the tokens that ask (sorted), by default all.

    When `num_before` is not 0, the first row has that length, and all the others read it too.
    """
    asking = torch.arange(sum(lengths)) if picked is None else picked.cpu()
    starts = torch.repeat_interleave(torch.tensor([0, *lengths[:-1]]).cumsum(0), torch.tensor(lengths))[asking]
    blocks: list[Block] = []
    for rows in _merged(lengths, num_before):
        start, stop = rows[0][0], rows[-1][1]
        low, high = torch.searchsorted(asking, torch.tensor([start, stop])).tolist()
        for first in range(low, high, BLOCK_TOKENS):
            last = min(first + BLOCK_TOKENS, high)
            queries = asking[first:last, None]
            end = int(queries[-1]) + 1
            begin = int(queries[0]) if len(rows) == 1 else start
            keys = torch.arange(begin, end)[None]
            is_hidden = (keys > queries) | (keys < starts[first:last, None])
            mask = torch.zeros(is_hidden.shape).masked_fill_(is_hidden, float("-inf"))
            known = num_before if start >= num_before else 0
            blocks.append(Block(first, last, start, end, mask.unsqueeze(1).to(like), known))
    return blocks


Plan = tuple[list[Block], Shape]


class Attend(torch.autograd.Function):
    """Queries (rows, heads * size) read keys and values: (rows, heads * size). Keeps its inputs only.

    `pairs` (tokens, 2 * pairs * size) are keys, then values. When it is None, `queries` holds them in its last columns.
    `before` (tokens, 2 * pairs * size) are keys and values that every query sees: those of a prefix kept from before.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, pairs: Tensor | None, before: Tensor | None, plan: Plan) -> Tensor:
        ctx.save_for_backward(queries, pairs, before)
        ctx.blocks, ctx.shape = blocks, shape = plan
        out = queries.new_empty(len(queries), shape.num_heads * shape.size)
        reader = _Reader(queries, pairs, before, shape)
        for block in blocks:
            _, found, weights = reader.read(block)
            reader.place(out, block).copy_(reader.spread(_product(weights, found[1].mT)))
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Grads:
        queries, pairs, before = ctx.saved_tensors
        reader = _Reader(queries, pairs, before, ctx.shape)
        queries_grad = torch.zeros_like(queries)
        pairs_grad = None if pairs is None else torch.zeros_like(pairs)
        before_grad = None if before is None else torch.zeros_like(before)
        written = _Reader(queries_grad, pairs_grad, before_grad, ctx.shape)
        for block in ctx.blocks:
            asked, found, weights = reader.read(block)
            out_grad = _gathered(reader.place(grad, block))
            values_grad = torch.bmm(weights.mT, out_grad)
            scores_grad = torch._softmax_backward_data(_product(out_grad, found[1]), weights, -1, grad.dtype)
            asked_grad = _product(scores_grad, found[0].mT).mul_(reader.scale)
            keys_grad = torch.bmm(scores_grad.mT, asked)
            written.place(queries_grad, block).copy_(reader.spread(asked_grad))
            written.add(block, (keys_grad, values_grad))
        return queries_grad, pairs_grad, before_grad, None


class _Reader:
    """Views of queries, keys and values, of which blocks are copied into the order of the products."""

    def __init__(self, queries: Tensor, pairs: Tensor | None, before: Tensor | None, shape: Shape) -> None:
        self.queries, self.shape, self.scale = queries, shape, shape.size**-0.5
        self.width = shape.num_heads * shape.size
        whole = queries[:, self.width :] if pairs is None else pairs
        self.pairs = self._by_head(whole)
        self.before = None if before is None else self._by_head(before)

    def _by_head(self, pairs: Tensor) -> Tensor:
        """(2, pairs, tokens, size), a view."""
        return pairs.unflatten(1, (2, self.shape.num_pairs, self.shape.size)).permute(1, 2, 0, 3)

    def ahead(self, block: Block) -> Tensor:
        """Keys and values (2, pairs, tokens, size) of what comes before the block's own, a view."""
        return self.pairs[:, :, : block.num_before] if self.before is None else self.before

    def place(self, rows: Tensor, block: Block) -> Tensor:
        """A view (pairs, queries, heads that read the pair, size) of rows (tokens, at least heads * size)."""
        heads = rows[block.first : block.last, : self.width]
        return heads.unflatten(1, (self.shape.num_pairs, -1, self.shape.size)).transpose(0, 1)

    def spread(self, products: Tensor) -> Tensor:
        """Products (pairs, queries * heads that read the pair, size) in the shape of `place`."""
        return products.unflatten(1, (-1, self.width // self.shape.num_pairs // self.shape.size))

    def read(self, block: Block) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (scaled), keys with values, and softmax of the scores (pairs, queries * heads that read it, keys)."""
        asked = _gathered(self.place(self.queries, block)) * self.scale
        found = torch.cat([self.ahead(block), self.pairs[:, :, block.start : block.stop]], 2)
        scores = _product(asked, found[0])
        masked = scores.unflatten(1, (block.last - block.first, -1))[..., -block.mask.shape[-1] :]
        masked += block.mask
        return asked, found, torch.softmax(scores, -1)

    def add(self, block: Block, found: tuple[Tensor, Tensor]) -> None:
        """Adds gradients of keys and values (pairs, keys, size) where those were read."""
        ahead = self.ahead(block)
        num_before = ahead.shape[2]
        for number, part in enumerate(found):
            self.pairs[number, :, block.start : block.stop] += part[:, num_before:]
            if num_before:
                ahead[number] += part[:, :num_before]


def _gathered(heads: Tensor) -> Tensor:
    return heads.reshape(len(heads), -1, heads.shape[-1])


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Left (pairs, m, k) times the transpose of right (pairs, n, k): (pairs, m, n)."""
    if is_fast(left) and left.shape[1] * max(left.shape[2], right.shape[1]) >= LEAST_PRODUCT:
        return torch.stack([multiply(one, other) for one, other in zip(left, right, strict=True)])
    return torch.bmm(left, right.mT)
