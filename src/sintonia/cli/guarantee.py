"""Shows what a differentially private model promises, beside what it cost in quality. It computes nothing."""

from __future__ import annotations

from sintonia.cli.screen import say
from sintonia.records import Verdict
from sintonia.runs import RunFolder


def show_guarantee(run: RunFolder, verdict: Verdict) -> None:
    """The promise of the judged turn, and how its price is found out; nothing for a training without it."""
    folder = run.turn(verdict.turn)
    if not run.file(f"{folder}/privacy.json").exists():
        return
    from sintonia.report import guarantee_of

    found = guarantee_of(run, folder, lambda why: say(f"warning   {why}", style="bold"))
    if found is None:
        return
    say()
    say(f"{found.sentence[:1].upper()}{found.sentence[1:]}.", style="bold")
    for one in found.assumptions[:2]:
        say(f"privacy   {one}")
    say("price     what it costs in quality only the same training without `privacy.dp` tells: `sintonia compare` both")
