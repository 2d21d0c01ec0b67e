"""Which training examples bases are compared on, in which folds, and which of them short trainings are validated on.

All by hashes: the same rows give the same choice in every process and in any order. It reads no file.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from sintonia.records import Example

MOST_TEXTS = 1500
"""Labelled texts that bases are scored on."""
MOST_CONVERSATIONS = 100
HELD_FRACTION = 0.2
"""Share of what is drawn that short trainings are validated on."""


def draw(examples: Sequence[Example], most: int) -> tuple[Example, ...]:
    """At most so many examples, those of each target in proportion and at least two of each where there is room."""
    if len(examples) <= most:
        return tuple(sorted(examples, key=_key))
    by_target: dict[str, list[Example]] = defaultdict(list)
    for one in sorted(examples, key=_key):
        by_target[one.target].append(one)
    share = most / len(examples)
    ranked = [
        ((place + 0.5) / (share * len(own)) if place >= 2 else place / 1e6, _key(one), one)
        for own in by_target.values()
        for place, one in enumerate(own)
    ]
    ranked.sort(key=lambda three: three[:2])
    return tuple(sorted((one for _, _, one in ranked[:most]), key=_key))


def folds_of(examples: Sequence[Example], num_folds: int) -> np.ndarray:
    """A fold of each example, int (examples,): groups whole, and those of each target spread evenly over the folds."""
    fold_of = {group: place % num_folds for place, group in enumerate(_groups(examples))}
    return np.array([fold_of[one.group] for one in examples], dtype=np.int64)


def held_out(examples: Sequence[Example]) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """What short trainings learn from, and what they are validated on: a fifth of the groups of each target.

    A target that is not learned from is not asked for either.
    """
    is_held = folds_of(examples, round(1 / HELD_FRACTION)) == 0
    inner = tuple(one for one, out in zip(examples, is_held, strict=True) if not out)
    taught = {one.target for one in inner}
    held = tuple(
        one for one, out in zip(examples, is_held, strict=True) if out and (one.content or one.target in taught)
    )
    return inner, held


def _groups(examples: Iterable[Example]) -> list[str]:
    """The groups, those of one target (that of their first example) side by side, else in the order of hashes."""
    first: dict[str, str] = {}
    for one in sorted(examples, key=_key):
        first.setdefault(one.group, one.target)
    return sorted(first, key=lambda group: (_hash(f"target {first[group]}"), _hash(f"group {group}")))


def _key(example: Example) -> str:
    return _hash(f"{example.id} {example.place.file} {example.place.line}")


def _hash(text: str) -> str:
    return hashlib.sha256(f"choose {text}".encode()).hexdigest()
