"""Rows of tokens that go on from one prompt: the two answers of a pair, or the one that was rated.

No model lives here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sintonia.models.language.rows import TokenRow
from sintonia.models.language.template import Template


@dataclass(frozen=True, slots=True)
class Bundle:
    """Rows that are computed together, each with something to learn in it.

    What is computed of it has one column a row, and one more for `has_rest`.
    """

    rows: tuple[TokenRow, ...]
    has_rest: bool = False
    """Whether the tokens of the first row that are not learned are weighed too, in a column of their own."""

    @property
    def is_learnable(self) -> bool:
        """Whether something is left of each answer."""
        return all(row.num_learned for row in self.rows)

    @property
    def num_tokens(self) -> tuple[int, ...]:
        """How many tokens each column is about."""
        learned = tuple(row.num_learned for row in self.rows)
        return (*learned, _last_learned(self.rows[0]) - learned[0]) if self.has_rest else learned


@dataclass(frozen=True, slots=True)
class Tree:
    """The tokens of a bundle that must be read, what its rows begin with alike only once."""

    stem: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]
    """What is left of each row."""
    predictions: tuple[tuple[int, int, tuple[int, ...]], ...]
    """Where in the stem and the branches, one after the other, which token is predicted, for which columns; rising."""
    num_columns: int

    @property
    def num_tokens(self) -> int:
        """Tokens that are computed."""
        return len(self.stem) + sum(map(len, self.branches))


def bundles_of(
    template: Template, contents: Sequence[Mapping[str, Any]], max_tokens: int, *, has_rest: bool = False
) -> list[Bundle]:
    """The answers of each content behind its prompt, cut after `max_tokens`; what earlier answers say is not learned.

    A content is `{"messages", "chosen", "rejected"}` or `{"messages", "completion"}`, with `tools` if there are some.
    """
    written = [_conversations(content) for content in contents]
    rows = iter(template.render_all([one for several in written for one in several], max_tokens))
    return [Bundle(tuple(next(rows).row for _ in several), has_rest) for several in written]


def mismatched(contents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each prompt with the answers of the content before it, the first with those of the last: what KTO measures the
    distance from the base by."""
    answers = [{name: one for name, one in content.items() if name in _ANSWERS} for content in contents]
    prompts = [{name: one for name, one in content.items() if name not in _ANSWERS} for content in contents]
    return [{**prompt, **answer} for prompt, answer in zip(prompts, answers[-1:] + answers[:-1], strict=True)]


_ANSWERS = ("chosen", "rejected", "completion")


def _conversations(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    before = [
        {**message, "weight": 0} if message["role"] == "assistant" else message for message in content["messages"]
    ]
    tools = {"tools": content["tools"]} if content.get("tools") else {}
    return [{"messages": [*before, *content[name]], **tools} for name in _ANSWERS if name in content]


def tree_of(bundle: Bundle, *, shares: bool = True) -> Tree:
    """The tree of a bundle; with `shares` off its rows have nothing in common."""
    read = [row.ids[: _last_learned(row)] for row in bundle.rows]
    num_stem = common_length(read) if shares else 0
    offset, found = 0, dict[tuple[int, int], list[int]]()
    for column, (row, ids) in enumerate(zip(bundle.rows, read, strict=True)):
        for place, is_learned in enumerate(row.learned[1 : len(ids) + 1]):
            if is_learned or (bundle.has_rest and column == 0):
                where = place if place < num_stem else place + offset
                owner = column if is_learned else len(read)
                found.setdefault((where, row.ids[place + 1]), []).append(owner)
        offset += len(ids) - num_stem
    predictions = sorted((place, target, tuple(owners)) for (place, target), owners in found.items())
    stem, branches = tuple(read[0][:num_stem]), tuple(tuple(ids[num_stem:]) for ids in read)
    return Tree(stem, branches, tuple(predictions), len(bundle.num_tokens))


def common_length(sequences: Iterable[tuple[int, ...]]) -> int:
    """How many tokens all sequences begin with alike."""
    ordered = sorted(sequences)
    first, last = ordered[0], ordered[-1]
    most = min(len(first), len(last))
    return next((place for place in range(most) if first[place] != last[place]), most)


def flat_rows(bundles: Sequence[Bundle]) -> list[TokenRow]:
    """The rows of all bundles, one after the other."""
    return [row for bundle in bundles for row in bundle.rows]


def token_counts(bundles: Sequence[Bundle]) -> np.ndarray:
    """Tokens of each column, int64 (bundles, columns)."""
    return np.array([bundle.num_tokens for bundle in bundles], dtype=np.int64)


def _last_learned(row: TokenRow) -> int:
    """Place of the last token that is learned: nothing is predicted from it."""
    return max((place for place, is_learned in enumerate(row.learned) if is_learned), default=0)
