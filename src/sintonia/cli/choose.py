"""`sintonia choose`: base models ranked on a person's own training rows. It trains nothing that is kept."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from sintonia.cli.interrupting import ending
from sintonia.cli.options import (
    JsonOption,
    OfflineOption,
    build_recipe,
    columns_of,
    data_and_overrides,
    seconds_of,
    setting_help,
)
from sintonia.cli.screen import program, say, show_json, watching
from sintonia.errors import Unavailable
from sintonia.pipeline import choose as carry_out_choice
from sintonia.pipeline import duration
from sintonia.records import Ranked, Ranking

_TITLES = {
    "h_score": "H-score",
    "log_me": "LogME",
    "probe": "probe",
    "bits_per_byte": "bits/byte",
    "few_shot_bits": "few-shot",
    "short_training": "trained a little",
}
"""The scores in the order of the table."""


def choose(
    data: Annotated[str | None, typer.Argument(metavar="DATA", help="The data file, or a folder.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="SETTING=VALUE", help="For example data.group=author.")
    ] = None,
    bases: Annotated[
        str | None, typer.Option(metavar="BASE,...", help="Bases to rank beside those that are on this machine.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="For all of it; the best few are then trained a little, too.")
    ] = None,
    task: Annotated[str | None, typer.Option(help=setting_help("task"))] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="ROLE=COLUMN,...", help="For example input=text,target=label.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="`commercial`: only bases that may be used to earn money.")
    ] = None,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> int:
    """Rank base models on your own training rows: which one to start from, and whether it matters."""
    path, dotted = data_and_overrides(data, overrides or [])
    settings = {
        "data.path": path,
        "task": task,
        "data.columns": columns_of(columns) if columns else None,
        "budget_seconds": seconds_of(budget) if budget else None,
    }
    recipe = build_recipe(None, settings, dotted)
    named = tuple(one.strip() for one in (bases or "").split(",") if one.strip())
    with ending("ended before a base was chosen; nothing is kept"), watching() as listener:
        ranking = carry_out_choice(recipe, listener, bases=named, licence=licence or "")
    _show(ranking)
    if as_json:
        show_json(ranking)
    if not ranking.chosen:
        raise Unavailable("no base is left to choose from", hint="each one says why; `sintonia models` knows more")
    say()
    columns_again = f" --columns {shlex.quote(columns)}" if columns else ""
    words = " ".join(shlex.quote(one) for one in dotted)
    command = f"tune {shlex.quote(str(path))} --base {shlex.quote(ranking.chosen)} --task {ranking.task}{columns_again}"
    say(f"to go on  {program()} {command} {words}".rstrip())
    return 0


def _show(ranking: Ranking) -> None:
    """The table, those that are out, and why the chosen one was chosen."""
    order = [one for one in ranking.bases if one.rank]
    scores = [name for name in _TITLES if any(name in one.scores for one in order)]
    titles = ("", "base", *(_TITLES[name] for name in scores), "mean rank", "tokens a word", "time", "licence", "")
    lines = [titles, *(_cells(one, scores) for one in order)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    say()
    for number, line in enumerate(lines if order else ()):
        shown = "  ".join(_cell(*pair, column) for column, pair in enumerate(zip(line, widths, strict=True)))
        say(shown.rstrip(), style="dim" if number == 0 else "bold" if line[1] == ranking.chosen else "")
    for one in order:
        if one.fertility and one.fertility.remark:
            say(f"note      {one.base}: {one.fertility.remark}")
    for one in ranking.bases:
        if one.why_out:
            nearest = f"; {one.fit.nearest}" if one.fit and one.fit.nearest else ""
            say(f"out       {one.base}: {one.why_out}{nearest}")
    for sentence in ranking.why:
        say(f"why       {sentence}")
    if order:
        say(f"{duration(ranking.seconds)}; nothing is kept, and neither validation nor test was read", style="dim")
    else:
        say("no base was ranked, and nothing is kept", style="dim")


def _cell(text: str, width: int, column: int) -> str:
    """Figures stand at the right, the name of the base at the left."""
    return text.ljust(width) if column == 1 else text.rjust(width)


def _cells(one: Ranked, scores: list[str]) -> tuple[str, ...]:
    """One line of the table."""
    said = "no real difference to the first" if one.is_tied_with_first else ""
    if one.fit and one.fit.outcome != "fits":
        said = "; ".join(filter(None, (said, one.fit.outcome)))
    return (
        str(one.rank),
        one.base,
        *(f"{one.scores[name]:.3f}" if name in one.scores else "-" for name in scores),
        f"{one.mean_rank:.1f}" if one.mean_rank is not None else "-",
        f"{one.fertility.tokens_per_word:.1f}" if one.fertility else "-",
        duration(one.seconds),
        one.licence,
        said,
    )
