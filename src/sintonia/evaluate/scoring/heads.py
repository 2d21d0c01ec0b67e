"""What an encoder with a head says of examples, for any task that has one: answers and losses, no probabilities.

Of labels there is more to say (`predict.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sintonia.errors import RunFailed
from sintonia.evaluate.score import bare_card, metrics_of, with_scores
from sintonia.evaluate.scoring.thresholds import cross_fitted, fit_thresholds
from sintonia.models.answering import has_thresholds, logits_of
from sintonia.models.open import OpenCandidate, keep_offsets, open_candidate
from sintonia.records import Example, Scorecard, Split
from sintonia.tasks import Fitted, HeadTask


def score_head(folder: Path, examples: Sequence[Example], split: Split) -> Scorecard:
    """What the saved candidate does on a set of examples.

    Raises:
        StorageError: the folder is not a model of ours.
        RunFailed: an answer is no finite number: the model is damaged.
    """
    candidate = open_candidate(folder)
    logits = _sound_logits(folder, candidate, examples, split)
    said = Said(candidate.task, candidate.labels, candidate.fitted, logits)
    return head_scorecard("tuned", split, examples, said, np.array(candidate.offsets or 0.0))


def fit_head(folder: Path, validation: Sequence[Example]) -> Scorecard:
    """The same on validation; where answers have thresholds, these are fitted here and kept beside the candidate.

    The scorecard has the answers with thresholds that other examples were fitted on, so that validation says what they
    give on new examples.
    """
    candidate = open_candidate(folder)
    if not has_thresholds(candidate.task):
        return score_head(folder, validation, "validation")
    logits = _sound_logits(folder, candidate, validation, "validation")
    said = Said(candidate.task, candidate.labels, candidate.fitted, logits)
    offsets, crossed = thresholds_of(said, validation)
    keep_offsets(folder, offsets)
    return head_scorecard("tuned", "validation", validation, said, crossed)


def thresholds_of(said: Said, validation: Sequence[Example]) -> tuple[tuple[float, ...], np.ndarray]:
    """What is added to the outputs before they answer, and (examples, outputs) what it would be without the examples of
    the same fold. Nothing for a task whose answers have no thresholds."""
    if not has_thresholds(said.task):
        return (), np.zeros(1)
    logits, goal = said.logits.astype(np.float64), said.task.encode(validation, said.labels, said.fitted)
    groups = [one.group for one in validation]
    offsets = tuple(float(one) for one in fit_thresholds(logits, goal, groups))
    return offsets, cross_fitted(logits, goal, groups) - logits


def _sound_logits(folder: Path, candidate: OpenCandidate, examples: Sequence[Example], split: Split) -> np.ndarray:
    logits = head_logits(candidate, examples)
    num_broken = int((~np.isfinite(logits)).reshape(len(logits), -1).any(axis=1).sum())
    if num_broken:
        raise RunFailed(
            f"the saved model answers {num_broken:,} of {len(examples):,} {split} examples with what is no number",
            where=str(folder),
            hint="lower `training.learning_rate`, or train in float32, and begin a new run",
        )
    return logits


def head_logits(candidate: OpenCandidate, examples: Sequence[Example]) -> np.ndarray:
    """Outputs of the head, float32 (examples, outputs)."""
    return logits_of(candidate, [candidate.task.inputs(one) for one in examples])


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """Outputs (examples, outputs), and what it takes to read them."""

    task: HeadTask
    labels: tuple[str, ...]
    fitted: Fitted
    logits: np.ndarray


def head_scorecard(
    subject: str, split: Split, examples: Sequence[Example], said: Said, offsets: np.ndarray | float = 0.0
) -> Scorecard:
    """The scorecard of outputs; `offsets`, of each output or of each of each example, move answers and no loss."""
    goal = said.task.encode(examples, said.labels, said.fitted)
    answers = said.task.answers(said.logits + offsets, said.labels, said.fitted)
    card = dataclasses.replace(
        bare_card(subject, split, examples),
        predictions=answers,
        losses=tuple(said.task.losses(said.logits, goal).tolist()),
        correct=said.task.are_right(answers, examples, said.fitted),
    )
    return with_scores(card, examples, metrics_of(said.task.NAME))
