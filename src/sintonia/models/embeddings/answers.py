"""What embeddings say about examples: predictions as a scorecard holds them, losses, and which are right.

Whatever tells how near two texts are can answer: the model in training, the saved one, the base, or bare words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sintonia.models.embeddings.links import link, pair
from sintonia.models.embeddings.ranking import Nearness, order_nats, search
from sintonia.records import Example
from sintonia.tasks.embed import has_scores

_GUESSING = np.log(2.0)
Measure = Callable[[Sequence[str]], Nearness]
"""From texts to how near they are, asked by their positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One entry an example."""

    predictions: tuple[str, ...]
    """The ranks of the positives, ascending, joined by a space; of a scored pair its cosine by `repr`."""
    losses: np.ndarray
    """Nats of the positives among the texts of the set, or of the place of a scored pair among the others; float64."""
    correct: tuple[bool, ...]
    """Whether a positive is found first; of a scored pair, whether its place among the others beats guessing."""


def answer(examples: Sequence[Example], measure: Measure) -> Answered:
    """What nearness says about the examples of a set."""
    if has_scores(examples):
        return _answer_pairs(examples, measure)
    links = link(examples)
    found = search(links, measure(links.texts))
    return Answered(predictions=found.predictions(), losses=found.nats, correct=found.is_first())


def _answer_pairs(examples: Sequence[Example], measure: Measure) -> Answered:
    pairs = pair(examples)
    cosines = np.asarray(measure(pairs.texts).pairs(pairs.first, pairs.second), dtype=np.float64)
    losses = order_nats(pairs, cosines)
    return Answered(
        predictions=tuple(repr(float(one)) for one in cosines),
        losses=losses,
        correct=tuple((losses < _GUESSING).tolist()),
    )
