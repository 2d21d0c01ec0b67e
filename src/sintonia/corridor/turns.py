"""One turn: train, score validation from the saved model, diagnose. The pipeline decides which turns there are.

E310: the saved model, loaded again, differs from the model in training.
What: losses on validation of the live best weights against those of the model loaded from its folder; and, before
anything is opened, the files of that folder against those that were looked at when the turn ended.
Why it matters: a verdict on a model that nobody will have is worth nothing.
What to do: no verdict is given and the test stays sealed; report it with log.txt.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable

from sintonia.corridor.auditing import note_trained, note_training
from sintonia.corridor.billing.refining import Refining, num_turns_left
from sintonia.corridor.closing.guaranteeing import note_privacy
from sintonia.corridor.looking_back import RELOADED, look_back
from sintonia.corridor.planning import filled_and_planned
from sintonia.corridor.trackers import following
from sintonia.corridor.trading import layer_work, trade_in_words
from sintonia.corridor.walk import Walk, finished_turns
from sintonia.errors import Interrupted, RunFailed, StorageError
from sintonia.files import sha256_file
from sintonia.metrics import METRICS
from sintonia.recipe import recipe_id
from sintonia.records import (
    Base,
    Candidate,
    Change,
    Event,
    Example,
    Finding,
    Part,
    Prepared,
    Resolved,
    Resources,
    Turn,
)
from sintonia.resolve import settle
from sintonia.resources.energy import Stretch, scaled_energy
from sintonia.resources.meter import peak_memory_bytes
from sintonia.runs import RunFolder, weights_id
from sintonia.settings import Recipe
from sintonia.tasks import TASKS, has_head
from sintonia.train import Job, train

ON_ALL = "on_all.json"
"""In the folder of a turn that trains on all rows: what it was decided from (`shipping.py`)."""


def best_turn(turns: tuple[Turn, ...]) -> Turn:
    """The turn with the best primary metric on validation, the earlier one of equals; a broken one only if alone."""
    whole = [turn for turn in turns if not is_broken(turn)]
    return max(whole or turns, key=lambda turn: (goodness(turn), -turn.number))


def goodness(turn: Turn) -> float:
    """Its validation metric so that more is better."""
    return METRICS[turn.primary_metric].goodness(turn.validation_metric)


def best_turns(turns: tuple[Turn, ...], parts: tuple[Part, ...]) -> tuple[Turn, ...]:
    """The best turn of each part, in the order of the parts."""
    return tuple(best_turn(turns_of(turns, part.name)) for part in parts)


def refuse_broken(run: RunFolder, turns: tuple[Turn, ...]) -> None:
    """Stops before a model that nobody will have is judged.

    Raises:
        RunFailed: a saved model is not the one that was trained.
    """
    for turn in turns:
        if is_broken(turn):
            raise RunFailed(next(one.message for one in turn.findings if one.code == "E310"), hint="see log.txt")
        weights, known = run.file(turn.candidate.weights), turn.candidate.files_id
        if known and (not weights.is_dir() or weights_id(weights) != known):
            raise RunFailed(
                f"{RELOADED} since turn {turn.number} ended: its files were changed or removed",
                where=str(weights),
                hint="bring them back from a copy, or begin a new run",
            )


def findings_of(turns: tuple[Turn, ...]) -> tuple[Finding, ...]:
    """What the trainings showed; of several, each code once, in the words of the first that has it."""
    if len(turns) == 1:
        return turns[0].findings
    by_code: dict[str, list[Finding]] = defaultdict(list)
    for finding in (one for turn in turns for one in turn.findings):
        by_code[finding.code].append(finding)
    return tuple(
        dataclasses.replace(same[0], message=f"{same[0].message} (in {len(same)} of {len(turns)} parts)")
        for same in by_code.values()
    )


def turns_of(turns: tuple[Turn, ...], part: str) -> tuple[Turn, ...]:
    """The turns of one part, oldest first."""
    return tuple(turn for turn in turns if turn.part == part)


def is_broken(turn: Turn) -> bool:
    """Whether the saved model is not the one that was trained."""
    return any(finding.code == "E310" for finding in turn.findings)


def candidate_id(run: RunFolder, turns: tuple[Turn, ...]) -> str:
    """What the ledger of openings knows a candidate by: a hash of all its weights and of its labels.

    Of several parts it is a hash of the hashes of their candidates, in the order of the parts.
    """
    found = [weights_id(run.file(turn.candidate.weights)) for turn in turns]
    return found[0] if len(found) == 1 else hashlib.sha256("\n".join(found).encode()).hexdigest()


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


def take_turn(walk: Walk, base: Base, prepared: Prepared, part: Part, change: Change | None) -> Turn:
    """Trains the recipe of the run, or of a change, on one part, and looks back at it.

    Raises:
        Interrupted: somebody asked for a pause; a checkpoint is saved.
        RunFailed: the training broke.
    """
    run, turns = walk.run, finished_turns(walk.run)
    number, before = len(turns) + 1, turns_of(turns, part.name)
    asked = change.recipe if change else run.recipe()
    recipe = settle(asked, prepared.task, base.method)
    forget_unfinished_training_on_all(run, number)
    if change:
        run.write(f"{run.turn(number)}/change.json", change)
    job, resolved = _job(walk, asked, base, prepared, part)
    _announce(walk, job, prepared, change.reason if change else f"method {recipe.method}")
    mark = walk.energy_mark()
    with walk.stage("train", ""):
        ended = run_training(walk, job, None if change else _refining(walk, job, prepared))
    candidate = candidate_of(job, ended)
    with walk.stage("evaluate", "scoring validation from the saved model"):
        metric, findings = look_back(job, candidate, resolved)
        layers = layer_work(job, candidate)
    turn = Turn(
        number=number,
        recipe_id=recipe_id(recipe),
        recipe=recipe,
        resolved=resolved,
        part=job.part,
        parent=_parent(recipe, before) if change else None,
        findings=findings,
        purpose=change.reason if change else "first turn",
        candidate=candidate,
        validation_metric=metric,
        primary_metric=prepared.primary_metric,
        resources=_spent(ended, walk.stretch_since(mark)),
        layers=layers,
    )
    if change and change.aim == "speed" and before:
        turn = dataclasses.replace(turn, trade=trade_in_words(job, best_turn(before), turn))
        walk.tell("adjust", turn.trade)
    end_turn(walk, turn)
    return turn


def _spent(ended: Event, watched: Stretch | None) -> Resources:
    """What a training took; its energy by what was counted in `watched`, unless most of it was trained before that."""
    energy = None
    if watched and watched.seconds >= ended.seconds / 2:
        factor = ended.seconds / watched.seconds
        energy = scaled_energy(watched.energy, (factor, factor, factor), "")
    return Resources(basis="measured", seconds=ended.seconds, peak_memory_bytes=peak_memory_bytes(), energy=energy)


def _parent(recipe: Recipe, before: tuple[Turn, ...]) -> int | None:
    """The turn that a new one came from: of another seed that with the same recipe, else the best one."""
    alike = [one for one in before if not one.combined and dataclasses.replace(one.recipe, seed=recipe.seed) == recipe]
    return (alike[0] if alike else best_turn(before)).number if before else None


def _announce(walk: Walk, job: Job, prepared: Prepared, why: str) -> None:
    where = f" of part {job.part}" if len(prepared.parts) > 1 else ""
    walk.tell("train", f"turn {job.turn}{where}: {why}")
    if has_head(TASKS[prepared.task]) and job.recipe.training.head_start == "probe":
        walk.tell("train", "the head starts from a linear probe of the base: step 0 already knows the task a little")


def end_turn(walk: Walk, turn: Turn) -> None:
    """Writes the record of a turn, its last file, and removes what only a resumed training needs."""
    folder, files_id = walk.run.turn(turn.number), weights_id(walk.run.file(turn.candidate.weights))
    turn = dataclasses.replace(turn, candidate=dataclasses.replace(turn.candidate, files_id=files_id))
    note_trained(walk, turn)
    walk.run.write(f"{folder}/turn.json", turn)
    shutil.rmtree(walk.run.file(f"{folder}/checkpoints"), ignore_errors=True)
    for finding in turn.findings:
        walk.tell("diagnose", f"{finding.code} {finding.message}")


def forget_unfinished_training_on_all(run: RunFolder, number: int) -> None:
    """Clears the folder of a turn that was begun on all rows and whose number another turn takes now."""
    if run.file(f"{run.turn(number)}/{ON_ALL}").exists():
        shutil.rmtree(run.file(run.turn(number)))


def _job(walk: Walk, recipe: Recipe, base: Base, prepared: Prepared, part: Part) -> tuple[Job, tuple[Resolved, ...]]:
    number = len(finished_turns(walk.run)) + 1
    filled, resolved = filled_and_planned(walk.run, recipe, base, prepared, number)
    train_set, validation = read_sets(walk.run, part)
    return Job(
        run=walk.run,
        recipe=filled,
        base=base,
        labels=prepared.labels,
        turn=number,
        part=part.name,
        primary_metric=TASKS[prepared.task].followed_metric(prepared.primary_metric),
        train=train_set,
        validation=validation,
    ), resolved


def _refining(walk: Walk, job: Job, prepared: Prepared) -> Refining:
    return Refining(walk, job.recipe.training.evaluations, num_turns_left(len(prepared.parts), job.turn - 1))


def run_training(walk: Walk, job: Job, refining: Refining | None = None) -> Event:
    """The event that ends the training; its seconds are those of all its stretches.

    Raises:
        Interrupted: somebody asked for a pause; a checkpoint is saved.
    """
    run = walk.run
    run.file(job.file("stop")).unlink(missing_ok=True)
    note_training(walk, job.turn, job.part)
    with following(run, job.turn, job.recipe, lambda text: walk.tell("train", text)) as follow:
        return _follow_training(walk, job, follow, refining)


def _follow_training(walk: Walk, job: Job, follow: Callable[[Event], None], refining: Refining | None) -> Event:
    run = walk.run
    for event in train(job):
        run.append(job.file("events.jsonl"), event, sync=event.kind != "step")
        note_privacy(walk, job, event)
        follow(event)
        if event.kind in ("message", "spike"):
            walk.tell("train", event.values["text"])
            continue
        walk.tell("train", event.kind, event, refining.hear(event) if refining else None)
        if event.kind == "checkpoint":
            walk.save()
        if event.kind == "paused":
            raise Interrupted(
                f"paused at step {event.step}; all work is saved",
                signal_number=2,
                hint=f"`sintonia resume {run.place}` continues",
            )
    return event


def candidate_of(job: Job, ended: Event) -> Candidate:
    """What a finished training left behind."""
    values = ended.values
    return Candidate(
        weights=job.file("model"),
        best_step=values["best_step"],
        last_step=values["last_step"],
        planned_steps=values["planned_steps"],
        stop_reason=values["stop_reason"],
        num_trained=values["num_trained"],
    )
