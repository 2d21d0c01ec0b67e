"""Scorecards of several parts as one: what their models said on their own tests, side by side.

Each part's model answers only examples that it has not seen. Pooled, an example occurs once a repeat; who counts
examples must know that (`compare.Answers.repeats`). Nothing is decided here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sintonia.evaluate.compare import Answers, score_alone
from sintonia.evaluate.score import RULE
from sintonia.metrics import METRICS
from sintonia.records import Example, Rung, Score, Scorecard

Rungs = tuple[tuple[Rung, Scorecard], ...]


def count_repeats(ids: Sequence[str]) -> int:
    """How often each example was tested.

    Raises ValueError when some were tested more often than others: a mistake of the caller.
    """
    counts = set(Counter(ids).values())
    if len(counts) != 1:
        raise ValueError("an example is tested more often than others, or none is tested")
    return counts.pop()


def pool_cards(cards: Sequence[Scorecard], examples: Sequence[Example]) -> Scorecard:
    """One scorecard of the cards of all parts, with the scores of all answers; `examples` in the same order."""
    if len(cards) == 1:
        return cards[0]
    predictions = tuple(prediction for card in cards for prediction in card.predictions)
    return Scorecard(
        subject=cards[0].subject,
        split=cards[0].split,
        scores=tuple(_score(one.metric, examples, predictions) for one in cards[0].scores),
        ids=tuple(one for card in cards for one in card.ids),
        targets=tuple(one for card in cards for one in card.targets),
        predictions=predictions,
        losses=tuple(one for card in cards for one in card.losses),
        confidences=tuple(one for card in cards for one in card.confidences),
    )


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


def _score(metric: str, examples: Sequence[Example], predictions: tuple[str, ...]) -> Score:
    answers = Answers(
        targets=tuple(one.target for one in examples),
        base=predictions,
        tuned=predictions,
        groups=tuple(one.group for one in examples),
        repeats=count_repeats([one.id for one in examples]),
    )
    return score_alone(METRICS[metric], answers, RULE)
