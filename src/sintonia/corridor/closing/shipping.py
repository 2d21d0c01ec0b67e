"""The model that is shipped when there are several parts: one more training, on all rows, after the opening.

None of the parts' models is shipped, since each has seen a part of the rows only; the one shipped was itself not
tested, and the verdict says so. It takes the settings that most parts ended with, and the median of their best
epochs: steps are counted as epochs, because more rows make more steps an epoch. The plan of the learning rate is
that of the parts, so that the model is stopped where theirs were best. Nothing is chosen here by looking at a test.
It has no temperature, and neither have they: no part has a validation set large enough to fit one.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain

from sintonia.corridor.looking_back import compare_reloaded
from sintonia.corridor.planning import filled_and_planned
from sintonia.corridor.turns import (
    ON_ALL,
    candidate_of,
    end_turn,
    forget_unfinished_training_on_all,
    read_sets,
    run_training,
)
from sintonia.corridor.walk import Walk, finished_turns
from sintonia.evaluate import score_candidate
from sintonia.metrics import METRICS
from sintonia.records import Base, Evaluation, Example, Prepared, Resolved, Resources, Turn
from sintonia.resources.meter import peak_memory_bytes
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS
from sintonia.train import Job
from sintonia.train.batches import num_batches

ALL_ROWS = "all rows"
"""The name of the part that a training on all rows has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnAll:
    """What the training on all rows was decided from."""

    turns: tuple[int, ...]
    """The best turn of each part."""
    settings_of: int
    """The turn whose settings it takes."""
    epoch: float
    """The median of the epochs at which the parts that ended with these settings were best."""
    validation_metric: float
    """The mean of the metrics of those parts: all rows leave no validation set of their own."""
    head_strength: float | None
    """The strength of the probe that most parts chose on validation, when the head starts from one."""


def shipped_turn(run: RunFolder, best: tuple[Turn, ...]) -> Turn | None:
    """The turn whose model is shipped when these are the best of the parts; None as long as it is not trained.

    With one part it is the best turn itself.
    """
    if len(best) == 1:
        return best[0]
    numbers = tuple(turn.number for turn in best)
    for turn in finished_turns(run):
        decided = run.read(f"{run.turn(turn.number)}/{ON_ALL}", OnAll)
        if decided is not None and decided.turns == numbers:
            return turn
    return None


def train_on_all(
    walk: Walk, base: Base, prepared: Prepared, decided: OnAll, opened: tuple[tuple[Example, ...], ...]
) -> Turn:
    """One more turn, on every row. `opened` are the tests of the parts: after the opening nothing is held back.

    Rows that were added for training are in no test, but in the training sets.

    Raises:
        Interrupted: somebody asked for a pause; a checkpoint is saved.
        RunFailed: the training broke.
    """
    run, turns = walk.run, finished_turns(walk.run)
    like, number = turns[decided.settings_of - 1], len(turns) + 1
    if run.read(f"{run.turn(number)}/{ON_ALL}", OnAll) != decided:
        forget_unfinished_training_on_all(run, number)
        run.write(f"{run.turn(number)}/{ON_ALL}", decided)
    added = (one for part in prepared.parts for one in read_sets(run, part)[0]) if prepared.added else ()
    rows = tuple(sorted({one.id: one for one in (*chain(*opened), *added)}.values(), key=_place))
    job, resolved = _job(walk, base, prepared, decided, rows)
    purpose = f"the model to keep: all {len(rows)} rows, to epoch {decided.epoch:.2f}, the median of the parts' best"
    walk.tell("train", f"turn {number}: {purpose}")
    with walk.stage("train", ""):
        ended = run_training(walk, job)
    candidate = dataclasses.replace(candidate_of(job, ended), stop_reason="the median of the best epochs of the parts")
    card = score_candidate(run.file(candidate.weights), rows, "train", learn=like.recipe.chat.learn)
    run.write(job.file("scorecards/training.json"), card)
    turn = Turn(
        number=number,
        recipe_id=like.recipe_id,
        recipe=like.recipe,
        resolved=resolved,
        part=ALL_ROWS,
        parent=like.number,
        findings=compare_reloaded(ended.values["train_losses"], card),
        purpose=purpose,
        candidate=candidate,
        validation_metric=decided.validation_metric,
        primary_metric=prepared.primary_metric,
        resources=Resources(basis="measured", seconds=ended.seconds, peak_memory_bytes=peak_memory_bytes()),
    )
    end_turn(walk, turn)
    return turn


def _job(
    walk: Walk, base: Base, prepared: Prepared, decided: OnAll, rows: tuple[Example, ...]
) -> tuple[Job, tuple[Resolved, ...]]:
    turns = finished_turns(walk.run)
    recipe = turns[decided.settings_of - 1].recipe
    filled, resolved = filled_and_planned(walk.run, recipe, base, prepared, len(turns) + 1)
    return Job(
        run=walk.run,
        recipe=filled,
        base=base,
        labels=prepared.labels,
        turn=len(turns) + 1,
        part=ALL_ROWS,
        primary_metric=TASKS[prepared.task].followed_metric(prepared.primary_metric),
        train=rows,
        validation=(),
        until=max(1, round(decided.epoch * num_batches(len(rows), int(filled.training.batch_examples)))),
        head_strength=decided.head_strength,
    ), resolved


def decide_on_all(run: RunFolder, best: tuple[Turn, ...], strengths: tuple[float | None, ...]) -> OnAll:
    """From the best turn of each part, and the strength of probe that each chose on its validation set, if any.

    The settings are those that most parts ended with; of equally many, those that did best on validation.
    """
    by_recipe: dict[str, list[Turn]] = defaultdict(list)
    for turn in best:
        by_recipe[turn.recipe_id].append(turn)
    better = METRICS[best[0].primary_metric].goodness
    scored = [
        (len(alike), statistics.mean(better(turn.validation_metric) for turn in alike)) for alike in by_recipe.values()
    ]
    (_, goodness), alike = max(zip(scored, by_recipe.values(), strict=True), key=lambda pair: pair[0])
    known = [strength for strength in strengths if strength is not None]
    is_probe = alike[0].recipe.training.head_start == "probe" and bool(known)
    return OnAll(
        turns=tuple(turn.number for turn in best),
        settings_of=alike[0].number,
        epoch=statistics.median(_best_epoch(run, turn) for turn in alike),
        validation_metric=better(goodness),  # turned back
        head_strength=statistics.median_low(known) if is_probe else None,
    )


def _best_epoch(run: RunFolder, turn: Turn) -> float:
    evaluations = run.lines(f"{run.turn(turn.number)}/evaluations.jsonl", Evaluation)
    return next(one.epoch for one in evaluations if one.step == turn.candidate.best_step)


def _place(example: Example) -> tuple[str, int, str]:
    return example.place.file, example.place.line, example.id
