"""Looking back at a training: the saved candidate on validation, what the curves show, whether it reloads as it was.

It trains nothing and opens no test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sintonia.adjust import Evidence, Prior, diagnose, prior_from_base
from sintonia.errors import RunFailed, StorageError
from sintonia.evaluate import fit_to_validation, look_for_collapse, score_candidate, score_writing
from sintonia.models.once import frozen_features
from sintonia.models.open import open_base
from sintonia.records import Candidate, Evaluation, Event, Finding, LabelSignal, Resolved, Scorecard
from sintonia.runs import LABEL_SIGNAL
from sintonia.tasks import TASKS, Fitted, HeadTask, has_head, tag
from sintonia.train import AVERAGED_FILE, Job

RELOAD_TOLERANCE = 1e-4
"""Largest difference of a loss between the model in training and the one loaded from its folder."""
RELOADED = "the saved model, loaded again, differs"
_SETS = {"train": "training examples", "validation": "validation examples"}


def look_back(job: Job, candidate: Candidate, resolved: tuple[Resolved, ...]) -> tuple[float, tuple[Finding, ...]]:
    """The primary metric of the saved candidate on validation, and what its curves and its reloading show."""
    card = _reloaded(job, candidate)
    job.run.write(job.file("scorecards/validation.json"), card)
    evaluations = tuple(job.run.lines(job.file("evaluations.jsonl"), Evaluation))
    task = TASKS[job.recipe.task]
    prior = _prior(job, task) if has_head(task) else prior_from_base(evaluations)
    events = job.run.lines(job.file("events.jsonl"), Event)
    spikes = tuple(dict.fromkeys(one.values["text"] for one in events if one.kind == "spike"))
    settings = {one.setting: one.value for one in resolved} | {"evaluation.primary_metric": job.primary_metric}
    findings = diagnose(evaluations, prior, settings, spikes, _evidence(job))
    return _metric(job, candidate, card), (*_reload(job, candidate, card), *_collapsed(job, candidate), *findings)


def _collapsed(job: Job, candidate: Candidate) -> tuple[Finding, ...]:
    """E330 when embeddings became all alike."""
    if job.recipe.task != "embed":
        return ()
    base = open_base(job.base, int(job.recipe.training.max_tokens))
    weights = job.run.file(candidate.weights)
    return look_for_collapse(weights, job.validation, lambda texts: frozen_features(job.run, base, texts))


def _evidence(job: Job) -> Evidence:
    """What the audit found that tells broken targets from a broken training; 1 is written where nothing was asked."""
    signal = job.run.read(LABEL_SIGNAL, LabelSignal)
    empty = next((one.count for one in job.run.lines("findings.jsonl", Finding) if one.code == "D134"), 0)
    return Evidence(
        label_p_value=signal.p_value if signal and signal.p_value < 1 else None,
        empty_fraction=min(empty / max(len(job.train) + len(job.validation), 1), 1.0),
    )


def _reloaded(job: Job, candidate: Candidate) -> Scorecard:
    """What the model says that the folder holds.

    Raises:
        RunFailed: it holds none that can be loaded.
        StorageError: the disk refuses.
    """
    weights = job.run.file(candidate.weights)
    try:
        if has_head(TASKS[job.recipe.task]):
            return fit_to_validation(weights, job.validation, job.recipe.classify.out_of_scope)
        return score_candidate(weights, job.validation, "validation", learn=job.recipe.chat.learn)
    except StorageError as refused:
        if isinstance(refused.__cause__, OSError):  # a full disk says nothing about the model
            raise
        raise RunFailed(f"{RELOADED} from the model in training: {refused.what}", hint="see log.txt") from None


def _metric(job: Job, candidate: Candidate, card: Scorecard) -> float:
    """The primary metric on validation; where it reads texts, the candidate writes some."""
    asked = job.recipe.evaluation
    name = job.primary_metric if asked.primary_metric == "auto" else asked.primary_metric
    found = next((one.value for one in card.scores if one.metric == name), None)
    if found is not None:
        return found
    weights = job.run.file(candidate.weights)
    written = score_writing(weights, job.validation, "validation", int(asked.new_tokens))
    job.run.write(job.file("scorecards/validation-written.json"), written)
    return next(one.value for one in written.scores if one.metric == name)


def _prior(job: Job, task: HeadTask) -> Prior:
    """What somebody who knows only how common the targets are would score."""
    fitted = task.fit(job.train, job.labels)
    learned, goal = (task.encode(examples, job.labels, fitted) for examples in (job.train, job.validation))
    constant = task.constant_logits(learned, job.labels, fitted)
    logits = _tiled(constant, goal)
    said = task.answers(logits, job.labels, fitted, **_units(task, job, fitted))
    return Prior(
        validation_losses=tuple(task.losses(logits, goal).tolist()),
        start=job.recipe.training.head_start,
        train_entropy=float(task.losses(_tiled(constant, learned), learned).mean()),
        prior_correct=task.are_right(said, job.validation, fitted),
    )


def _tiled(constant: np.ndarray, targets: Any) -> Any:
    """The same outputs for every example, or for every word of each."""
    if isinstance(targets, np.ndarray):
        return np.tile(constant, (len(targets), 1))
    return [np.tile(constant, (len(one), 1)) for one in targets]


def _units(task: HeadTask, job: Job, fitted: Fitted) -> dict[str, Any]:
    """Where the words of the validation examples stand, for a task that answers about words."""
    return {"units": [tag.places_of(one, fitted) for one in job.validation]} if task.LEVEL == "token" else {}


def _reload(job: Job, candidate: Candidate, card: Scorecard) -> tuple[Finding, ...]:
    evaluations = job.run.lines(job.file("evaluations.jsonl"), Evaluation)
    mean = job.run.read(job.file(AVERAGED_FILE), Evaluation)
    live = mean or next(one for one in evaluations if one.step == candidate.best_step)
    return compare_reloaded(live.validation_losses, card)


def compare_reloaded(live: Sequence[float], card: Scorecard) -> tuple[Finding, ...]:
    """E310 when the saved model, loaded again, has other losses than the live one had; otherwise nothing."""
    losses = np.array(card.losses) / np.maximum(card.num_bytes, 1) if card.num_bytes else np.array(card.losses)
    differing = int((~(np.abs(np.array(live) - losses) <= RELOAD_TOLERANCE)).sum())  # what is no number differs
    if differing == 0:
        return ()
    return (
        Finding(
            code="E310",
            severity="stop",
            count=differing,
            message=f"{RELOADED} on {differing} of {len(card.ids)} {_SETS[card.split]}",
            hint="if the training was unstable (T201), mend that first; else report this, with log.txt",
        ),
    )
