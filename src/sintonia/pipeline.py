"""THE STORY: prepare, choose, train, evaluate, adjust, and the verdict. Read this file first.

A stage whose record exists is skipped, so resuming a run is calling `improve` again. What a stage hands on is a
record in the run folder; the sealed test is opened here and nowhere else. Rooms are imported when the story
reaches them, because torch takes seconds and most commands need none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sintonia.corridor.auditing import keep_prepared, keep_verdict
from sintonia.corridor.beginning import (
    changed_originals,
    leaving_nothing,
    metrics_of_recipe,
    metrics_of_run,
    refuse_early,
    remember_originals,
    with_whole_paths,
)
from sintonia.corridor.doors import (
    add_rows,
    audit_memory,
    combine_turns,
    evaluate_base,
    label,
    look_over_machine,
    measure_canaries,
    measure_curve,
    plan_erasure,
    propose,
    refuse_file,
    request_pause,
    seeds_to_train,
    teach,
    train_seeds,
    write_scaled_model,
)
from sintonia.corridor.trackers import check_trackers
from sintonia.corridor.walk import Ask, Listener, Progress, Walk, finished_turns, loss_of, walking
from sintonia.errors import StopFindings
from sintonia.recipe import check_values
from sintonia.records import Base, Change, Checked, Example, Finding, Prepared, Ranking, Turn, Verdict
from sintonia.records.looks import ComparedRuns, Evaluated
from sintonia.resources.pace import duration
from sintonia.resources.price import read_prices
from sintonia.runs import RunFolder, keep_temporary_private
from sintonia.settings import Recipe

__all__ = [
    "Listener",
    "Progress",
    "add_rows",
    "audit_memory",
    "check",
    "choose",
    "combine_turns",
    "compare",
    "duration",
    "evaluate_base",
    "evaluate_on",
    "finished_turns",
    "improve",
    "label",
    "look_over_machine",
    "loss_of",
    "measure_canaries",
    "measure_curve",
    "plan_erasure",
    "propose",
    "request_pause",
    "seeds_to_train",
    "start",
    "teach",
    "train_seeds",
    "write_scaled_model",
]


def start(recipe: Recipe, folder: Path | str) -> RunFolder:
    """A new run folder for a recipe; nothing is computed yet.

    Raises:
        UsageError: wrong settings, no such data file, a base that is not for them, or the folder is in use.
    """
    check_trackers(recipe.tracking)
    read_prices(recipe.prices)
    whole = check_values(with_whole_paths(recipe))
    with metrics_of_recipe(whole):
        refuse_early(whole)
    return RunFolder.create(folder, whole)


def improve(
    run: RunFolder,
    listener: Listener = lambda _: None,
    change: Change | None = None,
    ask: Ask = lambda _: True,
) -> Verdict:
    """Prepares, chooses, trains and adjusts on validation, opens the sealed test once, and judges.

    `change` asks for one more turn of a finished run. Everything done before is taken from the run folder. `ask` is
    called with a sentence where the estimate is beyond the budget, before anything is trained: whether to go on.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. The folder stays whole and can be resumed.
    """
    check_values(run.recipe())  # it may have been edited by hand since
    with run.writing(), metrics_of_run(run), walking(run, listener) as walk:
        with leaving_nothing(run):
            prepared = _prepare(walk)
            base = _choose(walk, prepared)
            findings = _examine(walk, base, prepared, ask)
        turns = _train_and_adjust(walk, base, prepared, change)
        verdict = _evaluate(walk, base, prepared, turns, findings)
        _report(walk)
        return verdict


def check(recipe: Recipe, listener: Listener = lambda _: None, *, has_base: bool = True) -> Checked:
    """Audits the data of a recipe and leaves nothing behind; without the base only what needs no model."""
    from sintonia.corridor.checking import look

    keep_temporary_private(recipe)
    with metrics_of_recipe(recipe):
        return look(recipe, listener, has_base=has_base)


def choose(
    recipe: Recipe, listener: Listener = lambda _: None, *, bases: Sequence[str] = (), licence: str = ""
) -> Ranking:
    """Ranks base models on the training rows of a recipe's data, within its budget, and leaves nothing behind."""
    from sintonia.corridor.choosing import rank_bases

    keep_temporary_private(recipe)
    with metrics_of_recipe(recipe):
        return rank_bases(recipe, listener, bases, licence)


def evaluate_on(run: RunFolder, file: Path, listener: Listener = lambda _: None) -> Evaluated:
    """Judges the model of a finished run on another file; that opening of the file is counted."""
    refuse_file(run, file)
    from sintonia.corridor.doors.evaluating import judge_on
    from sintonia.sealed import open_test

    return judge_on(run, file, listener, open_test)


def compare(runs: Sequence[RunFolder]) -> ComparedRuns:
    """Compares finished runs on the test they share; it is opened for none of them anew."""
    from sintonia.corridor.doors.comparing import compare_runs
    from sintonia.sealed import open_test

    return compare_runs(runs, open_test)


def _prepare(walk: Walk) -> Prepared:
    """Read, audit, split, seal; a resumed run says when the data were changed since."""
    from sintonia.sealed import unknown_tests

    prepared = walk.run.read("prepared.json", Prepared)
    for line in changed_originals(walk.run) if prepared else ():
        walk.tell("prepare", line)
    if prepared is None:
        from sintonia.corridor.growing.teaching.pool import answer_pool, refuse_untaught
        from sintonia.prepare import prepare

        recipe = walk.run.recipe()
        answer_pool(walk)
        remember_originals(walk.run, recipe)
        with walk.stage("prepare", f"reading {Path(recipe.data.path).name}"):
            prepared = prepare(recipe, walk.run)
        refuse_untaught(walk.run, prepared)
        keep_prepared(walk, prepared)
    labels = f", {len(prepared.labels)} labels" if prepared.labels else ""
    walk.tell("prepare", f"{prepared.rows_used} of {prepared.rows_in} rows used{labels}")
    asked = walk.run.recipe().data
    for note in (*prepared.notes, *unknown_tests(Path(asked.test or asked.path))):
        walk.tell("prepare", note)
    from sintonia.corridor.searching import refuse_search

    refuse_search(walk, prepared.parts)
    return prepared


def _choose(walk: Walk, prepared: Prepared) -> Base:
    """Pin the base, with reasons; where there are several and none is named, they are ranked on training rows."""
    base = walk.run.read("base.json", Base)
    if base is None:
        from sintonia.corridor.choosing import choose_base

        with walk.stage("choose", "choosing the base"):
            base = choose_base(walk, prepared)
        walk.run.write("base.json", base)
    walk.tell("choose", f"base {base.reference}: " + "; ".join(base.why))
    return base


def _examine(walk: Walk, base: Base, prepared: Prepared, ask: Ask) -> tuple[Finding, ...]:
    """Audit what needs the base, promise the bill, and stop where going on is pointless."""
    from sintonia.corridor.billing.promise import promise
    from sintonia.corridor.examining import examine
    from sintonia.corridor.worth import tell_worth

    recipe = walk.run.recipe()
    filled, examined = examine(walk, base, prepared)
    findings = (*prepared.findings, *examined.findings)
    walk.write_findings(findings)
    for one in findings:
        walk.tell("audit", f"{one.code} {one.severity}: {one.message}")
    stops = [one for one in findings if one.severity == "stop" and one.code not in recipe.accept]
    if stops:
        _report(walk)
        raise StopFindings(
            "; ".join(f"{one.code} {one.message}" for one in stops),
            where=recipe.data.path,
            hint="; ".join(one.hint for one in stops),
        )
    tell_worth(walk)
    promise(walk, filled, examined, len(prepared.parts), ask)
    return findings


def _train_and_adjust(walk: Walk, base: Base, prepared: Prepared, change: Change | None) -> tuple[Turn, ...]:
    """Turns of train, validate, diagnose; with a budget, while a change is worth trying and time is left."""
    from sintonia.corridor.rounds import turns_to_take
    from sintonia.corridor.turns import take_turn

    for part, next_change in turns_to_take(walk, prepared.parts, change):
        take_turn(walk, base, prepared, part, next_change)
    return finished_turns(walk.run)


def _evaluate(
    walk: Walk, base: Base, prepared: Prepared, turns: tuple[Turn, ...], findings: tuple[Finding, ...]
) -> Verdict:
    """Open the sealed test for the best turn of each part, score it and the ladder, judge; what is judged stays so."""
    from sintonia.corridor.closing.bench import make_benches
    from sintonia.corridor.closing.judging import Circumstances, judge_all
    from sintonia.corridor.closing.publishing import publish
    from sintonia.corridor.closing.shipping import decide_on_all, shipped_turn, train_on_all
    from sintonia.corridor.rounds import advice_of, stays_in_words
    from sintonia.corridor.trackers import tell_verdict
    from sintonia.corridor.turns import best_turns, findings_of, refuse_broken

    run, best, tell = walk.run, best_turns(turns, prepared.parts), partial(walk.tell, "evaluate")
    shipped, found = shipped_turn(run, best), (*findings, *findings_of(best))
    verdicts = [run.read(f"verdicts/{path.name}", Verdict) for path in sorted(run.path.glob("verdicts/*.json"))]
    verdict = next((one for one in verdicts if one and shipped and one.turn == shipped.number), None)
    advice = advice_of(turns, prepared.parts, findings)
    if verdict is None or shipped is None:
        refuse_broken(run, best)
        with walk.stage("evaluate", "fitting the honest baselines"):
            benches = make_benches(run, base, prepared, best)
        opened, openings = _open(walk, prepared, best)
        if shipped is None:
            decided = decide_on_all(run, best, tuple(bench.probe_strength for bench in benches))
            shipped = train_on_all(walk, base, prepared, decided, opened)
        refuse_broken(run, (shipped,))
        known = Circumstances(
            openings=openings, advice=advice, shipped=shipped, findings=findings, shown=findings_of(best), tell=tell
        )
        with walk.stage("evaluate", "scoring and judging"):
            verdict = judge_all(benches, prepared, opened, known)
        keep_verdict(walk, len(verdicts) + 1, verdict)
    elif shipped != turns[-1]:
        walk.tell("adjust", stays_in_words(turns[-1], shipped))
        verdict = dataclasses.replace(verdict, advice=advice)
    walk.write_findings((*found, *(one for one in verdict.causes if one not in found)))
    publish(run, verdict, shipped)
    tell_verdict(run, shipped, verdict, lambda text: walk.tell("report", text))
    return verdict


def _open(walk: Walk, prepared: Prepared, best: tuple[Turn, ...]) -> tuple[tuple[tuple[Example, ...], ...], int]:
    """Opens the sealed test for these candidates: its examples by part, and which opening it is."""
    from sintonia.corridor.turns import candidate_id
    from sintonia.sealed import open_test

    with walk.stage("evaluate", "opening the sealed test"):
        opened, openings = open_test(prepared.parts, walk.run, candidate_id(walk.run, best))
    num_tested = len({one.id for examples in opened for one in examples})
    walk.tell("evaluate", f"the sealed test of {num_tested} examples is open (opening {openings})")
    return opened, openings


def _report(walk: Walk) -> None:
    """The run as a page and as a card."""
    from sintonia.report import write_card, write_report

    with walk.stage("report", "writing the report"):
        walk.write_bill()
        write_report(walk.run)
    walk.write_bill()
    write_card(walk.run)  # last: written again it is the same, byte for byte
