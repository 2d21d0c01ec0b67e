"""A tuned embedding model, loaded from its saved folder, over examples: its scorecard, and whether it collapsed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sintonia.evaluate.score import bare_card, metrics_of, with_scores
from sintonia.models.embeddings.answers import Answered, answer
from sintonia.models.embeddings.collapse import check_collapse
from sintonia.models.embeddings.ranking import Cosines
from sintonia.models.embeddings.saved import open_embedder
from sintonia.records import Example, Finding, Scorecard, Split
from sintonia.tasks.embed import NAME, texts_of


def score_embedder(folder: Path, examples: Sequence[Example], split: Split) -> Scorecard:
    """What the saved model does on a set of examples; what is searched are the texts of that set.

    Raises:
        StorageError: the folder is not such a model of ours.
    """
    opened = open_embedder(folder)
    found = answer(examples, lambda texts: Cosines(opened.features(texts)))
    return embedding_card("tuned", split, examples, found)


def embedding_card(
    subject: str, split: Split, examples: Sequence[Example], found: Answered, *, has_losses: bool = True
) -> Scorecard:
    """The scorecard of whatever tells how near texts are."""
    bare = dataclasses.replace(
        bare_card(subject, split, examples),
        predictions=found.predictions,
        losses=tuple(found.losses.tolist()) if has_losses else (),
        correct=found.correct,
    )
    return with_scores(bare, examples, metrics_of(NAME))


def look_for_collapse(
    folder: Path, examples: Sequence[Example], base_features: Callable[[Sequence[str]], np.ndarray]
) -> tuple[Finding, ...]:
    """E330 when the saved model gives nearly all texts of some examples the same embedding.

    `base_features` gives the embeddings of the untouched base; it is asked only where there is something to say.

    Raises:
        StorageError: the folder is not such a model of ours.
    """
    texts = sorted({text for one in examples for text in texts_of(one)})
    return check_collapse(open_embedder(folder).features(texts), lambda: base_features(texts))
