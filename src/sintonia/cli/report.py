"""`sintonia report`: writes the report of a run again from its folder. It computes nothing anew."""

from __future__ import annotations

from sintonia.cli.options import JsonOption, RunArgument
from sintonia.cli.screen import say, show_json
from sintonia.errors import UsageError
from sintonia.records import Verdict
from sintonia.runs import RunFolder


def report(path: RunArgument, as_json: JsonOption = False) -> int:
    """Write report.html and card.md of a run again, and show its verdict."""
    from sintonia.report import write_card, write_report

    run = RunFolder.open(path)
    verdict = run.read("verdict.json", Verdict)
    if verdict is None:
        raise UsageError(f"`{path}` has no verdict yet", hint=f"`sintonia resume {path}` goes on to it")
    page, card = write_report(run), write_card(run)
    say(verdict.sentence, style="bold")
    if as_json:
        show_json({"report": str(page), "card": str(card), "verdict": verdict})
    else:
        print(page)
    return 0
