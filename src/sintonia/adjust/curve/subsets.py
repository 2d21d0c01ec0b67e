"""Which training examples a curve is measured with: how many, and which ones. Arrays in, positions out.

Subsets are nested, hold whole groups, and keep the shares of the classes; the first example of each class comes first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
LEAST_SIZES = 4
_MOST_SIZES = 6
_LEAST_EXAMPLES, _LEAST_PER_LABEL = 40, 2


def least_size(num_labels: int) -> int:
    """The fewest training examples that a point of a curve may have (science.md 4.1)."""
    return max(_LEAST_EXAMPLES, _LEAST_PER_LABEL * num_labels)


def sizes_for(num_examples: int, num_labels: int) -> tuple[int, ...]:
    """Numbers of training examples, ascending: halves of all there are, or where these are few, nearer ones.

    Empty where even these would be less than four.

    >>> sizes_for(800, 3)
    (50, 100, 200, 400, 800)
    >>> sizes_for(250, 3)
    (40, 74, 136, 250)
    >>> sizes_for(150, 3)
    ()
    """
    least = least_size(num_labels)
    halves = [round(num_examples / 2**power) for power in range(_MOST_SIZES)]
    kept = [size for size in halves if size >= least]
    if len(kept) >= LEAST_SIZES:
        return tuple(reversed(kept))
    if num_examples < LEAST_SIZES * least:
        return ()
    steps = np.geomspace(least, num_examples, LEAST_SIZES)
    return tuple(round(float(size)) for size in steps)


def nested_subsets(groups: Integers, targets: Integers, sizes: tuple[int, ...], seed: int) -> tuple[Integers, ...]:
    """Positions of the examples of each size, each within the next; as near to the size as whole groups allow."""
    _, first, index, counts = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    generator = np.random.default_rng(seed)
    order = np.argsort(_keys(targets[first], generator), kind="stable")
    reached = np.cumsum(counts[order])
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    kept = [int(np.abs(reached - size).argmin()) for size in sizes]
    return tuple(np.flatnonzero(place[index] <= last) for last in kept)


def _keys(classes: Integers, generator: np.random.Generator) -> NDArray[np.float64]:
    """Of each group where it stands in the order: classes are spread evenly, and one group of each comes first."""
    keys = np.empty(len(classes))
    for name in np.unique(classes):
        members = generator.permutation(np.flatnonzero(classes == name))
        keys[members] = (np.arange(len(members)) + generator.random(len(members))) / len(members)
        keys[members[0]] -= 1.0
    return keys


def spread_over_folds(groups: Integers, targets: Integers, num_folds: int, seed: int) -> Integers:
    """A fold for each example: groups stay together, and each class is spread as evenly as its groups allow."""
    names, first, index = np.unique(groups, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    by_class = shuffled[np.argsort(targets[first][shuffled], kind="stable")]
    fold_of_name = np.empty(len(names), dtype=np.int64)
    fold_of_name[by_class] = np.arange(len(names)) % num_folds
    return np.asarray(fold_of_name[index])
