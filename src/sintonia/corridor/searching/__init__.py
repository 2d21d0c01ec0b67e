"""A search of settings between the first turn and the rounds of adjusting: asked for by `adjusting.search`.

`adjust/searching/` says what is tried next, `asking.py` what Optuna proposes, `trials.py` trains, and `crew.py` does so
in several processes. Each result is a line of `search/trials.jsonl`: a search that was interrupted goes on behind the
last one. It sees no test.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from sintonia.adjust.searching import (
    BRACKET,
    FULL_TURNS,
    Earlier,
    Rung,
    best_of,
    changes_of,
    cost_of,
    dropped_by,
    earlier_of,
    first_configurations,
    make_axes,
    next_configurations,
    optimism_of,
    rungs_of,
    search_trainings,
)
from sintonia.corridor.searching.asking import QUASI_RANDOM, Proposals, quasi_random, write_study
from sintonia.corridor.searching.crew import forget_early, trainings
from sintonia.corridor.searching.trials import first_job
from sintonia.corridor.turns import best_turn
from sintonia.corridor.walk import Walk, finished_turns
from sintonia.errors import SintoniaError, StorageError, UsageError
from sintonia.metrics import METRICS
from sintonia.recipe import recipe_id
from sintonia.records import (
    Base,
    Change,
    Part,
    SearchOutcome,
    SearchPlan,
    SearchTrial,
    Turn,
)
from sintonia.resources.pace import duration
from sintonia.runs import SEARCHED as OUTCOME
from sintonia.runs import RunFolder
from sintonia.train import Job

PLAN, TRIALS, STUDY_FILE = "search/plan.json", "search/trials.jsonl", "search/optuna.db"
_MOST_EARLIER = 3
_ALL_TRIED = "all was tried"


def refuse_search(walk: Walk, parts: Sequence[Part]) -> None:
    """Stops before anything is trained where a search was asked for and there are several parts.

    Raises:
        UsageError: the rows are so few that all of them are tested, in parts.
    """
    if walk.run.recipe().adjusting.search and len(parts) > 1:
        raise UsageError(
            f"`adjusting.search` needs one validation set; so few rows are split into {len(parts)} parts, and settings "
            "that were chosen on all of them would have seen every test",
            expected="300 rows or more",
            hint="leave `adjusting.search` out: `--budget` adjusts each part alone",
        )


def search_changes(walk: Walk, part: Part) -> Iterator[Change]:
    """The turns that a search asks for, once it has ended; none where there is no search, or they were taken.

    Raises:
        Interrupted: somebody asked to stop; what was measured is kept.
    """
    run = walk.run
    if not run.recipe().adjusting.search:
        return
    outcome, plan = run.read(OUTCOME, SearchOutcome), run.read(PLAN, SearchPlan)
    if outcome is None or plan is None:
        with walk.stage("search", ""):
            plan, outcome = _search(walk, part)
        if outcome is None:
            return
    for change in changes_of(finished_turns(run)[0].recipe, plan.axes, outcome):
        if recipe_id(change.recipe) in {turn.recipe_id for turn in finished_turns(run)}:
            continue
        if _has_time(walk, plan, cost_of(plan.axes, outcome.winner.values)):
            yield change
        else:
            walk.tell("search", f"no time is left for a turn more: {change.reason}")


def _search(walk: Walk, part: Part) -> tuple[SearchPlan, SearchOutcome | None]:
    """Tries configurations until all were, or time is short, and decides; no outcome where nothing could be tried."""
    run, job = walk.run, first_job(walk.run, part)
    plan, groups = _plan(walk, job), [one.group for one in job.validation]
    history = run.lines(TRIALS, SearchTrial)
    if not plan.axes or any(one.losses and len(one.losses) != len(groups) for one in history):
        raise StorageError(f"`{run.file(TRIALS)}` or the plan beside it was changed", hint="restore it from a copy")
    if plan.bracket != BRACKET:
        raise StorageError(
            f"`{run.file(TRIALS)}` was begun by an earlier version, whose trainings had other lengths",
            hint="move the folder `search` away to search anew",
        )
    walk.tell("search", _announced(plan, len(history), run.recipe().adjusting.processes))
    outcome, ended = None, ""
    try:
        ended = _try_all(walk, job, plan, history)
        clock_seconds = walk.seconds - plan.begun_seconds if plan.begun_seconds is not None else 0.0
        outcome = _decided(plan, history, groups, ended, clock_seconds)
    finally:
        if history:
            write_study(run.file(STUDY_FILE), plan, history, outcome)
    forget_early(walk)
    if outcome is None:
        why = "no configuration could be trained" if history else ended
        walk.tell("search", f"{why}; the recipe stays as it is")
        return plan, None
    run.write(OUTCOME, outcome)  # the clock decided; a resumed run must not decide again
    for line in _found(outcome):
        walk.tell("search", line)
    return plan, outcome


def _try_all(walk: Walk, job: Job, plan: SearchPlan, history: list[SearchTrial]) -> str:
    """Adds to the history, in memory and on disk, until the search is over; says why it is."""
    groups, processes = [one.group for one in job.validation], walk.run.recipe().adjusting.processes
    proposals = Proposals(plan, processes)
    with trainings(walk, job) as taking:
        while due := next_configurations(plan, history, groups):
            rung, wanted = due[0], proposals.wanted(history, due[1])
            needed = FULL_TURNS + rung.share * processes  # beside others a training takes longer, at most so much
            trial = taking.take(rung, wanted, lambda needed=needed: _has_time(walk, plan, needed))
            if trial is None:
                return f"time is short, so the search ended in rung {rung.number}"
            walk.run.append(TRIALS, trial)
            walk.save()
            history.append(trial)
            walk.tell("search", _told(rung, trial))
    return _ALL_TRIED


def _decided(
    plan: SearchPlan, history: Sequence[SearchTrial], groups: Sequence[str], ended: str, clock_seconds: float
) -> SearchOutcome | None:
    winner = best_of(plan, history, groups)
    if winner is None or winner.loss is None:
        return None
    tried, number = {one.configuration.number for one in history}, winner.configuration.number
    dropped = dict.fromkeys(tried, f"no better than number {number} beyond chance")
    if ended != _ALL_TRIED:
        dropped = dict.fromkeys(tried, "time was short")
    dropped |= dropped_by(plan, history, groups)
    return SearchOutcome(
        winner=winner.configuration,
        num_configurations=len(tried),
        dropped={str(other): why for other, why in sorted(dropped.items()) if other != number},
        optimism=optimism_of(plan, winner, history, groups),
        loss=winner.loss,
        seconds=sum(one.seconds for one in history),
        clock_seconds=clock_seconds,
        ended=ended,
    )


def _plan(walk: Walk, job: Job) -> SearchPlan:
    """What the search begins with; it is written before anything is tried, since other runs may come and go."""
    run, count = walk.run, walk.run.recipe().adjusting.search
    plan = run.read(PLAN, SearchPlan)
    if plan is None:
        axes, seed = make_axes(job.recipe, count), job.seed("search") % 2**32
        drawn = quasi_random(axes, min(count, QUASI_RANDOM), seed)
        first = first_configurations(axes, _earlier_runs(run, job), drawn, min(count, QUASI_RANDOM))
        seconds = finished_turns(run)[0].resources.seconds
        plan = SearchPlan(
            axes=axes,
            num_configurations=count,
            first=first,
            seed=seed,
            full_seconds=seconds,
            begun_seconds=walk.seconds,
            bracket=BRACKET,
        )
        run.write(PLAN, plan)
    return plan


def _earlier_runs(run: RunFolder, job: Job) -> tuple[Earlier, ...]:
    """What served in the runs beside this one that learned the same task with the same kind of base and method; the
    newest few of them. One that is damaged is passed over.
    """
    found: list[tuple[float, Earlier]] = []
    for path in sorted(run.place.parent.glob("*/recipe.yaml")):
        other = RunFolder(path.parent)
        if other.path == run.path:
            continue
        with contextlib.suppress(SintoniaError, OSError):
            turns = _alike(other, job)
            one = earlier_of(other.path.name, turns[0], best_turn(turns)) if turns else None
            if one is not None:
                found.append((_ended_at(other.path), one))
    newest = sorted(found, key=lambda pair: (-pair[0], pair[1].run))
    return tuple(one for _, one in newest[:_MOST_EARLIER])


def _alike(other: RunFolder, job: Job) -> tuple[Turn, ...]:
    """The turns of a finished run that what is learned here may be learned from."""
    base, turns = other.read("base.json", Base), finished_turns(other)
    is_whole = base is not None and base.kind == job.base.kind and other.file("verdict.json").is_file()
    if not {turn.primary_metric for turn in turns} <= METRICS.keys():
        return ()  # a metric of its own, whose code is not run here
    first = turns[:1] if is_whole else ()
    if not first or first[0].recipe.task != job.recipe.task or first[0].recipe.method != job.recipe.method:
        return ()
    return tuple(turn for turn in turns if turn.recipe.method == job.recipe.method)


def _ended_at(path: Path) -> float:
    return (path / "verdict.json").stat().st_mtime


def _has_time(walk: Walk, plan: SearchPlan, num_turns: float) -> bool:
    """Whether so many trainings of the usual length still fit in the budget."""
    budget = walk.run.recipe().budget_seconds
    return budget is None or walk.seconds + plan.full_seconds * num_turns <= budget


def _announced(plan: SearchPlan, num_taken: int, processes: int) -> str:
    if num_taken:
        return f"the search goes on behind {num_taken} trainings"
    rungs = rungs_of(plan.num_configurations)
    names = ", ".join(axis.setting for axis in plan.axes)
    lengths = ", ".join(f"{one.most} for 1/{round(1 / one.share)} of the steps" for one in rungs)
    whole = f"about {duration(search_trainings(plan.num_configurations) * plan.full_seconds)}"
    whole += f", or less with {processes} processes" if processes > 1 else ""
    return f"{plan.num_configurations} configurations of {names}: {lengths}; with the best in full, twice, {whole}"


def _told(rung: Rung, trial: SearchTrial) -> str:
    one = trial.configuration
    values = ", ".join(f"{name.partition('.')[2]} {value:g}" for name, value in one.values.items())
    result = f"validation loss {trial.loss:.4f}" if trial.loss is not None else f"broke: {trial.why_broken}"
    return f"rung {rung.number}, number {one.number} ({one.origin}): {values}: {result}"


def _found(outcome: SearchOutcome) -> Iterator[str]:
    one = outcome.winner
    if one.number == 0:
        yield "nothing that was tried is better than the recipe as it is: it is trained with a second seed alone"
    values = ", ".join(f"{name} {value:g}" for name, value in one.values.items())
    yield f"the best of {outcome.num_configurations} by validation is number {one.number} ({one.origin}): {values}"
    if 0 < outcome.clock_seconds < outcome.seconds:
        clock, trained = duration(outcome.clock_seconds), duration(outcome.seconds)
        yield f"the search took {clock} by the clock, for trainings of {trained} beside each other"
    if outcome.optimism and outcome.loss:
        yield (
            f"its validation loss looks better than it is by about {100 * outcome.optimism / outcome.loss:.1f} %, if "
            "none is truly better: it is trained in full, and only the test tells"
        )
