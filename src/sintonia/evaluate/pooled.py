"""Scorecards of several parts as one: what their models said on their own tests, side by side.

Each part's model answers only examples that it has not seen. Pooled, an example occurs once a repeat; who counts
examples must know that (`answers.Answers.repeats`). Nothing is decided here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sintonia.evaluate.score import with_scores
from sintonia.records import Example, Rung, Scorecard

Rungs = tuple[tuple[Rung, Scorecard], ...]
COLUMNS = ("ids", "targets", "predictions", "losses", "confidences", "num_bytes", "correct")
"""What a scorecard holds of each example."""


def pool_cards(cards: Sequence[Scorecard], examples: Sequence[Example]) -> Scorecard:
    """One scorecard of the cards of all parts, with the scores of all answers; `examples` in the same order."""
    if len(cards) == 1:
        return cards[0]
    columns = {name: tuple(one for card in cards for one in getattr(card, name)) for name in COLUMNS}
    bare = dataclasses.replace(cards[0], scores=(), **columns)
    return with_scores(bare, examples, [one.metric for one in cards[0].scores])


def pool_rungs(of_parts: Sequence[Rungs], examples: Sequence[Example], primary_metric: str) -> Rungs:
    """The ladder over all parts: each rung by its name, with its score on all answers."""
    if len(of_parts) == 1:
        return of_parts[0]
    pooled = []
    for same in zip(*of_parts, strict=True):
        card = pool_cards([card for _, card in same], examples)
        first = same[0][0]
        value = next(one.value for one in card.scores if one.metric == primary_metric)
        rung = Rung(name=first.name, score=value, needs_training=first.needs_training, description=first.description)
        pooled.append((rung, card))
    return tuple(pooled)
