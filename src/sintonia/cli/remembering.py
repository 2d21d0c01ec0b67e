"""`sintonia evaluate RUN --privacy`: what the model remembers of its training rows, in words. It measures nothing."""

from __future__ import annotations

from sintonia.cli.interrupting import ending
from sintonia.cli.screen import say, show_findings, show_json, showing, watching
from sintonia.pipeline import audit_memory, duration, measure_canaries
from sintonia.records.privacy.memorisation import Canaries, Memorisation
from sintonia.runs import RunFolder

_CALIBRATED = {
    "base": "the loss of the untouched base on the same row",
    "probe": "the loss of a probe of the untouched base that did not see the row",
    "itself": "the untouched base, as the loss of preferences is made",
    "nothing": "nothing: the base has no loss of its own here, so that hard rows blur the test",
}


def show_privacy(run: RunFolder, *, plants: bool, says_yes: bool, as_json: bool) -> int:
    """The membership test of a finished run; with `plants` also canaries, which train once more after a question."""
    with watching() as listener:
        found = audit_memory(run, listener)
    say()
    _show_memory(found)
    if not plants:
        if as_json:
            show_json(found)
        return 0
    with ending("ended; nothing of the copy is kept, and the run is as it was"), showing() as shown:
        canaries = measure_canaries(run, shown.hear, (lambda _: True) if says_yes else shown.ask)
    _show_canaries(canaries)
    if as_json:
        show_json({"memorisation": found, "canaries": canaries})
    return 0


def _show_memory(found: Memorisation) -> None:
    auc = found.auc
    if auc is None:
        say(f"what the model remembers was not measured: {found.why_not_measured}", style="bold")
        return
    if not found.is_valid:
        say("invalid: distribution shift. What the model remembers cannot be told", style="bold")
    else:
        say(
            f"a training row is told from a row never seen in {auc.value:.1%} of pairs (95 % interval {auc.low:.1%} to "
            f"{auc.high:.1%}); 50 % is guessing",
            style="bold",
        )
    say(f"rows      {found.num_members:,} trained on, {found.num_held_out:,} of validation; model of turn {found.turn}")
    if found.recognised is None:
        say("at 1 %    not measured: below 100 rows of validation one row is more than one false alarm in a hundred")
    elif found.is_valid:
        say(f"at 1 %    {found.recognised:.1%} of the training rows are recognised at one false alarm in a hundred")
    say(f"held to   {_CALIBRATED[found.calibrated_by]}")
    say(
        f"words     alone tell a training row from one of validation in {found.told_apart:.0%} of pairs; up to "
        f"{found.told_apart_limit:.0%} they are of one source"
    )
    show_findings(found.findings)
    say(f"took      {duration(found.seconds)}: each row read once by the model, and once by the base where it can say")


def _show_canaries(found: Canaries) -> None:
    say()
    say(
        f"{found.num_planted:,} rows with made-up secrets among {found.num_train:,} training rows, "
        f"{found.num_references:,} references each",
        style="bold",
    )
    for one in found.exposed:
        told = "remembered" if one.is_remembered else "not told from what was never seen"
        say(
            f"{one.repetitions:>3} times {one.num_secrets} secrets: mean exposure {one.mean_bits:.2f} bits (from "
            f"{one.low_bits:.2f}; never seen: below {found.threshold_bits:.2f}): {told}"
        )
    rows = found.verbatim
    if rows:
        say(
            f"verbatim  {rows.num_exact} of the {rows.num_asked} most exposed training rows are written exactly, "
            f"{rows.num_exact_base} by the base; {rows.num_beyond_base} by the tuned model alone"
        )
        say(f"          of {rows.num_held_out} rows never seen {rows.num_exact_held_out} are, without being remembered")
    show_findings(found.findings)
    say(f"took      {duration(found.seconds)}; kept in `memorisation/canaries.json` of the run")
