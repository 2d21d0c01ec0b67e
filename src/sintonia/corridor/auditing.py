"""What a walk says to the audit log, and the head that its run keeps. It decides nothing and stops nothing.

A line that cannot be written is told, and is counted in the run: the run goes on, and its report says that the log
lacks something.
"""

from __future__ import annotations

from pathlib import Path

from sintonia.audit import ANCHOR, Anchor, Fact, names_of, record
from sintonia.corridor.beginning import originals_of
from sintonia.corridor.walk import Walk
from sintonia.recipe import recipe_id
from sintonia.records import Prepared, Turn, Verdict


def note(walk: Walk, event: str, **facts: Fact) -> None:
    """Records an event of a run, and keeps the new head in its folder."""
    run = walk.run
    head = record(event, **names_of(run.place), recipe=recipe_id(run.recipe()), **facts)
    before = run.read(ANCHOR, Anchor) or Anchor()
    if head is None:
        walk.tell("audit", f"`{event}` could not be written to the audit log: it lacks that line (log.txt says why)")
        run.write(ANCHOR, Anchor(lines=before.lines, sha256=before.sha256, missing=before.missing + 1))
    else:
        run.write(ANCHOR, Anchor(lines=head.lines, sha256=head.sha256, missing=before.missing))


def keep_prepared(walk: Walk, prepared: Prepared) -> None:
    """Writes what was prepared, after a line for each data file it was made of; the register learns what it saw."""
    from sintonia.corridor.erasing.seeing import register_prepared

    register_prepared(walk.run, prepared)
    rows, data = prepared.rows_in, prepared.data_id
    for one in originals_of(walk.run):
        note(walk, "import", file=Path(one.path).name, sha256=one.sha256, rows_of_run=rows, data=data)
    walk.run.write("prepared.json", prepared)


def note_training(walk: Walk, number: int, part: str) -> None:
    """A training begins, or goes on after a pause."""
    note(walk, "training_begun", turn=number, part=part)


def note_trained(walk: Walk, turn: Turn) -> None:
    """A training ended, and this is its candidate."""
    kept = turn.candidate
    note(walk, "training_ended", turn=turn.number, part=turn.part, steps=kept.last_step, candidate=kept.files_id)


def keep_verdict(walk: Walk, number: int, verdict: Verdict) -> None:
    """Writes a verdict, and then its line."""
    walk.run.write(f"verdicts/{number:03d}.json", verdict)
    note(walk, "verdict", number=number, outcome=verdict.outcome, turn=verdict.turn, openings=verdict.test_openings)
