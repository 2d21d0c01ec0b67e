"""An exact saving: only the word vectors that the data touch are trained as such.

A word vector that no training or validation text uses has a zero gradient for ever, so AdamW changes it only by
its weight decay. The optimizer therefore works on a small table of the rows in use (a few thousand of 30,522 in
a typical run: half the weights of a small encoder), and the other rows are multiplied by the decay at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sintonia.models.forward import compute_features
from sintonia.models.pooled import PooledEncoder
from sintonia.models.tokens import MARKS

_TRIED = 8


class CompactVocabulary:
    """Swaps the word table of an encoder for the rows in use; `expand` gives the whole table back.

    Some encoders read more from a token id than its vector (RoBERTa: where padding is). The swap is therefore
    tried on a few texts, and where features change the whole table trains.
    """

    def __init__(self, model: PooledEncoder, token_lists: Sequence[list[int]]) -> None:
        self.module: nn.Embedding = model.transformer.get_input_embeddings()  # type: ignore[operator]
        self.whole, self._padding = self.module.weight.detach().clone(), self.module.padding_idx
        before = compute_features(model, token_lists[:_TRIED])
        self._take(sorted({0} | {token for ids in token_lists for token in ids} - set(MARKS)))
        if not np.allclose(before, compute_features(model, self.rows(token_lists[:_TRIED])), atol=1e-5):
            self._take(list(range(len(self.whole))))

    def _take(self, used: list[int]) -> None:
        self.used = torch.tensor(used, dtype=torch.long)
        self._row = {token: row for row, token in enumerate(used)} | {mark: mark for mark in MARKS}
        is_whole = len(used) == len(self.whole)
        self.module.weight = nn.Parameter(self.whole[self.used].clone())
        self.module.padding_idx = self._padding if is_whole else None

    def rows(self, token_lists: Sequence[Sequence[int]]) -> list[list[int]]:
        """Token ids as rows of the compact table; marks stay what they are."""
        return [[self._row[token] for token in ids] for ids in token_lists]

    def expand(self, compact: Tensor, kept: float) -> Tensor:
        """The whole table: the trained rows in place, the others times `kept`.

        `kept` is the product of (1 - learning rate * weight decay) over the steps behind these weights.
        """
        table = self.whole * kept
        table[self.used] = compact
        return table
