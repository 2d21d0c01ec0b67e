"""Shows how a model stands against its teacher, where a run has one. It computes nothing."""

from __future__ import annotations

from sintonia.cli.screen import say
from sintonia.pipeline import duration
from sintonia.records import Taught
from sintonia.runs import TAUGHT, RunFolder


def show_taught(run: RunFolder) -> None:
    """What was lost or gained, how many rows of the pool were used, and what it took; nothing for any other run."""
    taught = run.read(TAUGHT, Taught)
    if taught is None:
        return
    say()
    say(taught.sentence, style="bold")
    aside = "".join(f"; {count:,} {what}" for what, count in taught.set_aside.items())
    say(f"pool      {taught.pool}: {taught.rows_used:,} of {taught.rows_in:,} rows are trained on{aside}")
    say(f"beside    {taught.rows_before:,} training rows of the teacher, with their true targets")
    say(
        f"trained   in {duration(taught.seconds)}, the teacher in {duration(taught.teacher_seconds)}; it answered the "
        f"pool in {duration(taught.answering_seconds)}"
    )
    say("check     what the pool itself gave only the same base without it tells: tune it on the teacher's data alone,")
    say("          and `sintonia compare` both; a teacher that is no better than that can only cost")
