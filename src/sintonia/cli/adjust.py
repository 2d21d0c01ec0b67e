"""`sintonia adjust`: what to try next with a run that has its verdict. It parses, and sends to what does it.

Each thing that can be asked for is one row of `DEEDS` and one line of `adjust`; what it does stands elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sintonia.cli.adding import Adding, add_and_train
from sintonia.cli.combining import combine_models
from sintonia.cli.curve import show_curve
from sintonia.cli.offering import offer
from sintonia.cli.options import JsonOption, RunArgument
from sintonia.cli.scaling import write_scaled
from sintonia.cli.together import Deed, refuse_mixed
from sintonia.errors import UsageError
from sintonia.pipeline import finished_turns
from sintonia.runs import RunFolder

DEEDS = {
    "--apply": Deed(beside={"--pick": ""}),
    "--scale": Deed(beside={"--out": "--out FOLDER"}, as_in="--scale 0.6"),
    "--curve": Deed(beside={"--fine-tune": "", "--goal": "", "--yes": ""}, idle_without={"--yes": "--fine-tune"}),
    "--combine": Deed(beside={"--seeds": "", "--yes": ""}, idle_without={"--yes": "--seeds 2"}),
    "--add": Deed(beside={"--out": "", "--accept": "", "--yes": ""}, as_in="--add FILE"),
}
"""What can be asked for, one at a time, with the options that belong to it; none of them only proposes."""


def adjust(
    path: RunArgument,
    apply: Annotated[bool, typer.Option("--apply", help="Train one more turn, with the first change.")] = False,
    pick: Annotated[
        int | None, typer.Option("--pick", min=1, help="The number of the change that --apply takes.")
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option("--scale", help="Write the model with this share of its training."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The new folder that --scale or --add writes.")] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(
            "--add", metavar="FILE", help="Train again with these labelled rows too; the test stays as it is."
        ),
    ] = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="A finding that --add goes on in spite of.")
    ] = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Measure whether more examples would help, and where they are missing.")
    ] = False,
    fine_tune: Annotated[
        bool, typer.Option("--fine-tune", help="Measure --curve with real trainings on three smaller sizes.")
    ] = False,
    goal: Annotated[
        float | None, typer.Option("--goal", help="A score: how many examples it needs, by --curve.")
    ] = None,
    combine: Annotated[
        bool, typer.Option("--combine", help="Average and scale the models of the turns; keep what wins on validation.")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, max=5, help="Further seeds that --combine trains first.")
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Train for --curve, --combine or --add without a question."),
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Propose the next change to a run, and with --apply carry it out.

    At a terminal it asks whether to carry one out; --apply takes the first without asking. With --scale and --out it
    trains nothing, and writes the model that goes only so far from its base. With --curve it says whether more
    examples would help: in seconds, or with --fine-tune after real trainings, which it asks about first. With --add it
    begins a new run that has more rows to train on, and says what they bought on the same test. With --combine it
    averages and scales the models of the turns, and judges one that wins on validation.
    """
    of_curve = {"--curve": curve, "--fine-tune": fine_tune, "--goal": goal, "--yes": yes}
    of_combine = {"--combine": combine, "--seeds": seeds}
    of_adding = {"--add": add or None, "--accept": accept or None}
    given = {"--apply": apply, "--pick": pick, "--scale": scale, "--out": out}
    refuse_mixed(DEEDS, {**given, **of_curve, **of_combine, **of_adding})
    run = RunFolder.open(path)
    run.refuse_expired()
    if not finished_turns(run) or not run.file("verdict.json").exists():
        raise UsageError(f"`{path}` is not finished yet", hint=f"`sintonia resume {path}` goes on to its verdict")
    if scale is not None and out is not None:
        return write_scaled(run, scale, out, as_json=as_json)
    if curve:
        return show_curve(run, fine_tunes=fine_tune, goal=goal, says_yes=yes, as_json=as_json)
    if combine:
        return combine_models(run, seeds, says_yes=yes, as_json=as_json)
    if add:
        return add_and_train(run, Adding(files=add, out=out, accept=accept), says_yes=yes, as_json=as_json)
    return offer(run, pick, applies=apply, as_json=as_json)
