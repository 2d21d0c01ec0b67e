"""The words of a text as places of characters, and the best sequence of tags. It knows no example and no model.

A word is what a span can begin or end at: letters with their marks, one sign, one emoji with all that is joined to
it, one character of the scripts that put no spaces between words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np

Place = tuple[int, int]
"""The first character and the one behind the last."""
_JOINERS = "\u00ad\u200c\u200d\u2060"
"""Soft hyphen, both zero-width joiners, word joiner: they stand within words."""
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Thai and Lao, Burmese, Khmer, Han, kana: a character is a word, with the marks behind it."""
_FLAG, _SKIN = "\U0001f1e6-\U0001f1ff", "\U0001f3fb-\U0001f3ff"
_LAST_MARK = 0x1F000
_MOST_NUMBERS = 1 << 22
"""Scores of one group of texts: so much is in memory at once."""


@cache
def _marks() -> str:
    """Marks that change the character before them, as ranges of a regular expression; and joiners."""
    points = [point for point in range(0x300, _LAST_MARK) if unicodedata.category(chr(point)).startswith("M")]
    ranges, first = [], points[0]
    for point, following in zip(points, [*points[1:], 0], strict=True):
        if following != point + 1:
            ranges.append(f"{chr(first)}-{chr(point)}")
            first = following
    return "".join(ranges) + "\U000e0100-\U000e01ef" + _JOINERS


@cache
def _pattern() -> re.Pattern[str]:
    marks = _marks()
    alone = rf"[{_UNSPACED}][{marks}]*"
    letters = rf"(?:[^\W{_UNSPACED}][{marks}]*)+"
    sign = rf"[{_FLAG}]{{2}}|[^\s\w](?:[{marks}{_SKIN}]|(?<=\u200d)[^\s\w])*"
    return re.compile(f"{alone}|{letters}|{sign}")


@cache
def _mark_pattern() -> re.Pattern[str]:
    return re.compile(f"[{_marks()}{_SKIN}]*")


def words_of(text: str) -> list[Place]:
    """Where the words of a text stand.

    >>> [text[first:last] for text in ["l'e\u0301t\u00e9 \u5317\u4eac!"] for first, last in words_of(text)]
    ['l', "'", 'e\u0301t\u00e9', '\u5317', '\u4eac', '!']
    """
    return [match.span() for match in _pattern().finditer(text)]


def end_with_marks(text: str, end: int) -> int:
    """The end of what stands before `end`, with the marks behind it that belong to it."""
    match = _mark_pattern().match(text, end)
    return match.end() if match else end


def best_paths(scores: Sequence[np.ndarray], num_labels: int) -> list[np.ndarray]:
    """The likeliest sequence of tags that is allowed: what goes on with a span follows a tag of that span.

    `scores` are logarithms (words, 1 + 2 labels) of each text: outside, beginnings, insides. Where two are as likely
    the tag that stands first is taken, so the same scores always give the same tags.
    """
    order = sorted(range(len(scores)), key=lambda k: len(scores[k]))
    found: list[np.ndarray] = [np.zeros(0, dtype=np.int64)] * len(scores)
    group: list[int] = []
    for k in order:
        size = len(scores[k]) * (1 + 2 * num_labels)
        if group and (len(group) + 1) * size > _MOST_NUMBERS:
            _fill(found, group, scores, num_labels)
            group = []
        if len(scores[k]):
            group.append(k)
    _fill(found, group, scores, num_labels)
    return found


def _fill(found: list[np.ndarray], group: Sequence[int], scores: Sequence[np.ndarray], num_labels: int) -> None:
    """Viterbi over texts of like length at once; what may go before a tag has so few cases that no matrix is needed."""
    if not group:
        return
    lengths = np.array([len(scores[k]) for k in group])
    num_tags, inside = 1 + 2 * num_labels, slice(1 + num_labels, None)
    padded = np.zeros((lengths.max(), len(group), num_tags))
    for row, k in enumerate(group):
        padded[: len(scores[k]), row] = scores[k]
    best = padded[0].copy()
    best[:, inside] = -np.inf
    back = np.zeros(padded.shape, dtype=np.int32)
    begun, gone_on = np.arange(1, 1 + num_labels), np.arange(1 + num_labels, num_tags)
    for step in range(1, len(padded)):
        back[step] = best.argmax(axis=1)[:, None]
        back[step][:, inside] = np.where(best[:, begun] >= best[:, gone_on], begun, gone_on)
        reached = np.take_along_axis(best, back[step], axis=1) + padded[step]
        best = np.where((step < lengths)[:, None], reached, best)
    for row, k in enumerate(group):
        path = np.zeros(lengths[row], dtype=np.int64)
        path[-1] = best[row].argmax()
        for step in range(len(path) - 1, 0, -1):
            path[step - 1] = back[step, row, path[step]]
        found[k] = path
