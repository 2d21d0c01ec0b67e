"""`sintonia tune`: the whole process on a person's own data. It only turns words into a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.options import (
    JsonOption,
    OfflineOption,
    OutOption,
    TeacherOption,
    TestOption,
    ValidationOption,
    YesOption,
    build_recipe,
    columns_of,
    data_and_overrides,
    run_path,
    seconds_of,
    setting_help,
)
from sintonia.cli.teaching import begin_with_teacher
from sintonia.pipeline import start


def tune(
    data: Annotated[str | None, typer.Argument(metavar="DATA", help="The data file, or a folder.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="SETTING=VALUE", help="For example training.epochs=2.")
    ] = None,
    task: Annotated[str | None, typer.Option(help=setting_help("task"))] = None,
    base: Annotated[str | None, typer.Option(help=setting_help("base"))] = None,
    method: Annotated[str | None, typer.Option(help=setting_help("method"))] = None,
    recipe: Annotated[Path | None, typer.Option(metavar="FILE", help="A YAML file of settings to begin with.")] = None,
    out: OutOption = None,
    budget: Annotated[str | None, typer.Option(metavar="TIME", help=setting_help("budget_seconds"))] = None,
    seed: Annotated[int | None, typer.Option(help=setting_help("seed"))] = None,
    test: TestOption = None,
    validation: ValidationOption = None,
    columns: Annotated[
        str | None, typer.Option(metavar="ROLE=COLUMN,...", help="For example input=text,target=label.")
    ] = None,
    teacher: TeacherOption = None,
    accept: Annotated[list[str] | None, typer.Option(metavar="CODE", help=setting_help("accept"))] = None,
    require: Annotated[Literal["better"] | None, typer.Option(help="Exit with 4 unless this is the verdict.")] = None,
    yes: YesOption = False,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> int:
    """Fine-tune a model on your labelled examples, with proof that it is better.

    With --teacher DATA are texts without labels: the model of that finished run answers them, and another base (--base)
    learns from its answers and from its training rows. The verdict is on the same test, against both.
    """
    path, dotted = data_and_overrides(data, overrides or [])
    given = {
        "data.path": path,
        "data.columns": columns_of(columns) if columns else None,
        "data.test": test,
        "data.validation": validation,
        "task": task,
        "base": base,
        "method": method,
        "seed": seed,
        "budget_seconds": seconds_of(budget) if budget else None,
        "accept": tuple(code.upper() for code in accept) if accept else None,
    }
    if teacher:
        run = begin_with_teacher(teacher, out, given, dotted, recipe)
    else:
        asked = build_recipe(recipe, given, dotted)
        run = start(asked, run_path(out, Path(asked.data.path).stem))
    return carry_out(run, as_json=as_json, require=require, says_yes=yes)
