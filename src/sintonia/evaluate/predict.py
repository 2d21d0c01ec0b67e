"""Runs a tuned model, loaded from its saved folder, over texts. Metrics never touch a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sintonia.evaluate.language import score_language
from sintonia.evaluate.score import make_scorecard
from sintonia.models.forward import compute_logits, log_softmax
from sintonia.models.open import candidate_task, open_candidate
from sintonia.models.tokens import tokenize
from sintonia.records import Example, Scorecard, Split


def predict_texts(folder: Path, texts: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The labels of the candidate in `folder`, and the probabilities (texts, labels)."""
    candidate = open_candidate(folder)
    tokens = tokenize(candidate.tokenizer, texts, candidate.max_tokens)
    logits = compute_logits(candidate.model, tokens.ids)
    return candidate.labels, np.exp(log_softmax(logits)) if len(texts) else np.zeros((0, len(candidate.labels)))


def score_candidate(folder: Path, examples: Sequence[Example], split: Split, *, learn: str = "answers") -> Scorecard:
    """What the saved candidate does on a set of examples; `learn` is which tokens of a conversation count.

    Raises:
        StorageError: the folder is not a model of ours.
        RunFailed: a loss is not a finite number.
    """
    if candidate_task(folder) == "chat":
        from sintonia.models.language.saved import open_language_candidate

        return score_language(open_language_candidate(folder), examples, split, "tuned", learn=learn)
    labels, probabilities = predict_texts(folder, [one.input for one in examples])
    return make_scorecard("tuned", split, examples, labels, probabilities)
