"""Many inputs answered in chunks: each distinct one computed once, answers given in the order of the inputs.

Within a chunk they are computed sorted by length (`models/forward.py`, `models/language/generate.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

CHUNK = 2048
"""Inputs that are looked at together; so long a stretch is sorted by length, and held in memory."""
MOST_KNOWN = 20_000
"""Answers that are kept for inputs that come again."""

Answer = dict[str, Any]


def answered(
    inputs: Iterable[Any], answer: Callable[[Sequence[Any]], Sequence[Any]], chunk: int = CHUNK
) -> Iterator[Any]:
    """The answer to each input, in their order; `answer` is given distinct inputs that are not known yet.

    >>> list(answered(["b", "a", "b"], lambda some: [one.upper() for one in some]))
    ['B', 'A', 'B']
    """
    known: OrderedDict[Hashable, Any] = OrderedDict()
    coming = iter(inputs)
    while some := list(islice(coming, chunk)):
        keys = [told_apart(one) for one in some]
        new = {key: one for key, one in zip(keys, some, strict=True) if key not in known}
        known |= zip(new, answer(list(new.values())) if new else (), strict=True)
        yield from [known[key] for key in keys]
        for key in keys:
            known.move_to_end(key)
        while len(known) > MOST_KNOWN:
            known.popitem(last=False)


def told_apart(one: Any) -> Hashable:
    """What two inputs have in common when they are the same."""
    if isinstance(one, dict):
        return tuple((name, told_apart(value)) for name, value in sorted(one.items()))
    if isinstance(one, list | tuple):
        return (type(one).__name__, *map(told_apart, one))
    return (type(one).__name__, one)
