"""The last act: the ladder is chosen on validation, and on the opened examples everything is scored and judged.

The pipeline opens the sealed test and hands the examples in; this file never opens it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.corridor.turns import read_sets
from sintonia.evaluate import (
    LADDERS,
    Footing,
    JudgeInput,
    Ladder,
    invalid_reasons,
    judge,
    pool_cards,
    pool_rungs,
    prompt_doubts,
    score_candidate,
)
from sintonia.evaluate.pooled import Rungs
from sintonia.evaluate.prompts import Swapped
from sintonia.files import storage_errors, sync_folder, write_lines
from sintonia.metrics import METRICS
from sintonia.records import Advice, Base, Baseline, Example, Finding, Prepared, Rung, Scorecard, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS


def pick(rungs: Rungs, primary_metric: str, *, needs_training: bool) -> Rung:
    """The rung of its kind to beat: the one that does best on the test.

    The hindsight can only favour the rung: who beats it beats them all. Chosen on validation it could be one that
    the test finds below guessing, and beating that proves nothing.
    """
    goodness = METRICS[primary_metric].goodness
    alike = (rung for rung, _ in rungs if rung.needs_training == needs_training)
    return max(alike, key=lambda rung: goodness(rung.score))


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the verdict must know besides the scorecards."""

    openings: int
    findings: tuple[Finding, ...]
    """About the data."""
    shown: tuple[Finding, ...]
    """What the trainings showed."""
    advice: tuple[Advice, ...]
    shipped: Turn
    """The turn whose model is shipped; with several parts it is none of those that were scored."""

    @property
    def accepted(self) -> tuple[str, ...]:
        """Codes of the stop findings that were met and accepted."""
        stops = {one.code for one in (*self.findings, *self.shown) if one.severity == "stop"}
        return tuple(sorted(stops & set(self.shipped.recipe.accept)))

    @property
    def causes(self) -> tuple[Finding, ...]:
        """What may explain the verdict: notes about the data are left out."""
        return (*(one for one in self.findings if one.severity != "note"), *self.shown)


class Bench:
    """The saved candidate of one part and its ladder, ready to be scored on the same opened examples."""

    def __init__(self, run: RunFolder, base: Any, prepared: Prepared, best: Turn) -> None:
        self.run, self.best, self.ladder = run, best, LADDERS[prepared.task]
        part = next(one for one in prepared.parts if one.name == best.part)
        train, self.validation = read_sets(run, part)
        footing = Footing(run=run, base=base, prepared=prepared, recipe=best.recipe, train=train)
        self.ground = self.ladder.make_ground(footing)
        is_alone = len(prepared.parts) == 1
        self.baselines = self._choose("baselines.jsonl" if is_alone else f"data/{part.name}/baselines.jsonl")

    def _choose(self, relative: str) -> tuple[Baseline, ...]:
        """The settings of the rungs, chosen on validation; kept, so that a resumed run has the same."""
        kept = self.run.lines(relative, Baseline)
        if not kept:
            kept = list(self.ladder.choose(self.ground, self.validation))
            write_lines(self.run.file(relative), kept)
        return tuple(kept)

    @property
    def probe_strength(self) -> float | None:
        """The strength of the linear probe that did best on validation, where there is such a rung."""
        return next((one.setting for one in self.baselines if one.name == "linear probe"), None)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is to be said about the rungs."""
        return self.ladder.notes(self.ground, self.baselines, self.validation)

    def swap_prompts(self, examples: tuple[Example, ...]) -> tuple[Swapped, ...]:
        """The answers of this part's test behind other prompts than their own, where there are prompts."""
        return self.ladder.swap_prompts(
            self.run.file(self.best.candidate.weights), examples, self.best.recipe.chat.learn
        )

    def score(self, examples: tuple[Example, ...]) -> tuple[Scorecard, Rungs]:
        """The candidate and the rungs of this part on its own opened examples."""
        weights, learn = self.run.file(self.best.candidate.weights), self.best.recipe.chat.learn
        tuned = score_candidate(weights, examples, "test", learn=learn)
        return tuned, self.ladder.score(self.ground, self.baselines, examples, "test")


def make_benches(run: RunFolder, base: Base, prepared: Prepared, best: tuple[Turn, ...]) -> tuple[Bench, ...]:
    """A bench for each part, in their order."""
    limits = [next(int(one.value) for one in turn.resolved if one.setting == "training.max_tokens") for turn in best]
    open_base = LADDERS[prepared.task].open_base
    opened = {limit: open_base(base, best[limits.index(limit)].recipe, limit) for limit in set(limits)}
    return tuple(Bench(run, opened[limit], prepared, turn) for limit, turn in zip(limits, best, strict=True))


def judge_all(
    benches: tuple[Bench, ...], prepared: Prepared, opened: tuple[tuple[Example, ...], ...], known: Circumstances
) -> Verdict:
    """Scores candidates and rungs on the opened examples of their parts, keeps the predictions, and judges.

    What the parts say is pooled: each answer comes from a model that had not seen the example.
    """
    examples = tuple(one for of_part in opened for one in of_part)
    scored = [bench.score(of_part) for bench, of_part in zip(benches, opened, strict=True)]
    tuned = pool_cards([card for card, _ in scored], examples)
    rungs = pool_rungs([ladder for _, ladder in scored], examples, prepared.primary_metric)
    base, rung = (pick(rungs, prepared.primary_metric, needs_training=fitted) for fitted in (False, True))
    run, folder = benches[0].run, benches[0].run.turn(known.shipped.number)
    run.write(f"{folder}/scorecards/test-tuned.json", tuned)
    for one, card in rungs:
        run.write(f"{folder}/scorecards/test-{one.name.replace(' ', '-')}.json", card)
    base_card = next(card for one, card in rungs if one.name == base.name)
    rows = _rows(examples, base_card, tuned, benches[0].ladder)
    if len(benches) > 1:
        names = (bench.best.part for bench, of_part in zip(benches, opened, strict=True) for _ in of_part)
        rows = [row | {"part": name} for row, name in zip(rows, names, strict=True)]
    write_lines(run.file(f"{folder}/predictions/test.jsonl"), rows)
    return judge(
        JudgeInput(
            tuned=tuned,
            rungs=rungs,
            base_name=base.name,
            best_rung_name=rung.name,
            groups=tuple(one.group for one in examples),
            evaluation=known.shipped.recipe.evaluation,
            labels=prepared.labels,
            primary_metric=prepared.primary_metric,
            openings=known.openings,
            metrics=TASKS[prepared.task]().METRICS,
            invalid_reasons=invalid_reasons(tuned, prepared.leaked, _validation(benches)),
            accepted=known.accepted,
            causes=known.causes + benches[0].notes,
            advice=known.advice,
            turn=known.shipped.number,
            doubts=_doubts(benches, opened),
            models=len(benches),
            near_copies=frozenset(prepared.near_copies),
        )
    )


def _doubts(benches: tuple[Bench, ...], opened: tuple[tuple[Example, ...], ...]) -> tuple[Finding, ...]:
    return prompt_doubts([one for bench, held in zip(benches, opened, strict=True) for one in bench.swap_prompts(held)])


def _validation(benches: tuple[Bench, ...]) -> Scorecard | None:
    """How the candidate did on validation; of ten parts none, for their sets come from the same rows."""
    best = benches[0].best
    path = f"{benches[0].run.turn(best.number)}/scorecards/validation.json"
    return benches[0].run.read(path, Scorecard) if len(benches) == 1 else None


def _rows(examples: tuple[Example, ...], base: Scorecard, tuned: Scorecard, ladder: Ladder) -> list[dict[str, Any]]:
    """What the base and the tuned model answered to each test example."""
    return [
        {
            "id": one.id,
            "input": one.input,
            "target": one.target,
            "base": ladder.answer(base, k),
            "tuned": ladder.answer(tuned, k),
            "loss": tuned.losses[k],
        }
        for k, one in enumerate(examples)
    ]


def publish(run: RunFolder, verdict: Verdict, best: Turn) -> None:
    """Root copies of the newest verdict and the winning turn: `verdict.json`, `events.jsonl`, `model/`."""
    with storage_errors(run.path):
        events = run.file(f"{run.turn(best.number)}/events.jsonl")
        work = run.file(".events-unfinished")
        shutil.copyfile(events, work)
        work.replace(run.file("events.jsonl"))
        _replace_folder(run.file(best.candidate.weights), run.file("model"))
    run.write_resolved(best.resolved)
    run.write("verdict.json", verdict)  # last: whoever reads it finds its model in place


def _replace_folder(source: Path, target: Path) -> None:
    """A copy of a folder (hard links where the file system has them), whole or not at all."""
    work = target.with_name(f".{target.name}-unfinished")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work, copy_function=_link)
    old = target.with_name(f".{target.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    work.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
