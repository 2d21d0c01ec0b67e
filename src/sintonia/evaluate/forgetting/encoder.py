"""Does an encoder still find which halves of a text belong together? Features before the head; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sintonia.evaluate.forgetting.anchors import Anchor

if TYPE_CHECKING:
    from sintonia.models.pooled import PooledEncoder

MOST_TOKENS = 128
"""A half is much shorter, in any tokenizer that knows its language."""


def find_halves(model: PooledEncoder, tokenizer: Any, max_tokens: int, anchors: Sequence[Anchor]) -> np.ndarray:
    """Of each anchor, whether its own second half is the nearest to its first, by cosine, among those of its language.

    Bool, shape (anchors,).
    """
    from sintonia.models.forward import compute_features
    from sintonia.models.tokens import tokenize

    texts = [one.first for one in anchors] + [one.second for one in anchors]
    features = compute_features(model, tokenize(tokenizer, texts, min(MOST_TOKENS, max_tokens)).ids)
    firsts, seconds = features[: len(anchors)], features[len(anchors) :]
    return is_nearest(firsts @ seconds.T, [one.language for one in anchors])


def is_nearest(similarities: np.ndarray, languages: Sequence[str]) -> np.ndarray:
    """Whether the own column of each row is the nearest of its language, and no other as near; bool (rows,)."""
    spoken = np.array(languages)
    rivals = np.where(spoken[:, None] == spoken[None, :], similarities, -np.inf)
    own = np.diag(similarities).copy()
    np.fill_diagonal(rivals, -np.inf)
    return np.asarray(own > rivals.max(axis=1), dtype=bool)
