"""Words of texts and the sub-tokens that stand for them: each word is the mean of its sub-tokens.

Places are characters of the text as it is, whatever the tokenizer makes of it (lower case, no accents): its offsets
lead back. A text that is too long is read in windows that overlap, and every word is asked of the window in which it
stands farthest from an edge. It knows no tag and computes nothing with a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from sintonia.tasks.words import Place, end_with_marks

NOWHERE = -1
"""Instead of a window, of a word that no sub-token stands for."""
OVERLAP_FRACTION = 0.25
"""Of a window, how much the next one repeats."""


@dataclass(frozen=True, slots=True)
class LearnedRow:
    """What is learned of a window: words as first sub-token and the one behind the last (words, 2), their targets, how
    much each counts."""

    places: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """Texts as windows of token ids, and where in them each word is."""

    units: list[list[Place]]
    """The words of each text: those that were given, or the tokenizer's own pieces."""
    windows: list[list[int]]
    """Token ids with the special ones, text after text."""
    windows_of: list[range]
    """Which windows belong to each text."""
    spoken: list[np.ndarray]
    """Of each text (units, 3): the window of a word, and in it the positions of its first sub-token and of the one
    behind its last; NOWHERE where none is."""

    @property
    def num_windowed(self) -> int:
        """Texts that are longer than what is read at once."""
        return sum(len(some) > 1 for some in self.windows_of)

    @property
    def num_silent(self) -> int:
        """Words that no sub-token stands for."""
        return sum(int((places[:, 0] == NOWHERE).sum()) for places in self.spoken)

    def only(self, positions: Sequence[int]) -> Aligned:
        """Some of the texts, with their windows numbered anew."""
        windows: list[list[int]] = []
        found = Aligned(units=[self.units[k] for k in positions], windows=windows, windows_of=[], spoken=[])
        for k in positions:
            moved = self.spoken[k].copy()
            moved[moved[:, 0] != NOWHERE, 0] += len(windows) - self.windows_of[k].start
            found.spoken.append(moved)
            found.windows_of.append(range(len(windows), len(windows) + len(self.windows_of[k])))
            windows.extend(self.windows[row] for row in self.windows_of[k])
        return found

    def with_windows(self, windows: list[list[int]]) -> Aligned:
        """The same with other numbers for the tokens."""
        return replace(self, windows=windows)

    def learned_rows(
        self, targets: Sequence[np.ndarray], not_learned: int, of_tags: np.ndarray | None = None
    ) -> list[LearnedRow]:
        """Of each window what is learned in it; the words of a text share a weight of 1, times that of their tags."""
        empty = LearnedRow(np.zeros((0, 2), np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
        found = [empty] * len(self.windows)
        for goal, places, rows in zip(targets, self.spoken, self.windows_of, strict=True):
            is_learned = (goal != not_learned) & (places[:, 0] != NOWHERE)
            weight = np.float32(1.0 / max(int(is_learned.sum()), 1))
            for row in rows:
                here = is_learned & (places[:, 0] == row)
                shares = np.full(int(here.sum()), weight) if of_tags is None else weight * of_tags[goal[here]]
                found[row] = LearnedRow(places[here, 1:], goal[here], shares.astype(np.float32))
        return found


def tokens_of_words(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions of all sub-tokens of words given as (words, 2), one word after the other, and how many each has.

    >>> [some.tolist() for some in tokens_of_words(np.array([[1, 2], [4, 7]]))]
    [[1, 4, 5, 6], [1, 3]]
    """
    counts = places[:, 1] - places[:, 0]
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(places[:, 0], counts) + np.arange(len(before)) - before, counts


def masked(targets: Sequence[np.ndarray], aligned: Aligned, not_learned: int) -> list[np.ndarray]:
    """Targets (units,) in which words that no sub-token stands for are not learned."""
    return [
        np.where(places[:, 0] == NOWHERE, not_learned, goal)
        for goal, places in zip(targets, aligned.spoken, strict=True)
    ]


def align(
    tokenizer: Any,
    texts: Sequence[str],
    units: Sequence[Sequence[Place] | None],
    max_tokens: int,
    *,
    may_join: bool,
) -> Aligned:
    """Texts and their words to windows of at most `max_tokens` tokens; without words, the pieces are the words.

    With `may_join` a word that has no sub-token of its own because the one before it takes it in becomes one with it.
    """
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    found = Aligned(units=[], windows=[], windows_of=[], spoken=[])
    for text, words, encoding in zip(texts, units, backend.encode_batch(list(texts)), strict=True):
        first, behind = _content(encoding.special_tokens_mask)
        places = [_trimmed(text, place) for place in encoding.offsets[first:behind]]
        known = _pieces(text, places) if words is None else list(words)
        own = _first_tokens(known, places)
        if may_join or words is None:
            known, own = _joined(known, own, places)
        ids = encoding.ids
        starts, size = _window_starts(behind - first, max_tokens - first - (len(ids) - behind))
        begins = len(found.windows)
        before, after = ids[:first], ids[behind:]
        for start in starts:
            found.windows.append([*before, *ids[first + start : min(first + start + size, behind)], *after])
        found.windows_of.append(range(begins, len(found.windows)))
        found.units.append(known)
        spans = np.array([own, _ends(known, own, places)], dtype=np.int64).T.reshape(-1, 2)
        found.spoken.append(_spoken(spans, starts, size, (begins, first)))
    return found


def _content(special: Sequence[int]) -> tuple[int, int]:
    """Where the tokens of the text itself begin and end, between those that every text gets."""
    first = next((k for k, mark in enumerate(special) if not mark), None)
    if first is None:
        return len(special) // 2, len(special) // 2
    return first, len(special) - next(k for k, mark in enumerate(reversed(special)) if not mark)


def _trimmed(text: str, place: Place) -> Place:
    """Without the space before a word, which some tokenizers count to it."""
    start, end = place
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _pieces(text: str, places: Sequence[Place]) -> list[Place]:
    """What the tokens stand for, each character in one piece, marks with what they change."""
    pieces: list[Place] = []
    for start, end in places:
        if start >= end:
            continue
        if pieces and start < pieces[-1][1]:
            pieces[-1] = pieces[-1][0], max(end, pieces[-1][1])
        else:
            pieces.append((start, end))
    limits = [start for start, _ in pieces[1:]] + [len(text)]
    return [
        (start, max(end, min(end_with_marks(text, end), limit)))
        for (start, end), limit in zip(pieces, limits, strict=True)
    ]


def _first_tokens(words: Sequence[Place], places: Sequence[Place]) -> list[int]:
    """The first token of each word that stands for no word before it; NOWHERE where there is none."""
    own, token = [], 0
    for start, end in words:
        while token < len(places) and (places[token][1] <= start or places[token][0] >= places[token][1]):
            token += 1
        if token < len(places) and places[token][0] < end:
            own.append(token)
            token += 1
        else:
            own.append(NOWHERE)
    return own


def _ends(words: Sequence[Place], own: Sequence[int], places: Sequence[Place]) -> list[int]:
    """The token behind the last one of each word: before that of the next word, and before what begins behind it."""
    found: list[int] = []
    limit = len(places)
    for (_, end), token in zip(reversed(words), reversed(own), strict=True):
        behind = token + 1
        while token != NOWHERE and behind < limit and places[behind][0] < end:
            behind += 1
        found.append(behind)
        limit = limit if token == NOWHERE else token
    return found[::-1]


def _joined(words: list[Place], own: list[int], places: Sequence[Place]) -> tuple[list[Place], list[int]]:
    """Words of which the token of the one before them takes them in, without a gap, are one with it."""
    joined: list[Place] = []
    tokens: list[int] = []
    for (start, end), token in zip(words, own, strict=True):
        is_within = token == NOWHERE and bool(joined) and tokens[-1] != NOWHERE and joined[-1][1] == start
        if is_within and places[tokens[-1]][1] > start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
            tokens.append(token)
    return joined, tokens


def _window_starts(num_tokens: int, room: int) -> tuple[list[int], int]:
    """Where the windows of a text begin among its tokens, and how many tokens each has."""
    size = max(room, 1)
    if num_tokens <= size:
        return [0], size
    step = max(size - int(size * OVERLAP_FRACTION), 1)
    starts = [*range(0, num_tokens - size, step), num_tokens - size]
    return starts, size


def _spoken(tokens: np.ndarray, starts: Sequence[int], size: int, before: tuple[int, int]) -> np.ndarray:
    """Window and positions of the words of which `tokens` (words, 2) are the first token and the one behind the last;
    `before` are the windows and the special tokens before them.

    Two windows share what both read: the border is in the middle of it. What of a word lies beyond its window is not
    read.
    """
    own = tokens[:, 0]
    borders = [(following + start + size) // 2 for start, following in pairwise(starts)]
    window = np.searchsorted(borders, own, side="right")
    begins = np.array(starts)[window]
    behind = np.minimum(tokens[:, 1] - begins, size)
    spoken = np.stack([window + before[0], own - begins + before[1], behind + before[1]], axis=1).astype(np.int64)
    spoken[own == NOWHERE] = NOWHERE
    return spoken
