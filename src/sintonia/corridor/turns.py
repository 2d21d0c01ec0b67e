"""One turn: train, score validation from the saved model, diagnose. The pipeline decides which turns there are.

E310: the saved model, loaded again, differs from the model in training.
What: losses on validation of the live best weights against those of the model loaded from its folder.
Why it matters: a verdict on a model that nobody will have is worth nothing.
What to do: the verdict is invalid; report it with log.txt.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter

import numpy as np

from sintonia.adjust import Prior, diagnose
from sintonia.corridor.walk import Walk
from sintonia.errors import Interrupted, StorageError
from sintonia.evaluate import score_candidate
from sintonia.files import sha256_file
from sintonia.recipe import recipe_id
from sintonia.records import (
    Base,
    Candidate,
    Change,
    Evaluation,
    Example,
    Finding,
    Part,
    Prepared,
    Resolved,
    Resources,
    Scorecard,
    Turn,
)
from sintonia.resolve import resolve
from sintonia.resources.meter import peak_memory_bytes
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks.classify import encode_targets
from sintonia.train import Job, train

RELOAD_TOLERANCE = 1e-4
"""Largest difference of a loss between the model in training and the one loaded from its folder."""


def best_turn(turns: tuple[Turn, ...]) -> Turn:
    """The turn with the best primary metric on validation, the earlier one of equals; a broken one only if alone."""
    whole = [turn for turn in turns if not is_broken(turn)]
    return max(whole or turns, key=lambda turn: (turn.validation_metric, -turn.number))


def is_broken(turn: Turn) -> bool:
    """Whether the saved model is not the one that was trained."""
    return any(finding.code == "E310" for finding in turn.findings)


def candidate_id(run: RunFolder, turn: Turn) -> str:
    """A hash of all weights of the candidate and of its labels: what the ledger of openings knows it by."""
    folder = run.file(turn.candidate.weights)
    files = [*sorted(folder.rglob("*.safetensors")), folder / "sintonia.json"]
    names = "".join(f"{path.relative_to(folder).as_posix()} {sha256_file(path)}\n" for path in files)
    return hashlib.sha256(names.encode()).hexdigest()


def unfinished_change(run: RunFolder, number: int) -> Change | None:
    """The change that turn `number` was begun with, before it was interrupted."""
    return run.read(f"{run.turn(number)}/change.json", Change)


def read_sets(run: RunFolder, part: Part) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Training and validation examples of a part.

    Raises:
        StorageError: a set is not the one that was recorded.
    """
    for recorded in (part.train, part.validation):
        path = run.file(recorded.path)
        if not path.is_file() or sha256_file(path) != recorded.sha256:
            raise StorageError(f"`{path}` was changed or removed since the split", hint="begin a new run")
    return tuple(run.lines(part.train.path, Example)), tuple(run.lines(part.validation.path, Example))


def take_turn(walk: Walk, base: Base, prepared: Prepared, before: tuple[Turn, ...], change: Change | None) -> Turn:
    """Trains the recipe of the run, or of a change, and looks back at it.

    Raises:
        Interrupted: somebody asked for a pause; a checkpoint is saved.
        RunFailed: the training broke.
    """
    run, number = walk.run, len(before) + 1
    recipe = change.recipe if change else run.recipe()
    if change:
        run.write(f"{run.turn(number)}/change.json", change)
    job, resolved = _job(run, recipe, base, prepared, number)
    walk.tell("train", f"turn {number}: " + (change.reason if change else f"method {recipe.method}"))
    if job.recipe.training.head_start == "probe":
        walk.tell("train", "the head starts from a linear probe of the base: step 0 already knows the task a little")
    with walk.stage("train", f"turn {number}"):
        candidate, seconds = _train(walk, job)
    with walk.stage("evaluate", "scoring validation from the saved model"):
        metric, findings = _look_back(job, candidate, resolved)
    turn = Turn(
        number=number,
        recipe_id=recipe_id(recipe),
        recipe=recipe,
        resolved=resolved,
        part=job.part,
        parent=best_turn(before).number if change and before else None,
        findings=findings,
        purpose=change.reason if change else "first turn",
        candidate=candidate,
        validation_metric=metric,
        resources=Resources(basis="measured", seconds=seconds, peak_memory_bytes=peak_memory_bytes()),
    )
    run.write(f"{run.turn(number)}/turn.json", turn)
    shutil.rmtree(run.file(job.file("checkpoints")), ignore_errors=True)
    for finding in findings:
        walk.tell("diagnose", f"{finding.code} {finding.message}")
    return turn


def _job(
    run: RunFolder, recipe: Recipe, base: Base, prepared: Prepared, number: int
) -> tuple[Job, tuple[Resolved, ...]]:
    part = prepared.parts[0]
    filled, resolved = resolve(recipe, base, prepared)
    train_set, validation = read_sets(run, part)
    return Job(
        run=run,
        recipe=filled,
        base=base,
        labels=prepared.labels,
        turn=number,
        part=part.name,
        primary_metric=prepared.primary_metric,
        train=train_set,
        validation=validation,
    ), resolved


def _train(walk: Walk, job: Job) -> tuple[Candidate, float]:
    """The candidate, and the seconds of training in all its stretches."""
    run = walk.run
    run.file(job.file("stop")).unlink(missing_ok=True)
    for event in train(job):
        run.append(job.file("events.jsonl"), event, sync=event.kind != "step")
        if event.kind == "message":
            walk.tell("train", event.values["text"])
            continue
        walk.tell("train", event.kind, event)
        if event.kind == "checkpoint":
            walk.save()
        if event.kind == "paused":
            raise Interrupted(
                f"paused at step {event.step}; all work is saved",
                signal_number=2,
                hint=f"`sintonia resume {run.path}` continues",
            )
    values = event.values
    candidate = Candidate(
        weights=job.file("model"),
        best_step=values["best_step"],
        last_step=values["last_step"],
        planned_steps=values["planned_steps"],
        stop_reason=values["stop_reason"],
        num_trained=values["num_trained"],
    )
    return candidate, event.seconds


def _look_back(job: Job, candidate: Candidate, resolved: tuple[Resolved, ...]) -> tuple[float, tuple[Finding, ...]]:
    """The primary metric of the saved candidate on validation, and what its curves and its reloading show."""
    card = score_candidate(job.run.file(candidate.weights), job.validation, "validation")
    job.run.write(job.file("scorecards/validation.json"), card)
    evaluations = tuple(job.run.lines(job.file("evaluations.jsonl"), Evaluation))
    findings = diagnose(evaluations, _prior(job), {one.setting: one.value for one in resolved})
    metric = next(one.value for one in card.scores if one.metric == job.primary_metric)
    return metric, (*_reload(evaluations, candidate, card), *findings)


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


def _reload(evaluations: tuple[Evaluation, ...], candidate: Candidate, card: Scorecard) -> tuple[Finding, ...]:
    live = next(one for one in evaluations if one.step == candidate.best_step)
    differing = int((np.abs(np.array(live.validation_losses) - np.array(card.losses)) > RELOAD_TOLERANCE).sum())
    if differing == 0:
        return ()
    return (
        Finding(
            code="E310",
            severity="stop",
            count=differing,
            message=f"the saved model, loaded again, differs on {differing} of {len(card.ids)} validation examples",
            hint="if the training was unstable (T201), mend that first; else report this, with log.txt",
        ),
    )
