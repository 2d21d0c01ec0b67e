"""THE STORY: prepare, choose, train, evaluate, adjust, and the verdict. Read this file first.

A stage whose record exists is skipped, so resuming a run is calling `improve` again. What a stage hands on is a
record in the run folder; the sealed test is opened here and nowhere else. Rooms are imported when the story
reaches them, because torch takes seconds and most commands need none.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

from sintonia.corridor.walk import Listener, Progress, Walk
from sintonia.errors import DataError, RunFailed, StopFindings, UsageError
from sintonia.files import write_atomic
from sintonia.models.catalog import find_entry
from sintonia.recipe import check_values
from sintonia.records import Advice, Base, Change, Finding, Prepared, Resources, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

__all__ = ["Listener", "Progress", "finished_turns", "improve", "propose", "request_pause", "start"]


def start(recipe: Recipe, folder: Path | str) -> RunFolder:
    """A new run folder for a recipe; nothing is computed yet.

    Raises:
        UsageError: wrong settings, no such data file, or the folder is in use.
    """
    data = Path(recipe.data.path).expanduser()
    if not data.exists():
        raise UsageError(f"there is no file `{recipe.data.path}`", hint="check the path")
    scheme, _, place = find_entry(recipe.base).reference.partition(":")
    base = f"file:{Path(place).expanduser().absolute()}" if scheme == "file" else recipe.base
    settings = dataclasses.replace(recipe.data, path=str(data.absolute()))
    return RunFolder.create(folder, check_values(dataclasses.replace(recipe, data=settings, base=base)))


def improve(run: RunFolder, listener: Listener = lambda _: None, change: Change | None = None) -> Verdict:
    """Prepares, chooses, trains and adjusts on validation, opens the sealed test once, and judges.

    `change` asks for one more turn of a finished run. Everything done before is taken from the run folder.

    Raises:
        SintoniaError: one of its kinds, each with place and hint. The folder stays whole and can be resumed.
    """
    with run.writing():
        walk = Walk(run, listener)
        prepared = _prepare(walk)
        base = _choose(walk)
        findings = _examine(walk, base, prepared)
        turns = _train_and_adjust(walk, base, prepared, change)
        verdict = _evaluate(walk, base, prepared, turns, findings)
        _report(walk)
        return verdict


def propose(run: RunFolder) -> tuple[Change, ...]:
    """The changes worth trying next, best first; nothing is trained."""
    from sintonia.adjust import next_changes

    return next_changes(finished_turns(run))


def finished_turns(run: RunFolder) -> tuple[Turn, ...]:
    """The turns of a run that have ended, oldest first."""
    found = [run.read(f"turns/{path.name}/turn.json", Turn) for path in sorted(run.path.glob("turns/*"))]
    return tuple(turn for turn in found if turn is not None)


def request_pause(run: RunFolder) -> None:
    """Asks the training of a run, in whatever process, to save a checkpoint and stop after the current step."""
    for folder in sorted(run.path.glob("turns/*")):
        if not (folder / "turn.json").exists():
            (folder / "stop").write_text("pause\n", encoding="utf-8")


def _prepare(walk: Walk) -> Prepared:
    """Read, audit, split, seal."""
    prepared = walk.run.read("prepared.json", Prepared)
    if prepared is None:
        from sintonia.prepare import prepare

        recipe = walk.run.recipe()
        try:
            with walk.stage("prepare", f"reading {Path(recipe.data.path).name}"):
                prepared = prepare(recipe, walk.run)
        except (DataError, UsageError):
            shutil.rmtree(walk.run.path, ignore_errors=True)  # nothing was begun: no folder to stumble over
            raise
        walk.run.write("prepared.json", prepared)
    walk.tell("prepare", f"{prepared.rows_used} of {prepared.rows_in} rows used, {len(prepared.labels)} labels")
    for note in prepared.notes:
        walk.tell("prepare", note)
    return prepared


def _choose(walk: Walk) -> Base:
    """Pin the base, with reasons."""
    base = walk.run.read("base.json", Base)
    if base is None:
        from sintonia.choose import choose

        recipe = walk.run.recipe()
        with walk.stage("choose", f"base {recipe.base}"):
            base = choose(recipe)
        walk.run.write("base.json", base)
    walk.tell("choose", f"base {base.reference}: " + "; ".join(base.why))
    return base


def _examine(walk: Walk, base: Base, prepared: Prepared) -> tuple[Finding, ...]:
    """Audit what needs the base, estimate the bill, and stop where going on is pointless."""
    from sintonia.resolve import resolve

    run, recipe = walk.run, walk.run.recipe()
    filled, resolved = resolve(recipe, base, prepared)
    run.write_resolved(resolved)
    examined = run.read("cache/examined.json", _Examined)
    if examined is None:
        with walk.stage("examine", "looking at the training rows with the base"):
            examined = _look_with_base(run, base, prepared, filled)
        run.write("cache/examined.json", examined)
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
    run.write("cache/estimate.json", examined.estimate)
    walk.tell(
        "estimate",
        f"training takes about {examined.estimate.seconds:.0f} s a turn and "
        f"{examined.estimate.peak_memory_bytes / 2**30:.1f} GiB of memory",
    )
    return findings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Examined:
    findings: tuple[Finding, ...]
    estimate: Resources


def _look_with_base(run: RunFolder, base: Base, prepared: Prepared, filled: Recipe) -> _Examined:
    """Frozen features of the training rows: label signal, truncation, and the pace of this machine."""
    from sintonia.corridor.turns import read_sets
    from sintonia.models.open import open_base
    from sintonia.prepare.examine import examine
    from sintonia.resources.estimate import SetSizes, estimate_turn

    train, validation = read_sets(run, prepared.parts[0])
    opened = open_base(base, int(filled.training.max_tokens))
    began = time.monotonic()
    findings, longest = examine(run, opened, train, validation, prepared.labels)
    pace = (time.monotonic() - began) / len(train)
    sizes = SetSizes(num_train=len(train), num_validation=len(validation), longest_tokens=longest)
    return _Examined(findings=findings, estimate=estimate_turn(filled, base, sizes, pace))


def _train_and_adjust(walk: Walk, base: Base, prepared: Prepared, change: Change | None) -> tuple[Turn, ...]:
    """Turns of train, validate, diagnose; with a budget, while a change is worth trying and time is left."""
    from sintonia.adjust import next_changes
    from sintonia.corridor.turns import take_turn, unfinished_change

    recipe, turns = walk.run.recipe(), finished_turns(walk.run)
    pending = unfinished_change(walk.run, len(turns) + 1)
    if pending and change and pending != change:
        walk.tell(
            "adjust", f"first the turn that was interrupted: {pending.setting} {pending.before} -> {pending.after}"
        )
    pending = pending or change
    if not turns or pending:
        turns = (*turns, take_turn(walk, base, prepared, turns, pending if turns else None))
    budget, ended = recipe.budget_seconds, walk.run.file("cache/adjusting-ended")
    while budget is not None and not ended.exists() and len(turns) < recipe.adjusting.turns:
        changes = next_changes(turns)
        if not changes or walk.seconds + turns[-1].resources.seconds > budget:
            break
        turns = (*turns, take_turn(walk, base, prepared, turns, changes[0]))
    write_atomic(ended, b"")  # the clock decided; a resumed run must not decide again
    return turns


def _evaluate(
    walk: Walk, base: Base, prepared: Prepared, turns: tuple[Turn, ...], findings: tuple[Finding, ...]
) -> Verdict:
    """Open the sealed test for the best turn, score it and the ladder, judge. A judged turn is not judged again."""
    from sintonia.corridor.judging import Bench, publish
    from sintonia.corridor.turns import best_turn, candidate_id, is_broken
    from sintonia.sealed import open_test

    run, best = walk.run, best_turn(turns)
    verdicts = [run.read(f"verdicts/{path.name}", Verdict) for path in sorted(run.path.glob("verdicts/*.json"))]
    verdict = next((one for one in verdicts if one is not None and one.turn == best.number), None)
    findings = (*findings, *best.findings)
    if verdict is None:
        if is_broken(best):
            raise RunFailed(next(one.message for one in best.findings if one.code == "E310"), hint="see log.txt")
        with walk.stage("evaluate", "fitting the honest baselines"):
            bench = Bench(run, base, prepared, best)
        with walk.stage("evaluate", "opening the sealed test"):
            examples, openings = open_test(prepared.parts[0].test, run, candidate_id(run, best))
            walk.tell("evaluate", f"the sealed test of {len(examples)} examples is open (opening {openings})")
            causes = tuple(one for one in findings if one.severity != "note" or one in best.findings)
            stops = {one.code for one in findings if one.severity == "stop"}
            bench.accepted = tuple(sorted(stops & set(run.recipe().accept)))
            verdict = bench.judge(examples, openings, causes, _advice(turns))
        run.write(f"verdicts/{len(verdicts) + 1:03d}.json", verdict)
    elif best != turns[-1]:
        walk.tell(
            "adjust",
            f"turn {turns[-1].number} gave {turns[-1].validation_metric:.3f} on validation, turn "
            f"{best.number} {best.validation_metric:.3f}: turn {best.number} stays, no new opening",
        )
        verdict = dataclasses.replace(verdict, advice=_advice(turns))
    walk.write_findings((*findings, *(one for one in verdict.causes if one not in findings)))
    publish(run, verdict, best)
    return verdict


def _advice(turns: tuple[Turn, ...]) -> tuple[Advice, ...]:
    from sintonia.adjust import next_changes

    return tuple(
        Advice(
            action=f"{one.setting}: {one.before} -> {one.after}",
            reason=one.reason,
            expected=one.expected,
            cost=one.cost,
        )
        for one in next_changes(turns)
    )


def _report(walk: Walk) -> None:
    """The run as a page and as a card."""
    from sintonia.report import write_card, write_report

    with walk.stage("report", "writing the report"):
        walk.write_bill()
        write_report(walk.run)
        write_card(walk.run)
