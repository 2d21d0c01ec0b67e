"""What an open candidate with a head answers, for whoever scores it and for whoever uses it."""

from sintonia.models.answering.heads import (
    OUT_OF_SCOPE,
    answer,
    has_thresholds,
    labels_answered,
    logits_of,
    positions_of,
)
from sintonia.models.answering.spans import OpenTagger, open_tagger, tagger_of, texts_tagged

__all__ = [
    "OUT_OF_SCOPE",
    "OpenTagger",
    "answer",
    "has_thresholds",
    "labels_answered",
    "logits_of",
    "open_tagger",
    "positions_of",
    "tagger_of",
    "texts_tagged",
]
