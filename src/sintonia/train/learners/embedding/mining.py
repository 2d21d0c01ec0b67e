"""Hard negatives: for an anchor, the nearest text of the training set that does not belong to it, nor may do so.

Mined once, with the untouched base, from the texts of the training examples alone: nobody needs another corpus.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from sintonia.models.embeddings.links import Links
from sintonia.models.embeddings.ranking import Nearness

NEARER_FRACTION = 0.95
"""A text nearer to the anchor than this share of the cosine of its own text may well be right, and is passed over
(positive-aware mining: Moreira et al. 2024, NV-Retriever)."""
_LOOKED_AT = 100
_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """What mining came to."""

    negatives: dict[int, int]
    """By the position of the example, the position of the text."""
    num_passed_over: int
    """Examples whose nearest foreign text was passed over, as it may be right."""

    def in_words(self, num_examples: int) -> str:
        """For the person."""
        return (
            f"hard negatives: {len(self.negatives):,} of {num_examples:,} anchors have one, mined with the base from "
            f"the training texts; of {self.num_passed_over:,} the nearest were passed over, for they may be right"
        )


def mine(links: Links, near: Nearness) -> Mined:
    """A hard negative for each example that has none of its own, where one is found."""
    corpus, families = links.corpus, _families(links)
    wanted = [k for k in range(len(links.anchors)) if not len(links.negatives[k])]
    negatives, num_passed_over = {}, 0
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        values = near.matrix(links.anchors[chunk], corpus)
        for position, row in zip(chunk, values, strict=True):
            limit = NEARER_FRACTION * row[np.searchsorted(corpus, links.positives[position])].min()
            nearest = _nearest(row)
            foreign = [k for k in nearest.tolist() if int(corpus[k]) not in families[int(links.anchors[position])]]
            hard = next((k for k in foreign if row[k] < limit), None)
            num_passed_over += bool(foreign) and hard != foreign[0]
            if hard is not None:
                negatives[position] = int(corpus[hard])
    return Mined(negatives=negatives, num_passed_over=num_passed_over)


def _nearest(row: np.ndarray) -> np.ndarray:
    """Positions of the largest values, largest first, ties in their order."""
    few = min(_LOOKED_AT, len(row))
    chosen = np.sort(np.argpartition(-row, few - 1)[:few])
    return np.asarray(chosen[np.argsort(-row[chosen], kind="stable")])


def _families(links: Links) -> dict[int, set[int]]:
    """By anchor: itself, what belongs to it, and what belongs to anchors with which it shares a text."""
    known = {int(anchor): {int(anchor), *own.tolist()} for anchor, own in zip(links.anchors, links.known, strict=True)}
    holders: dict[int, set[int]] = defaultdict(set)
    for anchor, family in known.items():
        for text in family:
            holders[text].add(anchor)
    related = {anchor: set().union(*(holders[text] for text in family)) for anchor, family in known.items()}
    return {anchor: set().union(*(known[one] for one in others)) for anchor, others in related.items()}
