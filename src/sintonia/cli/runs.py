"""`sintonia runs`: lists the runs below a folder with their verdicts, and removes data whose days are over if asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from sintonia.cli.expiring import show_due
from sintonia.cli.options import RUNS, JsonOption
from sintonia.cli.screen import say, show_json
from sintonia.cli.vaults import is_readable, readable_runs, why_unreadable
from sintonia.errors import SintoniaError, UsageError
from sintonia.privacy import expires
from sintonia.records import Event, Taught, Verdict
from sintonia.runs import ERASED, EXPIRED, TAUGHT, Expired, RunFolder, runs_below


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to look for runs, or one run.")] = RUNS,
    tree: Annotated[
        bool, typer.Option("--tree", help="Show the turns of each: which came from which, why, and what it gave.")
    ] = False,
    expire: Annotated[
        bool, typer.Option("--expire", help="Show what `privacy.keep_days` says is to be removed by now, and ask.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --expire: remove it without a question.")] = False,
    as_json: JsonOption = False,
) -> int:
    """List the runs below a folder."""
    if not folder.is_dir() and folder != RUNS:
        raise UsageError(f"there is no folder `{folder}`", hint="name the folder that holds the run folders")
    if (expire and tree) or (yes and not expire):
        raise UsageError("`--expire` goes with `--yes` and `--json` alone", hint="list the runs first, or afterwards")
    paths = runs_below(folder)
    if expire:
        from sintonia.cli.expiring import expire_due

        return expire_due(readable_runs(paths), says_yes=yes, as_json=as_json)
    rows = [_row(path) for path in paths]
    if tree:
        from sintonia.cli.tree import show_trees, turns_of_run

        rows = [row | {"turns": turns_of_run(row["run"])} for row in rows]
    if as_json:
        show_json(rows)
    elif rows and tree:
        show_trees(rows)
    elif rows:
        Console(highlight=False).print(_table(rows))
    else:
        say(f"no runs below `{folder}`; `sintonia quickstart` makes the first one")
    show_due(readable_runs(paths), folder)
    return 0


_WORTH = {"better": "yes", "worse": "no", "equivalent": "no", "inconclusive": "open"}
"""Of the tuned model against the best rung that is fitted in moments."""


def _row(path: Path) -> dict[str, Any]:
    """One run in a few plain values; a damaged one is listed as such, not skipped."""
    row: dict[str, Any] = {
        "run": str(path),
        "state": "damaged",
        "outcome": "no verdict yet",
        "metric": None,
        "base": None,
        "tuned": None,
        "worth_tuning": None,
        "against_teacher": None,
        "expires": None,
        "expired": None,
    }
    if not is_readable(path):
        return {**row, "state": "locked", "outcome": "in a vault"}
    try:
        if RunFolder(path).file(ERASED).exists():
            return {**row, "state": "erased", "outcome": "rows were erased"}
        run = RunFolder.open(path)
        row |= _days(run)
        row["state"] = _state(run) if row["expired"] is None else "expired"
        verdict = run.read("verdict.json", Verdict)
        taught = run.read(TAUGHT, Taught)
    except SintoniaError as error:
        state, outcome = why_unreadable(error)
        return {**row, "state": state, "outcome": outcome}
    if verdict is None:
        return row
    primary = verdict.primary
    scores = {"metric": primary.metric, "base": primary.base.value, "tuned": primary.tuned.value}
    worth = {"worth_tuning": verdict.worth_tuning.outcome}
    return {**row, "outcome": verdict.outcome, **scores, **worth, "against_teacher": taught and _against(taught)}


def _days(run: RunFolder) -> dict[str, Any]:
    """When its data are due to be removed, and when they were (UTC)."""
    gone = run.read(EXPIRED, Expired)
    return {"expires": expires(run) if gone is None else None, "expired": gone.time if gone else None}


def _against(taught: Taught) -> dict[str, Any]:
    """A model against its teacher: the difference with its interval, as the metric counts it, and what it saves."""
    difference, (now, before) = taught.comparison.difference, (taught.size, taught.teacher_size)
    return {
        "outcome": taught.outcome,
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "size_ratio": now.num_parameters / max(before.num_parameters, 1),
        "speed_ratio": now.examples_per_second / max(before.examples_per_second, 1e-9),
    }


def _state(run: RunFolder) -> str:
    """What became of a run: running, finished, paused, or stopped by whatever."""
    if run.is_being_written():
        return "running"
    if run.file("verdict.json").exists():
        return "finished"
    turns = [path for path in sorted(run.path.glob("turns/*")) if not (path / "turn.json").exists()]
    events = run.lines(f"turns/{turns[-1].name}/events.jsonl", Event) if turns else []
    return "paused" if events and events[-1].kind == "paused" else "stopped"


def _table(rows: list[dict[str, Any]]) -> Table:
    from sintonia.report import direction

    table = Table(box=None, pad_edge=False)
    titles = ["run", "state", "outcome", "metric", "base", "tuned", "worth it"]
    has_taught = any(row["against_teacher"] for row in rows)
    has_days = any(row["expires"] or row["expired"] for row in rows)
    more = [*(["against teacher"] if has_taught else []), *(["data kept"] if has_days else [])]
    for title in (*titles, *more):
        table.add_column(title, justify="right" if title in ("base", "tuned") else "left", overflow="fold")
    for row in rows:
        scores = ["" if row[name] is None else f"{row[name]:.3f}" for name in ("base", "tuned")]
        metric = row["metric"] or ""
        better = f"{metric} (lower is better)" if metric and direction(metric) == "lower is better" else metric
        worth = _WORTH.get(row["worth_tuning"] or "", row["worth_tuning"] or "")
        against = [_against_in_words(row["against_teacher"])] if has_taught else []
        days = [_days_in_words(row)] if has_days else []
        table.add_row(row["run"], row["state"], row["outcome"], better, *scores, worth, *against, *days)
    if any(row["worth_tuning"] for row in rows):
        table.caption = "worth it: whether the tuned model also beats the best quick baseline"
        table.caption_justify = "left"
    return table


def _days_in_words(row: dict[str, Any]) -> str:
    """Until which day the run keeps its data, or since when they are gone; empty where no end is set."""
    if row["expired"]:
        return f"removed {row['expired'][:10]}"
    return f"until {row['expires'][:10]}" if row["expires"] else ""


def _against_in_words(against: dict[str, Any] | None) -> str:
    """`-0.012 (-0.030 to +0.006), 2.1x as fast`; empty for a run without a teacher."""
    if not against:
        return ""
    ends = f"{against['low']:+.3f} to {against['high']:+.3f}"
    return f"{against['difference']:+.3f} ({ends}), {against['speed_ratio']:.2g}x as fast"
