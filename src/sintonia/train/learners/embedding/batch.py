"""Who is compared with whom in a step: which texts are an anchor's own, and which are no wrong answers to it.

A text is never held against an anchor that is known to be, or may well be, right: the anchor itself, what belongs to it
by any training example, and whatever belongs together with a text that also belongs to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sintonia.models.embeddings.links import Ids, Links
from sintonia.tasks.embed import contrastive_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The texts of a step, each once, and what its anchors are to tell apart; rows are examples of the step."""

    texts: Ids
    """Positions in the texts of the links."""
    anchors: Tensor
    """Of each example, the position of its anchor in `texts`."""
    candidates: Tensor
    """Positions in `texts` of what is searched."""
    is_own: Tensor
    """Which candidates belong to an anchor, bool (examples, candidates)."""
    is_shut_out: Tensor
    """Which are no wrong answers to it, though they are not of its example."""

    def loss(self, features: Tensor) -> Tensor:
        """The contrastive loss; `features` are of `texts`, of unit length."""
        cosines = features[self.anchors] @ features[self.candidates].T
        return contrastive_loss(cosines, self.is_own, self.is_shut_out)


def compare_in_batch(links: Links, positions: Sequence[int], mined: Mapping[int, int]) -> Compared:
    """The batch of the examples at these positions; `mined` has hard negatives of some of them."""
    anchors = links.anchors[list(positions)]
    positives = [links.positives[k] for k in positions]
    given = [links.negatives[k] for k in positions]
    hard = np.array([mined[k] for k in positions if k in mined], dtype=np.int64)
    candidates = np.unique(np.concatenate([*positives, *given, hard]))
    texts = np.union1d(anchors, candidates)
    is_own = np.stack([np.isin(candidates, own) for own in positives])
    is_given = np.stack([np.isin(candidates, one) for one in given])
    together = _together([np.append(links.known[k], links.anchors[k]) for k in positions], candidates)
    return Compared(
        texts=texts,
        anchors=torch.from_numpy(np.searchsorted(texts, anchors)),
        candidates=torch.from_numpy(np.searchsorted(texts, candidates)),
        is_own=torch.from_numpy(is_own),
        is_shut_out=torch.from_numpy(together & ~is_own & ~is_given),
    )


def _together(families: Sequence[Ids], candidates: Ids) -> np.ndarray:
    """Which candidates are of the family of an example, or of one that shares a text with it."""
    everybody = np.unique(np.concatenate(families))
    is_member = np.stack([np.isin(everybody, family) for family in families]).astype(np.float32)
    is_related = (is_member @ is_member.T > 0).astype(np.float32)
    is_near = is_related @ is_member > 0
    found = np.zeros((len(families), len(candidates)), dtype=bool)
    is_known = np.isin(candidates, everybody)
    found[:, is_known] = is_near[:, np.searchsorted(everybody, candidates[is_known])]
    return found
