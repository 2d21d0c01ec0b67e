"""Scorecards that belong together: those of the same examples, and those of several parts as one.

Each part's model answers only examples that it has not seen. Pooled, an example occurs once a repeat; who counts
examples must know that (`answers.Answers.repeats`). Nothing is decided here.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Sequence
from typing import Any

from sintonia.evaluate.score import with_scores
from sintonia.records import Example, Rung, Scorecard

Rungs = tuple[tuple[Rung, Scorecard], ...]
COLUMNS = ("ids", "targets", "predictions", "losses", "confidences", "num_bytes", "correct", "squared_errors")
"""What a scorecard holds of each example."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Subjects that did the same examples in the same order, and the group of each example."""

    tuned: Scorecard
    rungs: Rungs
    groups: tuple[str, ...]

    @property
    def cards(self) -> tuple[Scorecard, ...]:
        """All scorecards, that of the tuned model first."""
        return (self.tuned, *(card for _, card in self.rungs))

    def by_name(self) -> tuple[tuple[str, Scorecard], ...]:
        """The scorecards with the names they are kept by."""
        return (("tuned", self.tuned), *((rung.name, card) for rung, card in self.rungs))

    def card(self, rung_name: str) -> Scorecard | None:
        """The scorecard of a rung; None when it is not among them."""
        return next((card for rung, card in self.rungs if rung.name == rung_name), None)

    def only(self, ids: Collection[str]) -> Side:
        """Some of its examples."""
        is_kept = [one in ids for one in self.tuned.ids]
        return Side(
            tuned=_only(self.tuned, is_kept),
            rungs=tuple((rung, _only(card, is_kept)) for rung, card in self.rungs),
            groups=tuple(itertools.compress(self.groups, is_kept)),
        )


def _only(card: Scorecard, is_kept: list[bool]) -> Scorecard:
    """The scorecard of some of its examples; its scores, which were of all, are left out."""
    held: dict[str, Any] = {name: tuple(itertools.compress(getattr(card, name), is_kept)) for name in COLUMNS}
    return dataclasses.replace(card, scores=(), **held)


def pool_cards(cards: Sequence[Scorecard], examples: Sequence[Example]) -> Scorecard:
    """One scorecard of the cards of all parts, with the scores of all answers; `examples` in the same order."""
    if len(cards) == 1:
        return cards[0]
    columns: dict[str, Any] = {name: tuple(one for card in cards for one in getattr(card, name)) for name in COLUMNS}
    bare = dataclasses.replace(cards[0], scores=(), **columns)
    return with_scores(bare, examples, [one.metric for one in cards[0].scores])


def pool_rungs(of_parts: Sequence[Rungs], examples: Sequence[Example], primary_metric: str) -> Rungs:
    """The ladder over all parts: each rung that all parts have, by its name, with its score on all answers."""
    if len(of_parts) == 1:
        return of_parts[0]
    by_name = [{rung.name: (rung, card) for rung, card in rungs} for rungs in of_parts]
    pooled = []
    for name in (one for one in by_name[0] if all(one in held for held in by_name)):
        card = pool_cards([held[name][1] for held in by_name], examples)
        first = by_name[0][name][0]
        value = next(one.value for one in card.scores if one.metric == primary_metric)
        rung = Rung(name=first.name, score=value, needs_training=first.needs_training, description=first.description)
        pooled.append((rung, card))
    return tuple(pooled)


def partly_had(of_parts: Sequence[Collection[str]]) -> tuple[str, ...]:
    """The names of rungs that some parts have and others lack, in the order they come in."""
    names = dict.fromkeys(name for held in of_parts for name in held)
    return tuple(name for name in names if not all(name in held for held in of_parts))
