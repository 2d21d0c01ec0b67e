"""An exact saving: only the word vectors that the data touch are trained as such.

A word vector that no training or validation text uses has a zero gradient for ever, so AdamW changes it only by
its weight decay. The optimizer therefore works on a small table of the rows in use (a few thousand of 30,522 in
a typical run: half the weights of a small encoder), and the other rows are multiplied by the decay at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from sintonia.models.pooled import PooledEncoder


class CompactVocabulary:
    """Swaps the word table of an encoder for the rows in use; `expand` gives the whole table back."""

    def __init__(self, model: PooledEncoder, token_lists: Iterable[Sequence[int]]) -> None:
        self.module: nn.Embedding = model.transformer.get_input_embeddings()  # type: ignore[operator]
        self.whole = self.module.weight.detach().clone()
        used = {0} | {token for ids in token_lists for token in ids}
        self.used = torch.tensor(sorted(used), dtype=torch.long)
        self._row = {token: row for row, token in enumerate(self.used.tolist())}
        self.module.weight = nn.Parameter(self.whole[self.used].clone())
        self.module.padding_idx = None
        self.kept = 1.0
        """Product of (1 - learning rate * weight decay) over the steps taken."""

    def rows(self, token_lists: Sequence[Sequence[int]]) -> list[list[int]]:
        """Token ids as rows of the compact table."""
        return [[self._row[token] for token in ids] for ids in token_lists]

    def decay(self, learning_rate: float, weight_decay: float) -> None:
        """Accounts for one optimizer step on the rows that are not in the table."""
        self.kept *= 1.0 - learning_rate * weight_decay

    def expand(self, compact: Tensor) -> Tensor:
        """The whole table with the trained rows in place and the others decayed."""
        table = self.whole * self.kept
        table[self.used] = compact
        return table
