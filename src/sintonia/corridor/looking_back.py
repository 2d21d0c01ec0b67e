"""Looking back at a training: the saved candidate on validation, what the curves show, whether it reloads as it was.

It trains nothing and opens no test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sintonia.adjust import Prior, diagnose, prior_from_base
from sintonia.evaluate import score_candidate
from sintonia.records import Candidate, Evaluation, Event, Finding, Resolved, Scorecard
from sintonia.tasks.classify import encode_targets
from sintonia.train import AVERAGED_FILE, Job

RELOAD_TOLERANCE = 1e-4
"""Largest difference of a loss between the model in training and the one loaded from its folder."""
_SETS = {"train": "training examples", "validation": "validation examples"}


def look_back(job: Job, candidate: Candidate, resolved: tuple[Resolved, ...]) -> tuple[float, tuple[Finding, ...]]:
    """The primary metric of the saved candidate on validation, and what its curves and its reloading show."""
    weights, learn = job.run.file(candidate.weights), job.recipe.chat.learn
    card = score_candidate(weights, job.validation, "validation", learn=learn)
    job.run.write(job.file("scorecards/validation.json"), card)
    evaluations = tuple(job.run.lines(job.file("evaluations.jsonl"), Evaluation))
    prior = prior_from_base(evaluations) if job.recipe.task == "chat" else _prior(job)
    events = job.run.lines(job.file("events.jsonl"), Event)
    spikes = tuple(dict.fromkeys(one.values["text"] for one in events if one.kind == "spike"))
    findings = diagnose(evaluations, prior, {one.setting: one.value for one in resolved}, spikes)
    metric = next(one.value for one in card.scores if one.metric == job.primary_metric)
    return metric, (*_reload(job, candidate, card), *findings)


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
    differing = int((np.abs(np.array(live) - losses) > RELOAD_TOLERANCE).sum())
    if differing == 0:
        return ()
    return (
        Finding(
            code="E310",
            severity="stop",
            count=differing,
            message=f"the saved model, loaded again, differs on {differing} of {len(card.ids)} {_SETS[card.split]}",
            hint="if the training was unstable (T201), mend that first; else report this, with log.txt",
        ),
    )
