"""One more training of a run's recipe, with made-up secrets among the rows, and what is left of them in its model.

The copy trains in a folder that is gone afterwards. The run's own model is asked for its most exposed rows.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from dataclasses import dataclass

from sintonia.corridor.beginning import told_metrics_of_run
from sintonia.corridor.canaries.planting import NUM_REFERENCES, NUM_SECRETS, Secret, draw_secrets
from sintonia.corridor.canaries.weighing import Losses, losses_by, seconds_a_secret, weigh_secrets, write_out
from sintonia.corridor.closing.bench import make_benches
from sintonia.corridor.closing.remembering import how_trained
from sintonia.corridor.doors.evaluating import finished
from sintonia.corridor.doors.remembering import audit_memory
from sintonia.corridor.planning import filled_and_planned
from sintonia.corridor.turns import read_sets, refuse_broken
from sintonia.corridor.walk import Ask, Listener, Walk, finished_turns
from sintonia.errors import UsageError
from sintonia.privacy.memorisation import canary_findings, null_threshold
from sintonia.records import Base, Example, Prepared, Turn
from sintonia.records.privacy.memorisation import Canaries, Memorisation, Verbatim
from sintonia.report import write_report
from sintonia.resolve.private import is_private
from sintonia.resources.pace import duration
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS, chat, classify
from sintonia.train import Job, train

KEPT = "memorisation/canaries.json"
"""Its name in the run."""
_WORK = "cache/canaries"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a copy is made of."""

    walk: Walk
    prepared: Prepared
    base: Base
    turn: Turn
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    secrets: tuple[Secret, ...]

    @property
    def run(self) -> RunFolder:
        return self.walk.run

    @property
    def is_language(self) -> bool:
        return self.prepared.task == chat.NAME

    @property
    def planted(self) -> tuple[Example, ...]:
        return tuple(row for one in self.secrets for row in one.planted())


def measure(run: RunFolder, listener: Listener, ask: Ask) -> Canaries:
    """Plants, trains, weighs and asks, and writes the record; what was measured of this turn before is only read.

    Raises:
        UsageError: the task is another one, the rows are too few, or the answer was no.
        StorageError: a part of the run is missing or was changed.
        RunFailed: the training broke.
    """
    seen = _look(run, listener)
    kept = run.read(KEPT, Canaries)
    if kept is not None and kept.turn == seen.turn.number:
        seen.walk.tell("privacy", f"measured before, of the same turn: `{KEPT}` is read again")
        return kept
    memory = audit_memory(run, listener)
    with run.writing(), told_metrics_of_run(run):
        found = _measured(seen, memory, ask)
        run.write(KEPT, found)
        if run.file("report.html").exists():
            write_report(run)
    return found


def _look(run: RunFolder, listener: Listener) -> _Seen:
    verdict, prepared, base = finished(run)
    turn = finished_turns(run)[verdict.turn - 1]
    _refuse(prepared, turn)
    refuse_broken(run, (turn,))
    rows, validation = read_sets(run, prepared.parts[0])
    if prepared.task == classify.NAME and not isinstance(classify.inputs(rows[0]), str):
        raise UsageError("secrets are planted as one text, and this run compares two", hint="leave out `--canaries`")
    return _Seen(
        walk=Walk(run, listener),
        prepared=prepared,
        base=base,
        turn=turn,
        train=rows,
        validation=validation,
        secrets=draw_secrets(prepared.labels if prepared.task == classify.NAME else (), turn.recipe.seed),
    )


def _refuse(prepared: Prepared, turn: Turn) -> None:
    """Raises UsageError where no copy can be made, or nothing could be read from it."""
    if prepared.task not in (chat.NAME, classify.NAME):
        raise UsageError(
            f"no secrets are planted in the rows of the task {prepared.task}",
            expected=f"a run of the task {chat.NAME} or {classify.NAME}",
            hint="without `--canaries` the membership test is told",
        )
    if is_private(turn.recipe):
        raise UsageError(
            "a copy would spend of the privacy of the same rows once more (`privacy.dp`)",
            hint="without `--canaries` the membership test is told",
        )
    if len(prepared.parts) > 1:
        raise UsageError(
            "the rows are so few that ten parts were taken: planted secrets would outnumber them",
            hint="with 300 rows or more secrets can be planted",
        )
    if turn.combined is not None:
        raise UsageError(
            "the model was combined of several turns, and no single training makes it again",
            hint="without `--canaries` the membership test is told",
        )


def _measured(seen: _Seen, memory: Memorisation, ask: Ask) -> Canaries:
    began, walk, learn = time.monotonic(), seen.walk, seen.turn.recipe.chat.learn
    own = losses_by(seen.run.file(seen.turn.candidate.weights), learn, is_language=seen.is_language)
    _ask_before(seen, own, ask)
    del own  # one model at a time
    work = seen.run.file(_WORK)
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    try:
        job = _train_copy(seen)
        weights = job.run.file(job.file("model"))
        copy = losses_by(weights, learn, is_language=seen.is_language)
        found = weigh_secrets(copy, seen.secrets, lambda text: walk.tell("privacy", text))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    measured = Canaries(
        turn=seen.turn.number,
        num_references=NUM_REFERENCES,
        threshold_bits=null_threshold(NUM_SECRETS),
        num_planted=len(seen.planted),
        num_train=len(seen.train),
        exposed=found,
        verbatim=_written_out(seen, memory) if seen.is_language else None,
        seconds=time.monotonic() - began,
    )
    return dataclasses.replace(measured, findings=canary_findings(measured, how_trained(seen.turn)))


def _ask_before(seen: _Seen, own: Losses, ask: Ask) -> None:
    """Raises UsageError where the answer is no."""
    share = (len(seen.train) + len(seen.planted)) / max(len(seen.train), 1)
    training = seen.turn.resources.seconds * share
    weighing = seconds_a_secret(own, seen.secrets[0], is_language=seen.is_language) * len(seen.secrets)
    question = (
        f"a copy of turn {seen.turn.number} is trained with {len(seen.planted):,} rows of made-up secrets among "
        f"{len(seen.train):,}: about {duration(training)} by what the turn took, and {duration(weighing)} to look for "
        "them"
    )
    if not ask(question):
        raise UsageError(f"{question}; nobody said yes", hint="add `--yes`, or leave out `--canaries`")
    seen.walk.tell("privacy", question)


def _train_copy(seen: _Seen) -> Job:
    """The training of the turn on its rows and the planted ones; the same validation chooses its best weights."""
    turn, prepared = seen.turn, seen.prepared
    rows = (*seen.train, *seen.planted)
    part = prepared.parts[0]
    more = dataclasses.replace(part, train=dataclasses.replace(part.train, count=len(rows)))
    asked = dataclasses.replace(turn.recipe, tracking=())
    filled, _ = filled_and_planned(seen.run, asked, seen.base, dataclasses.replace(prepared, parts=(more,)))
    job = Job(
        run=RunFolder.create(seen.run.file(_WORK), asked),
        recipe=filled,
        base=seen.base,
        labels=prepared.labels,
        primary_metric=TASKS[prepared.task].followed_metric(prepared.primary_metric),
        train=rows,
        validation=seen.validation,
        turn=1,
        part=turn.part,
    )
    job.run.file(job.run.turn(1)).mkdir(parents=True, exist_ok=True)
    for event in train(job):
        if event.kind in ("started", "step", "validated"):
            seen.walk.tell("privacy", event.kind, event)
    return job


def _written_out(seen: _Seen, memory: Memorisation) -> Verbatim:
    """The rows that look most exposed in the membership test, asked of the run's own model and of the base."""
    exposed, walk = memory.most_exposed, seen.walk
    walk.tell("privacy", f"asking the model of turn {seen.turn.number} for its {len(exposed)} most exposed rows")
    (bench,) = make_benches(seen.run, seen.base, seen.prepared, (seen.turn,))
    by_id = {one.id: one for one in (*seen.train, *seen.validation)}
    rows, held_out = ([by_id[one] for one in ids] for ids in (exposed, memory.most_exposed_held_out))
    return write_out(bench.base, bench.weights, rows, held_out)
