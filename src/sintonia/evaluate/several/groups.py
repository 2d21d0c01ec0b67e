"""The groups of test examples where several runs each have their own: what one of them keeps together stays together.

Pure. It never finds groups by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def merged_groups(ids: Sequence[str], groupings: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """The group of each example: connected components over the groups of all runs, shape (examples,).

    `groupings` give, for each run, the group of each example by its id. Raises KeyError when one lacks an example: a
    mistake of the caller.
    """
    parents: dict[tuple[int, str], tuple[int, str]] = {}

    def root(node: tuple[int, str]) -> tuple[int, str]:
        while (above := parents.setdefault(node, node)) != node:
            parents[node] = parents[above]
            node = above
        return node

    for one in ids:
        first = root((0, groupings[0][one]))
        for number, grouping in enumerate(groupings[1:], start=1):
            parents[root((number, grouping[one]))] = first
    return tuple(_name(root((0, groupings[0][one]))) for one in ids)


def _name(node: tuple[int, str]) -> str:
    return f"{node[0]} {node[1]}"


def num_groups(ids: Sequence[str], grouping: Mapping[str, str]) -> int:
    """Groups of these examples."""
    return len({grouping[one] for one in ids})
