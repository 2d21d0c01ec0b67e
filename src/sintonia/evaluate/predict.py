"""Runs a tuned model, loaded from its saved folder, over texts. Metrics never touch a model.

Offsets, where a model has them, say which label it answers, never how likely one is. They stand beside the weights and
are not added to the bias of the head: there they would make the probabilities those of other data, with rare classes
more common than they are, and losses, temperature and calibration would be about these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from sintonia.errors import RunFailed
from sintonia.evaluate.language import score_language
from sintonia.evaluate.score import bare_scorecard, make_scorecard, metrics_of, with_scores
from sintonia.evaluate.scoring.heads import fit_head, score_head
from sintonia.metrics import METRICS
from sintonia.models.answering import labels_answered, logits_of, positions_of
from sintonia.models.open import (
    candidate_task,
    keep_least_confidence,
    keep_offsets,
    keep_temperature,
    open_candidate,
)
from sintonia.records import Example, Scorecard, Split
from sintonia.statistics.calibration import LEAST_EXAMPLES, Temperature, fit_temperature, scaled_probabilities
from sintonia.statistics.offsets import cross_fitted_answers, fit_offsets
from sintonia.tasks.classify import encode_targets

OF_ANSWERS = ("accuracy", "macro_f1")
"""Metrics that read answers, so that a threshold can raise them."""


def predict_texts(folder: Path, texts: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The labels of the candidate in `folder`, and the probabilities (texts, labels), at its temperature.

    The likeliest label is the answer, unless the candidate has offsets: see `answer_texts`.
    """
    labels, probabilities, _ = answer_texts(folder, texts)
    return labels, probabilities


def answer_texts(folder: Path, texts: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The same, and the position of the label that is the answer to each text."""
    return labels_answered(open_candidate(folder), texts)


def score_candidate(folder: Path, examples: Sequence[Example], split: Split, *, learn: str = "answers") -> Scorecard:
    """What the saved candidate does on a set of examples; `learn` is which tokens of a conversation count.

    Raises:
        StorageError: the folder is not a model of ours.
        RunFailed: a loss is not a finite number.
    """
    task = candidate_task(folder)
    if task != "classify":
        return SCORERS.get(task, _score_head)(folder, examples, split, learn)
    candidate = open_candidate(folder)
    labels, probabilities, answers = labels_answered(candidate, [candidate.task.inputs(one) for one in examples])
    card = decided(bare_scorecard("tuned", split, examples, labels, probabilities), labels, probabilities, answers)
    return with_scores(card, examples, metrics_of("classify"))


def _score_language(folder: Path, examples: Sequence[Example], split: Split, learn: str) -> Scorecard:
    from sintonia.models.language.saved import open_language_candidate

    return score_language(open_language_candidate(folder), examples, split, "tuned", learn=learn)


def _score_head(folder: Path, examples: Sequence[Example], split: Split, _learn: str) -> Scorecard:
    return score_head(folder, examples, split)


def _score_embedder(folder: Path, examples: Sequence[Example], split: Split, _learn: str) -> Scorecard:
    from sintonia.evaluate.scoring.embeddings import score_embedder

    return score_embedder(folder, examples, split)


def _score_preferences(folder: Path, examples: Sequence[Example], split: Split, _learn: str) -> Scorecard:
    from sintonia.evaluate.scoring.preferences import score_preferences

    return score_preferences(folder, examples, split)


def _score_tags(folder: Path, examples: Sequence[Example], split: Split, _learn: str) -> Scorecard:
    from sintonia.evaluate.scoring.tags import score_tagger

    return score_tagger(folder, examples, split)


SCORERS: dict[str, Callable[[Path, Sequence[Example], Split, str], Scorecard]] = {
    "embed": _score_embedder,
    "chat": _score_language,
    "prefer": _score_preferences,
    "pretrain": _score_language,
    "tag": _score_tags,
}
"""How a saved candidate is scored, by task: (folder, examples, split, what is learned of a conversation); those with a
head on texts are not here."""


def fit_to_validation(folder: Path, validation: Sequence[Example], refused_fraction: float = 0.0) -> Scorecard:
    """The scorecard of a candidate with a head as it was trained, on validation. Of a classifier, the temperature that
    validation asks for is kept beside it; of a task whose answers have thresholds, these.

    `refused_fraction` is the share of the validation texts that a classifier may refuse: how sure it has to be is kept
    too.
    What was kept before is not looked at, so doing it again gives the same.

    Raises:
        RunFailed: an answer is no finite number: the model is damaged.
    """
    task = candidate_task(folder)
    if task != "classify":
        return score_candidate(folder, validation, "validation") if task in SCORERS else fit_head(folder, validation)
    candidate = open_candidate(folder)
    logits = logits_of(candidate, [candidate.task.inputs(one) for one in validation])
    goal = encode_targets([one.target for one in validation], candidate.labels)
    num_broken = int((~np.isfinite(logits)).any(axis=1).sum())
    if num_broken:
        raise RunFailed(
            f"the saved model answers {num_broken:,} of {len(goal):,} validation examples with what is no number",
            where=str(folder),
            hint="lower `training.learning_rate`, or train in float32, and begin a new run",
        )
    temperature = fit_temperature(logits, goal)
    keep_temperature(folder, temperature)
    confidences = scaled_probabilities(logits, temperature.value).max(axis=1)
    keep_least_confidence(folder, least_confidence(confidences, refused_fraction))
    return make_scorecard("tuned", "validation", validation, candidate.labels, scaled_probabilities(logits, None))


def least_confidence(confidences: np.ndarray, refused_fraction: float) -> float | None:
    """How sure an answer has to be so that this share of texts is refused; None where none is to be refused, or where
    validation is too small to tell.

    >>> round(least_confidence(np.linspace(0.01, 1, 100), 0.05) or 0.0, 3), least_confidence(np.ones(20), 0.05)
    (0.06, None)
    """
    if not refused_fraction or len(confidences) < LEAST_EXAMPLES:
        return None
    return float(np.quantile(confidences, refused_fraction))


def score_untempered(folder: Path, examples: Sequence[Example]) -> tuple[Scorecard | None, Temperature]:
    """A classifier on the test without its temperature, without scores; None where it has none. And what that is."""
    if candidate_task(folder) in ("embed", "prefer", "pretrain"):
        return None, Temperature(value=None, num_examples=0)
    candidate = open_candidate(folder)
    if candidate.temperature.value is None:
        return None, candidate.temperature
    logits = logits_of(candidate, [candidate.task.inputs(one) for one in examples])
    probabilities = scaled_probabilities(logits, None)
    bare = bare_scorecard("untempered", "test", examples, candidate.labels, probabilities)
    answers = positions_of(candidate, logits, probabilities)
    return decided(bare, candidate.labels, probabilities, answers), candidate.temperature


def may_have_offsets(metric: str, num_validation: int) -> bool:
    """Whether a metric looks at answers, and validation is large enough to fit anything on it."""
    return metric in OF_ANSWERS and num_validation >= LEAST_EXAMPLES


def fit_thresholds(
    folder: Path, validation: Sequence[Example], metric: str, label_counts: Mapping[str, int]
) -> Scorecard:
    """Keeps offsets beside a candidate; the scorecard has the answers with offsets that other examples were fitted on.

    So what validation says of them is what they give on new examples. `label_counts` are of the training set. The
    losses and the temperature are those of the model without offsets.
    """
    candidate = open_candidate(folder)
    logits = logits_of(candidate, [candidate.task.inputs(one) for one in validation]).astype(np.float64)
    counts = np.array([label_counts.get(label, 0) for label in candidate.labels], dtype=np.float64)
    shares, targets = counts / max(counts.sum(), 1.0), [one.target for one in validation]
    labels = np.array(candidate.labels, dtype=object)
    function = METRICS[metric].function

    def score(rows: np.ndarray, answers: np.ndarray) -> float:
        return METRICS[metric].goodness(function([targets[k] for k in rows], labels[answers].tolist()))

    answers = cross_fitted_answers(logits, shares, [one.group for one in validation], score)
    keep_temperature(folder, fit_temperature(logits, encode_targets(targets, candidate.labels)))
    keep_offsets(folder, tuple(float(one) for one in fit_offsets(logits, shares, score)))
    probabilities = scaled_probabilities(logits, None)
    bare = bare_scorecard("tuned", "validation", validation, candidate.labels, probabilities)
    card = decided(bare, candidate.labels, probabilities, answers)
    return with_scores(card, validation, metrics_of("classify"))


def decided(card: Scorecard, labels: Sequence[str], probabilities: np.ndarray, answers: np.ndarray) -> Scorecard:
    """The card with these answers (positions of labels) and how likely each is; losses know of no answer."""
    return dataclasses.replace(
        card,
        predictions=tuple(labels[int(k)] for k in answers),
        confidences=tuple(probabilities[np.arange(len(answers)), answers].tolist()),
    )
