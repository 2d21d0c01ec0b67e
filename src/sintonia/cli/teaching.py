"""`sintonia tune --teacher`: a finished run teaches another base. It only turns words into what is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sintonia.cli.interrupting import ending
from sintonia.cli.options import run_path
from sintonia.cli.screen import say
from sintonia.errors import UsageError
from sintonia.pipeline import teach
from sintonia.runs import RunFolder

_TEACHERS_OWN = {"data.test": "--test", "data.validation": "--validation", "task": "--task"}


def begin_with_teacher(
    teacher: Path, out: Path | None, given: Mapping[str, Any], words: Sequence[str], recipe: Path | None
) -> RunFolder:
    """The new run folder; the data are a pool of texts for the teacher to answer.

    Raises:
        UsageError: no pool, an option that is the teacher's to say, or what the teacher or the pool are refused for.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    pool = asked.pop("data.path", None)
    options = [option for name, option in _TEACHERS_OWN.items() if name in asked] + (["--recipe"] if recipe else [])
    if options:
        raise UsageError(
            f"{' and '.join(options)} beside `--teacher`: data, task and test are the teacher's",
            hint="leave it out; settings of the training are given as `training.epochs=2`",
        )
    if pool is None:
        raise UsageError(
            "no pool was given for the teacher to answer",
            expected="a file of texts without labels: one a line, or a column of a table",
            hint=f"as in `sintonia tune texts.txt --teacher {os.path.relpath(teacher)} --base NAME`",
        )
    run = RunFolder.open(teacher)
    with ending("ended before a run was begun; nothing is kept"):
        begun = teach(run, Path(pool), run_path(out, Path(pool).stem), asked, words)
    say(f"teacher   {os.path.relpath(run.place)}: its data, its test, and its answers to {Path(pool).name}")
    return begun
