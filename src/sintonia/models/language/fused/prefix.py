"""The beginning that the rows of a step share, computed once: its keys and values, and their gradients gathered.

It knows no model but the fused decoder, and no rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sintonia.models.language.fused.decoder import FusedDecoder

LEAST_SAVED_TOKENS, LEAST_SAVED_BY_PASS = 16, 96
"""Fewer tokens than this are not worth the trouble, or not worth a pass of their own through all weights."""


class SharedPrefix:
    """Keys and values of one beginning by layer. After all rows have used them, `finish` learns from it too."""

    def __init__(self, decoder: FusedDecoder, ids: Sequence[int], lower: tuple[int, Tensor] | None = None) -> None:
        table = decoder.body.embed_tokens.weight
        self.num_tokens = len(ids)
        self._made = decoder.keys_and_values(torch.tensor(ids, device=table.device), lower)
        self.leaves = [None if one is None else one.detach().requires_grad_(one.requires_grad) for one in self._made]
        """What the rows read."""

    def finish(self) -> None:
        """The gradients that the rows have left at the leaves go on into the weights."""
        pairs = zip(self._made, self.leaves, strict=True)
        found = [(made, leaf.grad) for made, leaf in pairs if leaf is not None and leaf.grad is not None]
        if found:
            torch.autograd.backward([made for made, _ in found], [grad for _, grad in found])
        self._made = []
