"""`sintonia report`: writes the report of a run again from its folder. It computes nothing anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sintonia.cli.options import JsonOption, RunArgument
from sintonia.cli.screen import say, show_json
from sintonia.cli.vaults import hand_out
from sintonia.errors import UsageError
from sintonia.records import Verdict
from sintonia.runs import RunFolder


def report(
    path: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Write them there too; of a run in a vault with its log, in the clear."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Write report.html and card.md of a run again, and show its verdict."""
    from sintonia.report import write_card, write_report

    run = RunFolder.open(path)
    run.refuse_expired()
    verdict = run.read("verdict.json", Verdict)
    if verdict is None:
        raise UsageError(f"`{path}` has no verdict yet", hint=f"`sintonia resume {path}` goes on to it")
    page, card = write_report(run), write_card(run)
    page, card = (run.place / one.name for one in (page, card))
    say(verdict.sentence, style="bold")
    if out is not None:
        log = ("log.txt",) if run.is_in_vault and run.file("log.txt").is_file() else ()
        page, card, *_ = hand_out(run, (page.name, card.name, *log), out)
    elif run.is_in_vault:
        say("both are in the vault: `--out DIR` writes them there, in the clear")
    if as_json:
        show_json({"report": str(page), "card": str(card), "verdict": verdict})
    else:
        print(page)
    return 0
