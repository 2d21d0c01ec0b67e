"""Differential privacy on its way through a run: the ledger before the first step, the promise after the last.

What was spent is computed by `privacy/dp`, the training itself is `train/private`. It decides nothing.
"""

from __future__ import annotations

from pathlib import Path

from sintonia.corridor.walk import Walk
from sintonia.normalise import short_hash
from sintonia.privacy.dp.ledger import composed, note_plain, note_private, rows_of
from sintonia.privacy.dp.words import ASSUMPTIONS, promise
from sintonia.records import Event
from sintonia.records.privacy.spent import Guarantee, Spent
from sintonia.train import Job

GUARANTEE = "privacy.json"
"""In the folder of a turn."""
_BEGINS = ("started", "resumed")


def note_privacy(walk: Walk, job: Job, event: Event) -> None:
    """Notes in the ledger of the data that a training begins, or what it spent; called before the step that follows.

    Raises:
        StorageError: the ledger cannot be written, or was changed.
    """
    if event.kind not in (*_BEGINS, "finished"):
        return
    recipe = walk.run.recipe()
    data, set_id = Path(recipe.data.path), _set_id(job)
    told = event.values.get("private")
    if told is None:
        if event.kind in _BEGINS:
            training = short_hash(str(walk.run.place.absolute()), str(job.turn), job.part, set_id)
            note_plain(data, training, set_id, walk.run.place.name)
        return
    spent, rows = Spent(**told), rows_of(one.input for one in job.train)
    note_private(data, rows, spent, is_end=event.kind == "finished", run=walk.run.place.name)
    if event.kind == "finished":
        together = composed(data, rows, spent, set_id)
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
