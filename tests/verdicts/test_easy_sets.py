"""E20: an easy set that is learned until hardly any loss is left, and that carries over, is not called overfitting.

The usual ratio of validation and training loss would call it so. Control: targets that nothing predicts, learned by
heart, are told.
"""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest

from sintonia.corridor.looking_back import look_back
from sintonia.records import Candidate, Evaluation
from sintonia.tasks import TASKS
from sintonia.train import Job, train
from tests.nouns_of_tasks import TINY, Sizes, TinyData, make_tiny_job

EASY = [
    pytest.param(TINY[task][form], id=task)
    for task, form in {"classify": 0, "regress": 0, "tag": 1, "prefer": 0}.items()
]
"""Tasks whose made-up rows one word decides."""
OVERFITTING = {"T209", "T210", "T211"}
LEARNING_RATE = 1e-2


def job_of(folder: Path, base: Path, data: TinyData) -> Job:
    is_encoder = TASKS[data.task].BASE == "encoder"
    return make_tiny_job(
        folder,
        base,
        data,
        "full",
        sizes=Sizes(train=160 if is_encoder else 60, validation=40 if is_encoder else 20),
        epochs=20.0,
        batch_examples=16,
        evaluations=6,
        learning_rate=LEARNING_RATE,
        weight_decay=0.0,
        early_stopping=False,
        head_start="random",
    )


def told(job: Job) -> tuple[set[str], list[Evaluation]]:
    """The codes of what is found in a training, and its validations."""
    *_, last = train(job)
    names = ("best_step", "last_step", "planned_steps", "stop_reason", "num_trained")
    candidate = Candidate(weights=job.file("model"), **{name: last.values[name] for name in names})
    _, findings = look_back(job, candidate, ())
    return {one.code for one in findings}, job.run.lines(job.file("evaluations.jsonl"), Evaluation)


@pytest.mark.parametrize("data", EASY)
def test_an_easy_set_without_any_loss_left_is_not_overfitting(
    tmp_path: Path, tiny_base: Path, tiny_language_model: Path, data: TinyData
) -> None:
    base = tiny_base if TASKS[data.task].BASE == "encoder" else tiny_language_model
    codes, evaluations = told(job_of(tmp_path / "run", base, data))
    train_losses, losses = (
        [float(np.mean(getattr(one, name))) for one in evaluations] for name in ("train_losses", "validation_losses")
    )
    assert train_losses[-1] < 0.1 * train_losses[0], "the set is not learned: nothing would be shown"
    assert losses[-1] < 1.2 * min(losses) and losses[-1] < 0.5 * losses[0], "it does not carry over"
    assert not codes & OVERFITTING


def test_targets_that_nothing_predicts_are_not_called_healthy(tmp_path: Path, tiny_base: Path) -> None:
    job = job_of(tmp_path / "run", tiny_base, TINY["classify"][0])
    targets = [one.target for one in job.train]
    random.Random(0).shuffle(targets)
    shuffled = tuple(dataclasses.replace(one, target=target) for one, target in zip(job.train, targets, strict=True))
    codes, _ = told(dataclasses.replace(job, train=shuffled))
    assert codes & (OVERFITTING | {"T205", "T207"})
