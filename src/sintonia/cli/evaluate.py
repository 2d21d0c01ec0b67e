"""`sintonia evaluate`: the stored verdict, a run on another file, what it remembers, or a base before any tuning.

It trains nothing, but for `--canaries`, which asks before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from sintonia.cli.interrupting import ending
from sintonia.cli.journal import keep_log
from sintonia.cli.options import JsonOption, OfflineOption, build_recipe, columns_of, data_and_overrides, setting_help
from sintonia.cli.remembering import show_privacy
from sintonia.cli.screen import say, show_codes_of_notes, show_findings, show_json, watching
from sintonia.cli.together import Deed, refuse_mixed
from sintonia.errors import RequirementNotMet, UsageError
from sintonia.pipeline import duration, evaluate_base, evaluate_on
from sintonia.records import BaseAlone, Evaluated, Finding, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

DEEDS = {
    "--privacy": Deed(beside={"--canaries": "", "--yes": ""}, idle_without={"--yes": "--canaries"}),
    "--on": Deed(as_in="--on FILE"),
}
"""What can be asked of a run instead of its stored verdict, one at a time, with the options that belong to it."""


def evaluate(
    path: Annotated[str, typer.Argument(metavar="RUN|DATA", help="The run folder; with --base a data file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="SETTING=VALUE", help="With --base, for example data.group=author.")
    ] = None,
    on: Annotated[Path | None, typer.Option(metavar="FILE", help="Examples to judge the run on: all.")] = None,
    base: Annotated[str | None, typer.Option(help="A base to weigh alone, on validation, before any tuning.")] = None,
    task: Annotated[str | None, typer.Option(help=f"With --base. {setting_help('task')}")] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="ROLE=COLUMN,...", help="With --base, for example input=text,target=label.")
    ] = None,
    require: Annotated[Literal["better"] | None, typer.Option(help="Exit with 4 unless this is the verdict.")] = None,
    privacy: Annotated[bool, typer.Option("--privacy", help="What the model remembers of its training rows.")] = False,
    canaries: Annotated[
        bool, typer.Option("--canaries", help="With --privacy: train a copy with made-up secrets, and look for them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Train for --canaries without a question.")] = False,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> int:
    """Show a verdict again, judge a run on another file, or weigh a base alone."""
    refuse_mixed(DEEDS, {"--privacy": privacy, "--canaries": canaries, "--yes": yes, "--on": on})
    if privacy and require:
        raise UsageError("`--require` goes with a verdict, not with `--privacy`", hint="leave out one of them")
    if base is not None:
        if on is not None or require or privacy:
            raise UsageError(
                "`--on`, `--privacy` and `--require` go with a run, not with `--base`", hint="leave out one of them"
            )
        data, dotted = data_and_overrides(path, overrides or [])
        settings = {
            "data.path": data,
            "data.columns": columns_of(columns) if columns else None,
            "task": task,
            "base": base,
        }
        return _weigh(build_recipe(None, settings, dotted), as_json=as_json)
    if overrides or task or columns:
        raise UsageError(
            "settings, `--task` and `--columns` go with `--base`: a run has its own",
            hint="`sintonia evaluate RUN --on FILE` reads FILE as the run read its data",
        )
    if privacy:
        return show_privacy(RunFolder.open(path), plants=canaries, says_yes=yes, as_json=as_json)
    verdict = _shown_again(path, as_json=as_json) if on is None else _judged(path, on, as_json=as_json)
    if require and verdict.outcome != require:
        raise RequirementNotMet(
            f"the verdict is `{verdict.outcome}`",
            expected=f"`{require}`, as --require says",
            hint="its causes are told above and in the verdict",
        )
    return 0


def _shown_again(path: str, *, as_json: bool) -> Verdict:
    """The verdict as it is stored."""
    verdict = RunFolder.open(path).read("verdict.json", Verdict)
    if verdict is None:
        raise UsageError(f"`{path}` has no verdict yet", hint=f"`sintonia resume {path}` goes on to it")
    _show_verdict(verdict)
    _show_causes(verdict.causes)
    say(
        f"this is the stored verdict, of opening {verdict.test_openings} of its test: nothing was looked at anew; "
        "`--on FILE` judges the run on other examples",
        style="dim",
    )
    if as_json:
        show_json(verdict)
    return verdict


def _judged(path: str, on: Path, *, as_json: bool) -> Verdict:
    run = RunFolder.open(path)
    keep_log(run)
    with watching() as listener:
        found = evaluate_on(run, on, listener)
    say()
    _show_verdict(found.verdict)
    _show_file(found)
    say(f"kept in   {os.path.relpath(run.place / found.folder)}")
    if as_json:
        show_json(found)
    return found.verdict


def _show_file(found: Evaluated) -> None:
    num_tested = found.rows_in - found.rows_set_aside
    say(f"{found.rows_in:,} rows in = {num_tested:,} tested + {found.rows_set_aside:,} taken out")
    show_findings(found.findings)
    _show_causes(tuple(one for one in found.verdict.causes if one not in found.findings))


def _show_causes(causes: tuple[Finding, ...]) -> None:
    """Each warning whole, whatever the verdict: what is better on the whole may be worse where nobody looks."""
    show_findings(tuple(one for one in causes if one.severity != "note"))
    show_codes_of_notes(causes, "explained with the verdict (`--json`)")


def _show_verdict(verdict: Verdict) -> None:
    """The sentence, the rungs, and the comparison with its interval."""
    say(verdict.sentence, style="bold")
    primary = verdict.primary
    rows = [(rung.name, f"{rung.score:.3f}", rung.description) for rung in verdict.rungs]
    interval = f"{primary.tuned.low:.3f} to {primary.tuned.high:.3f}"
    _show_table([*rows, ("tuned", f"{primary.tuned.value:.3f}", f"interval {interval}")], primary.metric)


def _show_table(rows: list[tuple[str, str, str]], metric: str) -> None:
    width, digits = (max(len(row[column]) for row in rows) for column in (0, 1))
    say(metric.replace("_", " "), style="dim")
    for name, score, words in rows:
        say(f"  {name:<{width}}  {score:>{digits}}  {words}")


def _weigh(recipe: Recipe, *, as_json: bool) -> int:
    from sintonia.choose import refuse_away

    refuse_away(recipe.base, recipe.task)
    with ending("ended before the base was weighed; nothing but the split is kept"), watching() as listener:
        alone = evaluate_base(recipe, listener)
    say()
    _show_base(alone)
    if as_json:
        show_json(alone)
    return 0


def _show_base(alone: BaseAlone) -> None:
    say(alone.sentence, style="bold")
    rows = [
        (
            one.name,
            f"{one.score.value:.3f} ({one.score.low:.3f} to {one.score.high:.3f})",
            f"{'fitted' if one.needs_training else 'no training'}: {one.description}",
        )
        for one in alone.rungs
    ]
    _show_table(rows, f"{alone.metric} on validation")
    for note in alone.notes:
        say(f"note      {note}", style="dim")
    show_findings(tuple(one for one in alone.findings if one.severity != "note"))
    say(f"{duration(alone.seconds)}; nothing was trained, and no run folder is left")
