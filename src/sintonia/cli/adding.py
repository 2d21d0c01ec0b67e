"""`sintonia adjust RUN --add`: the run again with more rows to train on, and what they bought. It computes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.interrupting import ending
from sintonia.cli.screen import say
from sintonia.pipeline import add_rows
from sintonia.runs import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding:
    """What `--add` was asked for with: the files, the folder of the new run, codes of findings to go on in spite of."""

    files: Sequence[Path]
    out: Path | None
    accept: Sequence[str] | None


def add_and_train(run: RunFolder, asked: Adding, *, says_yes: bool, as_json: bool) -> int:
    """Begins a new run that goes on from this one with the rows of these files, and carries it out."""
    with ending("ended before a run was begun; nothing is kept"):
        begun = add_rows(run, asked.files, asked.out, accept=tuple(code.upper() for code in asked.accept or ()))
    names = ", ".join(file.name for file in asked.files)
    say(f"adding    {names} to the training rows of {os.path.relpath(run.place)}")
    if run.recipe().adjusting.search:
        say("search    not made again: the new rows are trained with the settings of the model that was kept")
    return carry_out(begun, as_json=as_json, says_yes=says_yes)
