"""Shows what a differentially private model promises, beside what it cost in quality. It computes nothing."""

from __future__ import annotations

from sintonia.cli.screen import say
from sintonia.records import Verdict
from sintonia.records.privacy.spent import Guarantee
from sintonia.runs import RunFolder


def show_guarantee(run: RunFolder, verdict: Verdict) -> None:
    """The promise of the judged turn, and how its price is found out; nothing for a training without it."""
    found = run.read(f"{run.turn(verdict.turn)}/privacy.json", Guarantee)
    if found is None:
        return
    say()
    say(f"{found.sentence[:1].upper()}{found.sentence[1:]}.", style="bold")
    for one in found.assumptions[:2]:
        say(f"privacy   {one}")
    say("price     what it costs in quality only the same training without `privacy.dp` tells: `sintonia compare` both")
