"""`sintonia label`: texts of a pool that are worth a label, one key each. It picks none itself and trains nothing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from sintonia.cli.interrupting import ending
from sintonia.cli.labelling_screen import Session, keyboard, label_all
from sintonia.cli.options import JsonOption, OfflineOption, columns_of
from sintonia.cli.reviewing import printable
from sintonia.cli.screen import program, say, show_json, watching
from sintonia.errors import UsageError
from sintonia.files import to_json
from sintonia.pipeline import label as begin_labelling
from sintonia.records import Labelling, LabellingState


def label(
    pool: Annotated[
        Path, typer.Argument(metavar="POOL", help="Texts without labels: a `.txt`, one a line, or a table.")
    ],
    run: Annotated[Path | None, typer.Option(metavar="RUN", help="The run whose model picks and suggests.")] = None,
    base: Annotated[str | None, typer.Option(help="Without a run: the base that says which texts stand apart.")] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="The labels there are; a run brings its own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where labelled rows go; by default POOL.labelled.jsonl.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Texts a batch; by default 20, or a tenth of what is labelled.")
    ] = None,
    random_share: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Share of them drawn by chance; by default 0.15.")
    ] = None,
    columns: Annotated[str | None, typer.Option(metavar="input=COLUMN", help="The column of texts.")] = None,
    export: Annotated[
        tuple[str, Path] | None,
        typer.Option(metavar="TOOL FILE", help="Write the batch for `label-studio` or `argilla`, and ask nothing."),
    ] = None,
    import_file: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Take the answers of another tool, and ask nothing.")
    ] = None,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> int:
    """Label the texts that would help most, one key each; what was answered is saved at once."""
    _refuse_contradictions(run, base, export, import_file)
    if import_file:
        _refuse_picking({"--batch": batch, "--random-share": random_share})
    asked = Labelling(
        pool=str(pool),
        out=str(out or pool.with_name(f"{pool.stem}.labelled.jsonl")),
        run=str(run) if run else None,
        base=base or "auto",
        labels=_names(labels),
        columns=columns_of(columns) if columns else {},
        num_wanted=batch,
        random_fraction=random_share,
    )
    with ending("ended; every answer is saved"), ExitStack() as stack:
        with watching() as listener:
            session = stack.enter_context(begin_labelling(asked, listener, is_picking=import_file is None))
        try:
            _work(session, export, import_file)
        except KeyboardInterrupt:
            _show(asked, session.state())
            raise
        state = session.state()
    _show(asked, state)
    if as_json:
        show_json({**to_json(state), "next": _next(asked, state)})
    return 0


def _work(session: Session, export: tuple[str, Path] | None, import_file: Path | None) -> None:
    """One of three: a file for another tool, the answers of one, or the screen."""
    if export:
        tool, file = export
        beside = session.write_waiting(tool, file)
        say(f"written    {session.num_waiting:,} texts for {tool}: {file}; the labelling interface: {beside}")
    elif import_file:
        num_new, num_known, num_open = session.take_answers(import_file)
        say(f"taken      {num_new:,} labelled rows; {num_known:,} were known already, {num_open:,} have no answer")
    else:
        with keyboard() as keys:
            label_all(session, keys)


def _refuse_contradictions(
    run: Path | None, base: str | None, export: tuple[str, Path] | None, import_file: Path | None
) -> None:
    if run and base:
        raise UsageError("`--run` and `--base` were both given", hint="a run has a model of its own: leave out --base")
    if export and import_file:
        raise UsageError("`--export` and `--import` are two things to do", hint="ask for one at a time")
    if export:
        from sintonia.prepare import refuse_tool

        refuse_tool(export[0])


def _refuse_picking(given: Mapping[str, float | None]) -> None:
    """Options about the next batch, where none is picked."""
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"`{name}` does not go with `--import`, which picks no texts", hint="leave it out")


def _names(labels: str | None) -> tuple[str, ...]:
    """The labels of `a,b,c`, each once.

    Raises:
        UsageError: an empty one, or fewer than two.
    """
    if labels is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in labels.split(",")))
    if "" in names or len(names) < 2:
        raise UsageError(f"`--labels {labels}` is no list of labels", hint="two or more, as in --labels refund,other")
    return names


def _next(asked: Labelling, state: LabellingState) -> str:
    """The command that goes on with what was labelled; empty where more has to be labelled first."""
    out = shlex.quote(os.path.relpath(state.out))
    if not state.counts or state.missing:
        return ""
    return f"{program()} adjust {shlex.quote(asked.run)} --add {out}" if asked.run else f"{program()} tune {out}"


def _show(asked: Labelling, state: LabellingState) -> None:
    """What there is, what is missing, and the one command that goes on."""
    counts = sorted(state.counts.items(), key=lambda one: -one[1])
    told = ", ".join(f"{printable(name)} {count:,}" for name, count in counts[:8])
    more = f" and {len(counts) - 8} more labels" if len(counts) > 8 else ""
    say()
    say(f"labelled   {state.num_new:,} now, {sum(state.counts.values()):,} in all{f': {told}{more}' if told else ''}")
    if state.counts:
        say(f"in         {os.path.relpath(state.out)}")
    for line in _agreement(state):
        say(f"the model  {line}")
    if state.num_waiting:
        say(f"waiting    {state.num_waiting:,} texts: the same command goes on with them")
    if state.missing:
        say(f"missing    {'; '.join(state.missing)}")
        if not state.num_waiting:
            say("next       the same command again picks the next texts")
    elif command := _next(asked, state):
        say(f"next       {command}")


def _agreement(state: LabellingState) -> Iterator[str]:
    """How often its suggestions were right; only of those drawn by chance does it stand for the pool."""
    if "random" in state.agreed:
        right, total = state.agreed["random"]
        yield f"its suggestion was the answer for {right:,} of {total:,} texts drawn by chance"
    if "margin" in state.agreed:
        right, total = state.agreed["margin"]
        begun = "and for" if "random" in state.agreed else "its suggestion was the answer for"
        yield f"{begun} {right:,} of {total:,} between whose labels it wavered, which are the hardest of the pool"
