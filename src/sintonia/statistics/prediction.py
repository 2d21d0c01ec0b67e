"""How well one field predicts a target by itself: its values, the letters they begin with, its nearest number.

It looks at one column at a time, and always predicts rows that it did not learn from.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

_GAP_CLOSED = 0.95
_LEAST = 0.98
_MIN_ROWS = 50
_LETTERS = re.compile(r"[^\W\d]+")


def share_predicted(values: Sequence[Any], targets: Sequence[str]) -> float | None:
    """Share of the targets that the values predict (2 folds), when nearly all of them: .98, and 95 % of the gap that
    the commonest target leaves. None otherwise, and for fields that are lists or objects.

    >>> share_predicted(["x1", "x2", "y3", "y4"] * 20, ["a", "a", "b", "b"] * 20)
    1.0
    >>> share_predicted(["x", "y"] * 40, ["a", "a", "b", "b"] * 20) is None
    True
    """
    if len(targets) < _MIN_ROWS or any(isinstance(value, list | dict) for value in values):
        return None
    common = Counter(targets).most_common(1)[0][1] / len(targets)
    if common == 1:
        return None
    best = max(
        _by_value([str(value) for value in values], targets),
        _by_beginning(values, targets),
        _by_number(values, targets),
    )
    return best if best >= max(_LEAST, common + _GAP_CLOSED * (1 - common)) else None


def _halves(count: int) -> tuple[tuple[range, range], ...]:
    even, odd = range(0, count, 2), range(1, count, 2)
    return (even, odd), (odd, even)


def _by_value(values: Sequence[str], targets: Sequence[str]) -> float:
    """The commonest target of the same value in the other half; an unseen value says nothing and counts as wrong."""
    right = 0
    for known, new in _halves(len(values)):
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        for row in known:
            seen[values[row]][targets[row]] += 1
        right += sum(values[row] in seen and seen[values[row]].most_common(1)[0][0] == targets[row] for row in new)
    return right / len(values)


def _by_beginning(values: Sequence[Any], targets: Sequence[str]) -> float:
    """The letters that a value begins with, such as `spam` in `spam-0017`; not when nothing follows the letters."""
    texts = [str(value) for value in values]
    found = [_LETTERS.match(text) for text in texts]
    if not all(one is not None and one.end() < len(text) for one, text in zip(found, texts, strict=True)):
        return 0.0
    return _by_value([one.group() if one else "" for one in found], targets)


def _by_number(values: Sequence[Any], targets: Sequence[str]) -> float:
    """The target of the nearest number in the other half: ids in blocks, scores with a threshold."""
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return 0.0
    if any(number != number for number in numbers):
        return 0.0
    right = 0
    for known, new in _halves(len(numbers)):
        ordered = sorted((numbers[row], targets[row]) for row in known)
        keys = [number for number, _ in ordered]
        for row in new:
            at = bisect_left(keys, numbers[row])
            near = [place for place in (at - 1, at) if 0 <= place < len(keys)]
            nearest = min(near, key=lambda place: abs(keys[place] - numbers[row]))
            right += ordered[nearest][1] == targets[row]
    return right / len(numbers)
