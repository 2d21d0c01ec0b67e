"""Where each anchor finds its own texts among all of a set, and how likely it finds them. Pure arrays, no model.

The corpus of a set is all of its positives and negatives. A text that ties with a positive stands before it: who finds
all texts equally near has found none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sintonia.models.embeddings.links import Ids, Links, Pairs
from sintonia.tasks.embed import SCALE

_CHUNK = 256
"""Anchors compared at once: always so many, so that the same set gives the same numbers."""
_DIGITS = 6
"""Of a similarity; closer than this is a tie, and not an order."""


class Nearness(Protocol):
    """How near texts are; of unit features it is the cosine."""

    def matrix(self, first: Ids, second: Ids) -> np.ndarray:
        """Of each of the first with each of the second, (first, second)."""
        ...

    def pairs(self, first: Ids, second: Ids) -> np.ndarray:
        """Of the first with its second, (pairs,)."""
        ...


@dataclass(frozen=True, slots=True)
class Cosines:
    """Nearness by unit features (texts, hidden)."""

    features: np.ndarray

    def matrix(self, first: Ids, second: Ids) -> np.ndarray:
        """Cosines (first, second)."""
        return np.asarray(self.features[first] @ self.features[second].T)

    def pairs(self, first: Ids, second: Ids) -> np.ndarray:
        """Cosines (pairs,), float64."""
        return np.asarray((self.features[first].astype(np.float64) * self.features[second]).sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What searching came to, example by example."""

    ranks: tuple[Ids, ...]
    """The place of each positive, from 1, ascending."""
    nats: np.ndarray
    """Of the positives among the corpus, as `contrastive_loss` has it; float64 (examples,)."""

    def predictions(self) -> tuple[str, ...]:
        """The ranks as a scorecard holds them."""
        return tuple(" ".join(map(str, one.tolist())) for one in self.ranks)

    def is_first(self) -> tuple[bool, ...]:
        """Whether a positive is what is found first."""
        return tuple(int(one[0]) == 1 for one in self.ranks)


def search(links: Links, near: Nearness) -> Found:
    """Searches the corpus of a set for the positives of each of its anchors."""
    corpus, ranks, nats = links.corpus, [], []
    for start in range(0, len(links.anchors), _CHUNK):
        chunk = range(start, min(start + _CHUNK, len(links.anchors)))
        values = np.asarray(near.matrix(links.anchors[chunk.start : chunk.stop], corpus), dtype=np.float64)
        for position, row in zip(chunk, values, strict=True):
            own = np.searchsorted(corpus, links.positives[position])
            others = _others(links, position, corpus)
            ranks.append(_ranks(row[own], row[others]))
            nats.append(_nats(row[own], row[others]))
    return Found(ranks=tuple(ranks), nats=np.array(nats, dtype=np.float64))


def _others(links: Links, position: int, corpus: Ids) -> np.ndarray:
    """What does not belong to an anchor, as a mask over the corpus."""
    is_other = np.ones(len(corpus), dtype=bool)
    out = np.union1d(links.known[position], links.anchors[position : position + 1])
    is_other[np.searchsorted(corpus, out[np.isin(out, corpus)])] = False
    return is_other


def _ranks(own: np.ndarray, others: np.ndarray) -> Ids:
    own, others = np.sort(np.round(own, _DIGITS))[::-1], np.sort(np.round(others, _DIGITS))
    before = len(others) - np.searchsorted(others, own, side="left")
    return np.asarray(before + np.arange(1, len(own) + 1), dtype=np.int64)


def _nats(own: np.ndarray, others: np.ndarray) -> float:
    if not len(others):
        return 0.0
    most = float(others.max())
    rest = SCALE * most + np.log(np.exp(SCALE * (others - most)).sum())
    return float(np.mean(np.logaddexp(SCALE * own, rest) - SCALE * own))


def order_nats(pairs: Pairs, cosines: np.ndarray) -> np.ndarray:
    """How badly each pair stands among the others by its cosine, nats, float64 (pairs,); log 2 is what guessing gets.

    The mean, over all pairs with another score, of log(1 + exp(20 (cosine of the lower - cosine of the higher))): the
    terms of `order_loss`, example by example (RankNet; Burges et al. 2005). The difference of a cosine and a score is
    no use here: in training for order it grows while the order gets better.
    """
    nats = np.zeros(len(cosines))
    for start in range(0, len(cosines), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        sign = np.sign(pairs.scores[chunk, None] - pairs.scores[None, :])
        terms = np.logaddexp(0.0, -SCALE * sign * (cosines[chunk, None] - cosines[None, :]))
        nats[chunk] = (terms * (sign != 0)).sum(axis=1) / np.maximum((sign != 0).sum(axis=1), 1)
    return nats
