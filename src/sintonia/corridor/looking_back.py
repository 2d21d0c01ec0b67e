"""Looking back at a training: the saved candidate on validation, what the curves show, whether it reloads as it was.

It trains nothing and opens no test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sintonia.adjust import Evidence, Prior, diagnose, prior_from_base
from sintonia.errors import RunFailed, StorageError
from sintonia.evaluate import fit_to_validation, score_candidate, score_writing
from sintonia.records import Candidate, Evaluation, Event, Finding, LabelSignal, Resolved, Scorecard
from sintonia.runs import LABEL_SIGNAL
from sintonia.tasks.classify import encode_targets
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
    prior = prior_from_base(evaluations) if job.recipe.task == "chat" else _prior(job)
    events = job.run.lines(job.file("events.jsonl"), Event)
    spikes = tuple(dict.fromkeys(one.values["text"] for one in events if one.kind == "spike"))
    settings = {one.setting: one.value for one in resolved} | {"evaluation.primary_metric": job.primary_metric}
    findings = diagnose(evaluations, prior, settings, spikes, _evidence(job))
    return _metric(job, candidate, card), (*_reload(job, candidate, card), *findings)


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
        if job.recipe.task == "chat":
            return score_candidate(weights, job.validation, "validation", learn=job.recipe.chat.learn)
        return fit_to_validation(weights, job.validation)
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


def _prior(job: Job) -> Prior:
    """What somebody who knows only how common the labels are would score."""
    counts = Counter(one.target for one in job.train)
    shares = np.array([counts[label] + 1.0 for label in job.labels])
    shares /= shares.sum()
    goal = encode_targets([one.target for one in job.validation], job.labels)
    train_shares = shares[encode_targets([one.target for one in job.train], job.labels)]
    return Prior(
        validation_losses=tuple((-np.log(shares[goal])).tolist()),
        start=job.recipe.training.head_start,
        train_entropy=float(-np.log(train_shares).mean()),
        prior_correct=tuple((goal == int(shares.argmax())).tolist()),
    )


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
