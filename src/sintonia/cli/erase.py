"""`sintonia erase`: rows out of data, runs and models, and a run trained anew without them. It computes nothing."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.interrupting import ending
from sintonia.cli.options import RUNS, JsonOption, columns_of
from sintonia.cli.screen import say, show_json
from sintonia.errors import UsageError
from sintonia.pipeline import plan_erasure

_MOST_LINES = 1_000_000


def erase(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="The data file, and others with the rows.")],
    subject: Annotated[
        str | None, typer.Option(metavar="KEY", help="Whose rows: the value in the column of --by.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of --subject; by default the runs' data.group.")
    ] = None,
    rows: Annotated[
        str | None, typer.Option(metavar="LINES", help="Rows of the first file by their lines, such as 12,40-45.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="ROLE=COLUMN,...", help="Columns that runs may have read: look for the rows by them too."),
    ] = None,
    retrain: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A run that saw them, to be trained anew without them.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The new run folder; by default RUN-erased.")] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Look for runs here too, beside those known.")] = RUNS,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Keep models that learned from the rows; the certificate lists them.")
    ] = False,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Leave DATA itself as it is; the certificate lists it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without a question.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Erase rows from data, runs and models, retrain without them, and certify what was done.

    Finds every run that saw the rows, and every model made from one that did. Takes the rows out of the files and of
    what is recorded beside them; empties those runs and removes the models that learned from the rows. What lies
    outside is listed as not erased. Broken off, it is gone on with by the same command.
    """
    _refuse_mixed(subject, rows, retrain, out=out, by=by)
    erasure = plan_erasure(
        files=tuple(data),
        subject=subject.strip() if subject is not None else None,
        column=by or "",
        lines=_lines(rows, data[0]),
        folders=(runs,) if runs.is_dir() else (),
        columns=columns_of(columns) if columns is not None else {},
        retrain=retrain,
        out=out,
        keeps_models=keep_models,
        keeps_data=keep_data,
    )
    _show(erasure.plan, is_broken_off=erasure.is_broken_off)
    if dry_run:
        say("dry run   nothing was changed")
        return _as_json(erasure.plan, as_json=as_json)
    _ask(erasure.plan, says_yes=yes or erasure.is_broken_off)
    with ending("the erasure was broken off; the same command goes on with it"):
        done = erasure.carry_out(lambda text: _tell(f"erased    {text}"))
    if erasure.plan.retrain:
        run = erasure.begin_retraining()
        carry_out(run, as_json=False, says_yes=yes)
        done = erasure.finish(run)
    _tell(f"certified {Path(erasure.plan.certificate).with_suffix('.md')}")
    return _as_json(done, as_json=as_json)


def _refuse_mixed(
    subject: str | None, rows: str | None, retrain: Path | None, *, out: Path | None, by: str | None
) -> None:
    if subject is not None and rows is not None:
        raise UsageError("`--subject` and `--rows` both say which rows", hint="take one of them")
    if by and subject is None:
        raise UsageError("`--by` names the column of `--subject`, which is not given", hint="`--subject KEY`")
    if subject is not None and not subject.strip():
        raise UsageError("`--subject` is empty", expected="the value in the column of `--by`")
    if out and not retrain:
        raise UsageError("`--out` is the folder of the run that `--retrain` trains anew", hint="`--retrain RUN`")


def _lines(text: str | None, file: Path) -> frozenset[int]:
    """The lines in `12,40-45`; each may stand behind the name of the file, as findings give it: `rows.csv:12`."""
    found: set[int] = set()
    for one in (text or "").split(",") if text is not None else ():
        name, _, place = one.strip().rpartition(":")
        first, _, last = place.partition("-")
        is_line = re.fullmatch(r"\d{1,9}(-\d{1,9})?", place) and name in ("", file.name, str(file))
        if not is_line or int(first) < 1 or not 0 <= int(last or first) - int(first) < _MOST_LINES:
            raise UsageError(f"`--rows {text}` names no lines of `{file.name}`", hint="for example --rows 12,40-45")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _show(plan: Any, *, is_broken_off: bool) -> None:
    """The plan in lines for a person."""
    if is_broken_off:
        say(f"going on  with the erasure of {plan.time}, which was broken off")
    for one in (*plan.files, *plan.uploads):
        kept = " (the file is left as it is)" if one.before == one.after else ""
        _tell(f"rows      {one.path}: {len(one.lines):,} of {one.num_rows:,}{kept}")
    for value, count in plan.near.items():
        say(f"stays     {_spelled(value)}: {count:,} rows; the subject in another spelling? erase again with that one")
    for path in plan.beside:
        _tell(f"beside    {path}", style="dim")
    for one in plan.runs:
        _tell(f"run       {one.path}: {_fate(one, keeps_models=plan.keeps_models)}")
    if not plan.runs:
        _tell("run       none that is known saw them")
    for line in plan.outside:
        _tell(f"not here  {line}", style="dim")
    if plan.retrain:
        _tell(f"retrain   {plan.retrain}, as {plan.out}")
    elif any(one.is_learned and not one.through for one in plan.runs):
        _tell("retrain   none is asked for: `--retrain RUN` trains one anew without the rows")


def _tell(text: str, *, style: str = "") -> None:
    """A line with the paths as they are seen from here; `--json` and the certificate have them whole."""
    say(_seen_from_here(text), style=style)


def _seen_from_here(text: str) -> str:
    """With paths below this folder, SINTONIA_HOME and the home of a person shortened.

    >>> _seen_from_here(f"beside    {Path.cwd()}/rows.csv.sintonia/split.jsonl, elsewhere{Path.cwd()}/rows.csv")[:40]
    'beside    rows.csv.sintonia/split.jsonl,'
    """
    known = os.environ.get("SINTONIA_HOME", "")
    places = ((f"{Path.cwd()}/", ""), (f"{Path(known).absolute()}/" if known else "", "SINTONIA_HOME/"))
    for place, name in (*places, (f"{os.environ.get('HOME', '')}/", "~/")):
        if place.strip("/"):
            text = re.sub(rf"(?<![\w./~-]){re.escape(place)}(?=\S)", name, text)
    return text


def _spelled(value: str) -> str:
    """With what cannot be seen in it: other spaces, marks that stand by themselves."""
    return repr(value) if value.isascii() else f"{value!r} ({value!a})"


def _fate(run: Any, *, keeps_models: bool) -> str:
    seen = ", ".join(f"{count:,} in {name}" for name, count in run.sets.items())
    told = "; ".join(filter(None, (seen, run.through)))
    if not run.exists:
        return f"{told}; it is not there any more"
    if not run.is_emptied:
        return f"{told}; those evaluations are removed"
    num_models = "1 model is" if len(run.models) == 1 else f"{len(run.models)} models are"
    models = "its models stay" if keeps_models or not run.is_learned else f"{num_models} removed"
    return f"{told}; emptied of data, predictions and pages; {models}"


def _ask(plan: Any, *, says_yes: bool) -> None:
    """Asks before anything is removed.

    Raises:
        UsageError: there is nobody to ask, or the answer is no.
    """
    if says_yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nothing is erased without a yes", hint="`--yes` says it; `--dry-run` only shows the plan")
    if not typer.confirm(f"Erase {plan.num_rows:,} rows and what was made of them? It cannot be undone.", err=True):
        raise UsageError("nothing was erased", hint="`--dry-run` shows the plan again")


def _as_json(record: Any, *, as_json: bool) -> int:
    if as_json:
        show_json(record)
    return 0
