"""Shows what added rows bought, where a run continues another with more of them. It computes nothing."""

from __future__ import annotations

from sintonia.cli.screen import say
from sintonia.pipeline import duration
from sintonia.records import Bought
from sintonia.runs import BOUGHT, RunFolder


def show_bought(run: RunFolder) -> None:
    """The difference that the rows made, how many were used, and what it cost; nothing for any other run."""
    bought = run.read(BOUGHT, Bought)
    if bought is None:
        return
    say()
    say(bought.sentence, style="bold")
    for one in bought.files:
        aside = "".join(f"; {count:,} {what}" for what, count in one.set_aside.items())
        say(f"added     {one.file.rpartition('/')[2]}: {one.rows_used:,} of {one.rows_in:,} rows are trained on{aside}")
    if bought.labels:
        named = ", ".join(f"{one.label} {one.rows:,}" for one in bought.labels[:8] if one.rows)
        say(f"labels    {named}{', ...' if sum(one.rows > 0 for one in bought.labels) > 8 else ''}")
    say(f"trained   in {duration(bought.seconds)}, {duration(bought.seconds_before)} before")
