"""Runs a tuned model, loaded from its saved folder, over texts. Metrics never touch a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sintonia.errors import RunFailed
from sintonia.evaluate.language import score_language
from sintonia.evaluate.score import bare_scorecard, make_scorecard
from sintonia.models.forward import compute_logits
from sintonia.models.open import OpenCandidate, candidate_task, keep_temperature, open_candidate
from sintonia.models.tokens import tokenize
from sintonia.records import Example, Scorecard, Split
from sintonia.statistics.calibration import Temperature, fit_temperature, scaled_probabilities
from sintonia.tasks.classify import encode_targets


def predict_texts(folder: Path, texts: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The labels of the candidate in `folder`, and the probabilities (texts, labels), at its temperature."""
    candidate = open_candidate(folder)
    return candidate.labels, scaled_probabilities(_logits(candidate, texts), candidate.temperature.value)


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


def fit_to_validation(folder: Path, validation: Sequence[Example]) -> Scorecard:
    """The scorecard of a classifier as it was trained; the temperature that validation asks for is kept beside it.

    A temperature that was kept before is not looked at, so doing it again gives the same.

    Raises:
        RunFailed: an answer is no finite number: the model is damaged.
    """
    candidate = open_candidate(folder)
    logits = _logits(candidate, [one.input for one in validation])
    goal = encode_targets([one.target for one in validation], candidate.labels)
    num_broken = int((~np.isfinite(logits)).any(axis=1).sum())
    if num_broken:
        raise RunFailed(
            f"the saved model answers {num_broken:,} of {len(goal):,} validation examples with what is no number",
            where=str(folder),
            hint="lower `training.learning_rate`, or train in float32, and begin a new run",
        )
    keep_temperature(folder, fit_temperature(logits, goal))
    return make_scorecard("tuned", "validation", validation, candidate.labels, scaled_probabilities(logits, None))


def score_untempered(folder: Path, examples: Sequence[Example]) -> tuple[Scorecard | None, Temperature]:
    """A classifier on the test without its temperature, without scores; None where it has none. And what that is."""
    candidate = open_candidate(folder)
    if candidate.temperature.value is None:
        return None, candidate.temperature
    logits = _logits(candidate, [one.input for one in examples])
    probabilities = scaled_probabilities(logits, None)
    return bare_scorecard("untempered", "test", examples, candidate.labels, probabilities), candidate.temperature


def _logits(candidate: OpenCandidate, texts: Sequence[str]) -> np.ndarray:
    """Shape (texts, labels)."""
    if not len(texts):
        return np.zeros((0, len(candidate.labels)))
    return compute_logits(candidate.model, tokenize(candidate.tokenizer, texts, candidate.max_tokens).ids)
