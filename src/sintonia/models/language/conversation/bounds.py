"""How much a chat template may compute: steps, characters and seconds. It renders nothing.

A template is a program of others. Loops, calls, products and joins are counted before they are done, so that one that
would never end, or fill the memory, ends at once with what it was about to do. No word of a conversation is in there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from jinja2.utils import Namespace

LEAST_CHARACTERS = 1_000_000
CHARACTERS_EACH = 64
"""A text may be this many times as long as what it is made of: messages, tools and the template itself."""
LEAST_STEPS = 1_000_000
STEPS_EACH = 16
MOST_SECONDS = 10.0
"""Of this thread's own computing, so that what else the machine does refuses no template."""
_CHARACTERS_A_STEP = 1_000
_MOST_BITS = 10_000
_LOOK_EVERY = 256
"""Steps between two looks at the clock."""


class Unbounded(Exception):
    """A template computes or writes more than any conversation needs; the text says what, in words."""


class Bounds:
    """What one rendering of something of `num_characters` may still do."""

    def __init__(self, num_characters: int) -> None:
        self.most_characters = max(LEAST_CHARACTERS, CHARACTERS_EACH * num_characters)
        self.most_steps = LEAST_STEPS + STEPS_EACH * num_characters
        self._num_steps, self._look_at, self._ends = 0, _LOOK_EVERY, time.thread_time() + MOST_SECONDS
        self._num_written = 0

    def step(self, count: int = 1) -> None:
        """Counts what is done.

        Raises:
            Unbounded: it is too much, or takes too long.
        """
        self._num_steps += count
        if self._num_steps < self._look_at:
            return
        self._look_at = self._num_steps + _LOOK_EVERY
        if self._num_steps > self.most_steps:
            raise Unbounded(f"it takes more than {self.most_steps:,} steps to write one conversation")
        if time.thread_time() > self._ends:
            raise Unbounded(f"it takes more than {MOST_SECONDS:.0f} seconds to write one conversation")

    def room(self, num_characters: int) -> None:
        """Asks for a text, or a list, of this length.

        Raises:
            Unbounded: there is no room for it.
        """
        if num_characters > self.most_characters:
            raise Unbounded(f"it writes more than {self.most_characters:,} characters for one conversation")
        self.step(1 + num_characters // _CHARACTERS_A_STEP)

    def counted(self, value: Any) -> Any:
        """A value, after all that is in it was counted: a list that is in it twice counts twice, as when it is written.

        Raises:
            Unbounded: it is too much.
        """
        waiting = [value]
        while waiting:
            one = waiting.pop()
            inner = one._Namespace__attrs if isinstance(one, Namespace) else one
            if isinstance(inner, str):
                self.room(len(inner))
            elif isinstance(inner, list | tuple | dict):
                self.step(1 + len(inner))
                waiting += inner.values() if isinstance(inner, dict) else inner
        return value

    def written(self, value: Any) -> Any:
        """A value that is about to be written.

        Raises:
            Unbounded: it is too much, together with all that was written before.
        """
        if not isinstance(value, str):
            self.counted(value)
        self._num_written += length_of(value)
        self.room(self._num_written)
        return value

    def before_operator(self, operator: str, left: Any, right: Any) -> None:
        """Asks whether `left operator right` may be computed; raises Unbounded."""
        self.step()
        if isinstance(left, int) and isinstance(right, int):
            sizes = left.bit_length(), right.bit_length()
            if (operator == "*" and sum(sizes) > _MOST_BITS) or (operator == "**" and sizes[0] * right > _MOST_BITS):
                raise Unbounded("it computes with numbers of thousands of digits")
        elif operator == "+":
            self.room(length_of(left) + length_of(right))
        elif operator == "*":
            self.room(max(length_of(left) * _number(right), length_of(right) * _number(left)))
        elif operator == "%" and isinstance(left, str):
            self.before_call("format", left, right if isinstance(right, tuple) else (right,))

    def before_call(self, name: str, owner: Any, values: Sequence[Any]) -> None:
        """Asks whether a filter, or a method of a text, may make something of `owner`; raises Unbounded."""
        self.step()
        if name in _GROWING:
            self.room(_GROWING[name](owner, values))
        if name in _WIDE:
            self.room(max(map(_number, values), default=0))
        if name not in _LOOKS_ONLY and not isinstance(owner, str):
            self.counted(owner)


def length_of(value: Any) -> int:
    """How much a text or a list holds; 0 of anything else."""
    return len(value) if isinstance(value, str | list | tuple | dict | range) else 0


def _number(value: Any) -> int:
    return abs(value) if isinstance(value, int) else 0


def _longest(values: Sequence[Any]) -> int:
    return max((len(value) for value in values if isinstance(value, str)), default=0)


def _joined(owner: Any, values: Sequence[Any]) -> int:
    """`list | join(between)` and `between.join(list)`."""
    lists = [one for one in (owner, *values) if isinstance(one, list | tuple)]
    whole = sum(length_of(part) for one in lists for part in one)
    return whole + max(map(len, lists), default=0) * _longest([owner, *values])


def _replaced(owner: Any, values: Sequence[Any]) -> int:
    texts = [value for value in values if isinstance(value, str)]
    if not isinstance(owner, str) or len(texts) < 2:
        return 0
    return owner.count(texts[0]) * len(texts[1])


def _indented(owner: Any, values: Sequence[Any]) -> int:
    lines = 1 + owner.count("\n") + owner.count("\t") if isinstance(owner, str) else 1
    return lines * max(_longest(values), *map(_number, values), 0)


def _formatted(owner: Any, values: Sequence[Any]) -> int:
    """Every mark may write the longest value, as wide as any number says."""
    if not isinstance(owner, str):
        return 0
    marks, has_given_width = owner.count("%") + owner.count("{"), "*" in owner or bool(re.search(r"\{[^}]*\{", owner))
    widths = [int(digits[:12]) for digits in re.findall(r"\d+", owner)]
    widths += map(_number, values) if has_given_width else ()
    return max(marks * _longest(values), *widths, 0)


_GROWING: dict[str, Callable[[Any, Sequence[Any]], int]] = {
    "expandtabs": _indented,
    "format": _formatted,
    "format_map": lambda owner, values: _formatted(
        owner, [one for value in values if isinstance(value, dict) for one in value.values()]
    ),
    "indent": _indented,
    "join": _joined,
    "replace": _replaced,
    "translate": lambda owner, values: length_of(owner) * max((len(repr(value)) for value in values), default=0),
    "wordwrap": lambda owner, values: length_of(owner) * _longest(values),
}
"""How long the result may be of what puts texts together."""
_WIDE = frozenset({"batch", "center", "ljust", "rjust", "round", "slice", "tojson", "zfill"})
"""What makes as much as a number says."""
_LOOKS_ONLY = frozenset(
    {"count", "d", "default", "first", "items", "last", "length", "list", "map", "random", "reject", "rejectattr"}
    | {"reverse", "safe", "select", "selectattr", "unique"}
)
"""Filters that write nothing of what they are given, and look at the outermost list alone."""
