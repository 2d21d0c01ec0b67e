"""`sintonia check`: the audit of a data file, its repair, and a review of suspect rows. It trains nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from sintonia.cli.interrupting import ending
from sintonia.cli.options import (
    JsonOption,
    OfflineOption,
    TestOption,
    ValidationOption,
    build_recipe,
    columns_of,
    data_and_overrides,
    setting_help,
)
from sintonia.cli.screen import program, say, show_findings, show_json, watching
from sintonia.errors import StopFindings, UsageError
from sintonia.pipeline import check as carry_out_check
from sintonia.records import Checked, Finding
from sintonia.settings import Recipe


def check(
    data: Annotated[str | None, typer.Argument(metavar="DATA", help="The data file, or a folder.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="SETTING=VALUE", help="For example data.group=author.")
    ] = None,
    task: Annotated[str | None, typer.Option(help=setting_help("task"))] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="ROLE=COLUMN,...", help="For example input=text,target=label.")
    ] = None,
    test: TestOption = None,
    validation: ValidationOption = None,
    production: Annotated[str | None, typer.Option(metavar="FILE", help=setting_help("data.production"))] = None,
    base: Annotated[
        str | None, typer.Option(help="The base model to look at labels with; `none` for what needs no model.")
    ] = None,
    fix_out: Annotated[
        Path | None, typer.Option("--fix", metavar="FILE", help="Write a mended copy (JSONL), and what was changed.")
    ] = None,
    review: Annotated[bool, typer.Option("--review", help="Go through the suspect rows, one key each.")] = False,
    accept: Annotated[list[str] | None, typer.Option(metavar="CODE", help=setting_help("accept"))] = None,
    explain: Annotated[
        str | None, typer.Option(metavar="CODE", help="Say what a finding means, why it matters and what to do.")
    ] = None,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> int:
    """Audit a data file row by row: what is wrong with it, why it matters, what to do."""
    if explain:
        from sintonia.prepare import explain as explained

        print(explained(explain))
        return 0
    path, dotted = data_and_overrides(data, overrides or [])
    settings = {
        "data.path": path,
        "task": task,
        "data.columns": columns_of(columns) if columns else None,
        "data.test": test,
        "data.validation": validation,
        "data.production": production,
        "base": None if base == "none" else base,
        "accept": tuple(code.upper() for code in accept) if accept else None,
    }
    recipe = build_recipe(None, settings, dotted)
    _refuse_contradictions(fix_out is not None, review, as_json, base == "none")
    _refuse_review_in_vault(recipe, review)
    if fix_out:
        return _fix(recipe, fix_out)
    with ending("ended before all was checked; nothing is kept"), watching() as listener:
        checked = carry_out_check(recipe, listener, has_base=base != "none")
    if review:
        from sintonia.cli.reviewing import review_suspects

        return review_suspects(Path(recipe.data.path), checked.suspects)
    _show(checked, recipe.data.path)
    if as_json:
        show_json(_without_texts(checked) if recipe.privacy.redact else checked)
    _refuse_stops(checked.findings, recipe.accept, recipe.data.path)
    return 0


def _refuse_contradictions(is_fix: bool, is_review: bool, is_json: bool, is_without_base: bool) -> None:
    if is_fix and (is_review or is_json):
        raise UsageError("`--fix` goes with neither `--review` nor `--json`", hint="run one after the other")
    if is_review and is_json:
        raise UsageError("`--review` does not go with `--json`", hint="`--json` alone lists the suspect rows")
    if is_review and is_without_base:
        raise UsageError("a review needs the base: it finds the rows", hint="leave out `--base none`")


def _refuse_review_in_vault(recipe: Recipe, is_review: bool) -> None:
    if is_review and recipe.privacy.vault:
        what = "a review keeps the labels it is given beside the data, in the clear"
        raise UsageError(what, hint="leave out `privacy.vault`")


def _fix(recipe: Recipe, out: Path) -> int:
    from sintonia.prepare import fix

    fixed = fix(recipe, out)
    for name, count in sorted(fixed.changes.items()):
        say(f"{name:<12}{count:>9,} rows")
    say(f"{fixed.rows_in:,} rows in, {fixed.rows_out:,} rows out: {fixed.path}; changes: {fixed.changes_path}")
    return 0


def _show(checked: Checked, data: str) -> None:
    """The findings, the gravest first, and what it all comes to."""
    order = {"stop": 0, "warning": 1, "note": 2}
    findings = sorted(checked.findings, key=lambda one: (order[one.severity], one.code))
    say()
    for finding in findings:
        show_findings((finding,))
        if finding.places:
            say(f"{'':<10}at {_places(finding)}", style="dim")
    prepared = checked.prepared
    say()
    say(
        f"{prepared.rows_in:,} rows in = {prepared.rows_used:,} used + {prepared.rows_set_aside:,} set aside; "
        f"{len(findings)} findings, {sum(one.severity == 'stop' for one in findings)} of them stop a run",
        style="bold",
    )
    if findings:
        say(
            f"`{program()} check --explain {findings[0].code}` says what a finding means and why it matters",
            style="dim",
        )
    if checked.suspects:
        which = "1 row is" if len(checked.suspects) == 1 else f"{len(checked.suspects):,} rows are"
        say(f"{which} worth a look: {program()} check {data} --review")


def _without_texts(checked: Checked) -> Checked:
    """The suspects by their places only."""
    return dataclasses.replace(checked, suspects=tuple(dataclasses.replace(one, input="") for one in checked.suspects))


def _places(finding: Finding) -> str:
    """The first places of a finding: `file:line`, and only the line where the file is the same."""
    words: list[str] = []
    last = ""
    for place in finding.places[:8]:
        words.append(f"{place.file}:{place.line}" if place.file != last else str(place.line))
        last = place.file
    more = f" and {finding.count - len(words):,} more" if finding.count > len(words) else ""
    return ", ".join(words) + more


def _refuse_stops(findings: tuple[Finding, ...], accepted: tuple[str, ...], where: str) -> None:
    """Exit 3 for what would stop a run, so that a script can rely on it."""
    stops = [one for one in findings if one.severity == "stop" and one.code not in accepted]
    if stops:
        codes = " and ".join(one.code for one in stops)
        raise StopFindings(f"{codes} would stop a run", where=where, hint="each one says above what to do")
