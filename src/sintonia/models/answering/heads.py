"""What an open candidate with a head answers to inputs: labels with probabilities, numbers, spans. It scores nothing.

Offsets, where a model has them, say which label it answers, never how likely one is (`evaluate/predict.py` says why).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sintonia.models.answering.spans import Asked, Found, tagger_of, texts_tagged
from sintonia.models.forward import compute_logits
from sintonia.models.open import OpenCandidate
from sintonia.models.tokens import tokenize
from sintonia.statistics.calibration import scaled_probabilities
from sintonia.tasks import Input, Task, tag

OUT_OF_SCOPE = "out of scope"
"""What is answered where a classifier is less sure than it has to be."""


def answer(candidate: OpenCandidate, inputs: Sequence[Any]) -> list[dict[str, Any]]:
    """What a candidate of any task with a head says of each input: a `prediction`, which is a text.

    Of a classifier its `confidence`, the `probabilities` of all labels at its temperature, and whether it
    `is_out_of_scope`; of sets of labels how likely each of those is that it answers (`labels`), and each of all
    (`probabilities`); of a tagger the `spans`. Inputs are texts or pairs, of a tagger as `Asked` says.
    """
    if not len(inputs):
        return []
    if candidate.task.NAME == "classify":
        return _labels(candidate, inputs)
    if candidate.task.NAME == tag.NAME:
        return [_spans(*pair) for pair in zip(inputs, texts_tagged(tagger_of(candidate), inputs), strict=True)]
    return _of_head(candidate, inputs)


def _labels(candidate: OpenCandidate, inputs: Sequence[Input]) -> list[dict[str, Any]]:
    names, probabilities, best = labels_answered(candidate, inputs)
    least = candidate.least_confidence or 0.0
    return [
        {
            "prediction": OUT_OF_SCOPE if row.max() < least else names[k],
            "confidence": float(row[k]),
            "probabilities": dict(zip(names, row.tolist(), strict=True)),
            "is_out_of_scope": bool(row.max() < least),
        }
        for row, k in zip(probabilities, best, strict=True)
    ]


def _of_head(candidate: OpenCandidate, inputs: Sequence[Input]) -> list[dict[str, Any]]:
    logits = logits_of(candidate, inputs).astype(np.float64)
    moved = logits + np.array(candidate.offsets or 0.0)
    said = candidate.task.answers(moved, candidate.labels, candidate.fitted)
    if not has_thresholds(candidate.task):
        return [{"prediction": one} for one in said]
    chances, names = 1.0 / (1.0 + np.exp(-logits)), candidate.fitted["labels"]
    return [
        {
            "prediction": one,
            "labels": {names[k]: float(row[k]) for k in np.flatnonzero(is_held)},
            "probabilities": dict(zip(names, row.tolist(), strict=True)),
        }
        for one, row, is_held in zip(said, chances, moved > 0, strict=True)
    ]


def _spans(asked: Asked, found: Found) -> dict[str, Any]:
    text = asked if isinstance(asked, str) else str(asked["text"])
    spans = [{"start": start, "end": end, "label": label, "text": text[start:end]} for start, end, label in found]
    return {"prediction": "; ".join(f"{one['label']}: {one['text']}" for one in spans), "spans": spans}


def labels_answered(candidate: OpenCandidate, texts: Sequence[Input]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The labels of a classifier, the probabilities (texts, labels) at its temperature, and the position of the label
    that is the answer to each text: the likeliest, unless it has offsets."""
    logits = logits_of(candidate, texts)
    probabilities = scaled_probabilities(logits, candidate.temperature.value)
    return candidate.labels, probabilities, positions_of(candidate, logits, probabilities)


def positions_of(candidate: OpenCandidate, logits: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Positions of the labels that are answers; the offsets are to logits without a temperature, which moves no answer
    by itself."""
    if not candidate.offsets:
        return np.asarray(probabilities.argmax(axis=1))
    return np.asarray((logits.astype(np.float64) + np.array(candidate.offsets)).argmax(axis=1))


def logits_of(candidate: OpenCandidate, texts: Sequence[Input]) -> np.ndarray:
    """Shape (texts, labels)."""
    if not len(texts):
        return np.zeros((0, len(candidate.labels)))
    model = candidate.model
    return compute_logits(model, tokenize(candidate.tokenizer, texts, candidate.max_tokens, model.reading).ids)


def has_thresholds(task: Task) -> bool:
    """Whether what is added to the outputs of a task before it answers is fitted on validation."""
    return bool(getattr(task, "HAS_THRESHOLDS", False))
