"""The texts of some examples, each once, and which of them belong together. It computes nothing about texts.

Two texts that differ in case, spaces and punctuation alone are one text: none of them is a wrong answer to the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sintonia.normalise import normalised
from sintonia.records import Example

Ids = np.ndarray
"""Positions in `Links.texts`, int64, one dimension."""


@dataclass(frozen=True, kw_only=True)
class Links:
    """Anchors with what belongs to them; for each example one entry, texts by their positions in `texts`."""

    texts: tuple[str, ...]
    anchors: Ids
    positives: tuple[Ids, ...]
    negatives: tuple[Ids, ...]
    """What a person said does not belong to an anchor; never what belongs to it by another example."""
    known: tuple[Ids, ...]
    """All that belongs to an anchor by these examples, its own positives too, in ascending order."""

    @cached_property
    def corpus(self) -> Ids:
        """What is searched: all positives and negatives, in ascending order."""
        return np.unique(np.concatenate([*self.positives, *self.negatives]))

    def texts_of(self, position: int) -> list[int]:
        """Anchor, positives and negatives of an example."""
        return [int(self.anchors[position]), *self.positives[position].tolist(), *self.negatives[position].tolist()]


def link(examples: Sequence[Example]) -> Links:
    """The links of examples that have an anchor; none may be a scored pair."""
    table = _Texts()
    contents = [one.whole for one in examples]
    anchors = [table.place(one["anchor"]) for one in contents]
    positives = [table.places(one["positives"]) for one in contents]
    negatives = [table.places(one["negatives"]) for one in contents]
    belonging: dict[int, set[int]] = defaultdict(set)
    for anchor, own in zip(anchors, positives, strict=True):
        belonging[anchor].update(own)
    known = [belonging[anchor] | {anchor} for anchor in anchors]
    return Links(
        texts=tuple(table.texts),
        anchors=np.array(anchors, dtype=np.int64),
        positives=tuple(_ids(own) for own in positives),
        negatives=tuple(
            _ids([one for one in asked if one not in all_own]) for asked, all_own in zip(negatives, known, strict=True)
        ),
        known=tuple(_ids(sorted(belonging[anchor])) for anchor in anchors),
    )


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of texts with a score."""

    texts: tuple[str, ...]
    first: Ids
    second: Ids
    scores: np.ndarray
    """float64 (pairs,)"""


def pair(examples: Sequence[Example]) -> Pairs:
    """The pairs of examples that have a score; here texts are the same only where each letter is."""
    table = _Texts(is_exact=True)
    contents = [one.whole for one in examples]
    first = [table.place(one["texts"][0]) for one in contents]
    second = [table.place(one["texts"][1]) for one in contents]
    return Pairs(
        texts=tuple(table.texts),
        first=np.array(first, dtype=np.int64),
        second=np.array(second, dtype=np.int64),
        scores=np.array([float(one["score"]) for one in contents], dtype=np.float64),
    )


class _Texts:
    """Texts in the order in which they were first met, each once."""

    def __init__(self, *, is_exact: bool = False) -> None:
        self.texts: list[str] = []
        self._is_exact = is_exact
        self._by_key: dict[str, int] = {}

    def place(self, text: str) -> int:
        key = text if self._is_exact else normalised(text)
        if key not in self._by_key:
            self._by_key[key] = len(self.texts)
            self.texts.append(text)
        return self._by_key[key]

    def places(self, texts: Sequence[str]) -> list[int]:
        """Of some texts, each once."""
        return list(dict.fromkeys(self.place(text) for text in texts))


def _ids(places: Sequence[int]) -> Ids:
    return np.array(places, dtype=np.int64)
