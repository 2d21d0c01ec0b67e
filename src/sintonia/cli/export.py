"""`sintonia export`: gives a model away in a format of others, with the proof that it is the same model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sintonia.cli.options import JsonOption, OfflineOption, RunArgument
from sintonia.cli.screen import say, show_json
from sintonia.cli.vaults import tell_handed_out
from sintonia.errors import UsageError, nearest
from sintonia.export import FORMAT_NAMES, PRECISIONS, USUAL_PRECISIONS
from sintonia.runs import RunFolder


def export(
    path: RunArgument,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=f"One of {', '.join(FORMAT_NAMES)}.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The folder to make; by default RUN-FORMAT[-PRECISION]."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            metavar="NAME",
            help=f"How weights are written in gguf and ollama: {', '.join(PRECISIONS)}; by default f16.",
        ),
    ] = None,
    unproven: Annotated[
        bool,
        typer.Option("--unproven", help="Keep an export whose runtime is not installed, read again by sintonia alone."),
    ] = False,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> int:
    """Export the model of a run as GGUF, ONNX, safetensors and others, with proof that it is the same."""
    for name, asked, known in (("--to", to, FORMAT_NAMES), ("--precision", precision, PRECISIONS)):
        if asked is not None and asked not in known:
            raise UsageError(
                f"`{asked}` is not known",
                expected=f"one of {', '.join(known)}",
                hint=f"near it: {nearest(asked, known)}",
                where=name,
            )
    run = RunFolder.open(path)
    names = (run.place.name, to, precision or USUAL_PRECISIONS.get(to))
    folder = out or run.place.with_name("-".join(filter(None, names)))
    say(f"export    {run.path.name} as {to}, and the same validation examples through both")
    from sintonia.export import Wanted, export_run

    asked_numbers: Any = precision
    wanted = Wanted(format=to, folder=folder, precision=asked_numbers, is_unproven=unproven)
    exported = export_run(run, wanted)
    tell_handed_out(run.path, (exported.folder,), is_recorded=True)
    _tell(exported.proof)
    for program, command in exported.commands:
        say(f"{program:<9} {command}")
    if as_json:
        show_json({"folder": str(exported.folder), "proof": exported.proof})
    else:
        print(exported.folder)
    return 0


def _tell(proof: dict[str, Any]) -> None:
    """The proof in a few lines."""
    runtime = proof["runtime"]
    word = "proved" if runtime["is_independent"] else "unproven"
    say(
        f"{word:<9} {proof['examples']} validation examples in {runtime['name']} {runtime['version']}: "
        f"{proof['compared']} differ by at most {proof['largest_difference']:.2g} of the largest "
        f"(allowed {proof['tolerance']:g})"
    )
    if proof["answers_equal_fraction"] is not None:
        say(f"answers   {proof['answers_equal_fraction']:.0%} are the same")
    cost = proof["cost"]
    if cost and proof["precision"] != "f32":
        say(f"rounding  {cost['metric']} {cost['run']:.4f} -> {cost['exported']:.4f} ({cost['change']:+.4f})")
