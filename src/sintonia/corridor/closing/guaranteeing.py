"""Differential privacy on its way through a run: the ledger before the first step, the promise after the last.

What was spent is computed by `privacy/dp`, the training itself is `train/private`. It decides nothing but whether the
base may be trained on (one that learned from the rows without privacy tells of them whatever is added now), and that
a training goes on with the promise it was begun with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sintonia.corridor.walk import Walk
from sintonia.errors import SintoniaError, UsageError
from sintonia.normalise import short_hash
from sintonia.privacy.dp.ledger import Rows, composed, note_plain, note_private, rows_of
from sintonia.privacy.dp.words import ASSUMPTIONS, promise
from sintonia.records import Event
from sintonia.records.privacy.spent import Guarantee, Spent
from sintonia.runs import RunFolder
from sintonia.train import Job

GUARANTEE = "privacy.json"
"""In the folder of a turn."""
_BEGINS = ("started", "resumed")


def note_privacy(walk: Walk, job: Job, event: Event) -> None:
    """Notes in the ledger of the data that a training begins, or what it spent; called before the step that follows.

    Raises:
        StorageError: the ledger cannot be written, or was changed.
        UsageError: a private training would begin with a base that learned from its rows without privacy, or with
            another promise than the one it was begun with before.
    """
    if event.kind not in (*_BEGINS, "finished"):
        return
    recipe = walk.run.recipe()
    data = Path(recipe.data.path)
    told, rows = event.values.get("private"), _rows_of(job)
    if event.kind in _BEGINS:
        _refuse_another_promise(walk.run.lines(job.file("events.jsonl"), Event), told)
    if told is None:
        if event.kind in _BEGINS:
            training = short_hash(str(walk.run.place.absolute()), str(job.turn), job.part, _set_id(job))
            note_plain(data, training, rows, walk.run.place.name)
        return
    spent = Spent(**told)
    if event.kind in _BEGINS:
        _refuse_base(walk.run, rows)
    note_private(data, rows, spent, is_end=event.kind == "finished", run=walk.run.place.name)
    if event.kind == "finished":
        together = composed(data, rows, spent)
        found = Guarantee(
            spent=spent,
            composed=together,
            sentence=promise(spent, together, job.recipe.data.group),
            assumptions=ASSUMPTIONS,
        )
        walk.run.write(job.file(GUARANTEE), found)
        walk.tell("privacy", found.sentence)


def _set_id(job: Job) -> str:
    return short_hash(*(one.id for one in job.train))


def _rows_of(job: Job) -> Rows:
    groups = {one.group for one in job.train} if job.recipe.data.group else set()
    return rows_of((one.input for one in job.train), groups)


def _refuse_another_promise(events: Iterable[Event], told: Mapping[str, Any] | None) -> None:
    """Refuses to go on with a turn otherwise than was promised when it was first begun, be it without a checkpoint.

    Raises:
        UsageError: what the promise was, and what it would be.
    """
    first = next((one.values["private"] for one in events if one.kind in _BEGINS and one.values.get("private")), None)
    if first is None or _promised(first) == _promised(told):
        return
    raise UsageError(
        f"this training was begun with the promise {_promised(first)}, and would go on with {_promised(told)}",
        expected="`privacy.dp` in `recipe.yaml` as it was: the ledger has counted what was begun",
        hint="undo the change and `resume`, or begin a new run with the other promise",
        where="privacy.dp",
    )


def _promised(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return "no privacy at all"
    return f"epsilon {told['budget']:g} at delta {told['delta']:g} for each {told['unit']} ({told['accountant']})"


def _refuse_base(run: RunFolder, rows: Rows) -> None:
    """Refuses a base, or a teacher, that learned from some of these rows where nothing was promised to them.

    Raises:
        UsageError: which run it was.
    """
    from sintonia.corridor.erasing.tainting import learned_behind  # late: few runs have a base of our own

    for source in learned_behind(run, frozenset(int(key, 16) for key in rows.hashes)):
        num_train, num_validation = source.sets.get("train", 0), source.sets.get("validation", 0)
        if num_validation or (num_train and not _is_private(source.path)):
            raise UsageError(
                f"the base of this run learned from {num_train + num_validation:,} of the rows that `privacy.dp` would "
                f"protect, and nothing was promised to them: `{source.path}` saw them",
                expected="a base that saw none of the training rows, or learned from them with `privacy.dp`",
                hint="begin a new run with `base=` another model, one that did not see these rows",
                where=source.path,
            )


def _is_private(path: str) -> bool:
    """Whether a run learned with differential privacy; what is not there to be asked did not."""
    try:
        return RunFolder(Path(path)).recipe().privacy.dp.epsilon is not None
    except SintoniaError:
        return False
