"""The last act: the ladder is chosen on validation, and on the opened examples everything is scored and judged.

The pipeline opens the sealed test and hands the examples in; this file never opens it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from sintonia.corridor.turns import read_sets
from sintonia.evaluate import JudgeInput, choose_baselines, judge, score_baselines, score_candidate
from sintonia.evaluate.baselines import Ground
from sintonia.files import storage_errors, sync_folder, write_lines
from sintonia.models.open import open_base
from sintonia.records import Advice, Base, Baseline, Example, Finding, Prepared, Rung, Scorecard, Turn, Verdict
from sintonia.runs import RunFolder


def pick(rungs: tuple[tuple[Rung, Scorecard], ...], *, needs_training: bool) -> Rung:
    """The rung of its kind to beat: the one that does best on the test.

    The hindsight can only favour the rung: who beats it beats them all. Chosen on validation it could be one that
    the test finds below guessing, and beating that proves nothing.
    """
    return max((rung for rung, _ in rungs if rung.needs_training == needs_training), key=lambda rung: rung.score)


class Bench:
    """The saved candidate and the ladder, ready to be scored on the same opened examples."""

    def __init__(self, run: RunFolder, base: Base, prepared: Prepared, best: Turn) -> None:
        self.run, self.prepared, self.best = run, prepared, best
        train, self.validation = read_sets(run, prepared.parts[0])
        limit = next(int(one.value) for one in best.resolved if one.setting == "training.max_tokens")
        self.ground = Ground(
            run=run,
            base=open_base(base, limit),
            labels=prepared.labels,
            train=train,
            primary_metric=prepared.primary_metric,
        )
        self.baselines = self._choose()
        self.accepted: tuple[str, ...] = ()
        """Codes of the stop findings that were met and accepted."""

    def _choose(self) -> tuple[Baseline, ...]:
        """The settings of the rungs, chosen on validation; kept, so that a resumed run has the same."""
        kept = self.run.lines("baselines.jsonl", Baseline)
        if not kept:
            kept = list(choose_baselines(self.ground, self.validation))
            write_lines(self.run.file("baselines.jsonl"), kept)
        return tuple(kept)

    def judge(
        self, examples: tuple[Example, ...], openings: int, causes: tuple[Finding, ...], advice: tuple[Advice, ...]
    ) -> Verdict:
        """Scores candidate and rungs on the opened examples, keeps the predictions, and judges."""
        tuned = score_candidate(self.run.file(self.best.candidate.weights), examples, "test")
        rungs = score_baselines(self.ground, self.baselines, examples, "test")
        base, rung = pick(rungs, needs_training=False), pick(rungs, needs_training=True)
        self._keep(tuned, rungs, base.name, examples)
        return judge(
            JudgeInput(
                tuned=tuned,
                rungs=rungs,
                base_name=base.name,
                best_rung_name=rung.name,
                groups=tuple(one.group for one in examples),
                evaluation=self.best.recipe.evaluation,
                labels=self.prepared.labels,
                primary_metric=self.prepared.primary_metric,
                openings=openings,
                accepted=self.accepted,
                causes=causes,
                advice=advice,
                turn=self.best.number,
            )
        )

    def _keep(self, tuned: Scorecard, rungs: Any, base_name: str, examples: tuple[Example, ...]) -> None:
        folder = self.run.turn(self.best.number)
        self.run.write(f"{folder}/scorecards/test-tuned.json", tuned)
        for rung, card in rungs:
            self.run.write(f"{folder}/scorecards/test-{rung.name.replace(' ', '-')}.json", card)
        base = next(card for rung, card in rungs if rung.name == base_name)
        rows = [
            {
                "id": one.id,
                "input": one.input,
                "target": one.target,
                "base": base.predictions[k],
                "tuned": tuned.predictions[k],
                "loss": tuned.losses[k],
            }
            for k, one in enumerate(examples)
        ]
        write_lines(self.run.file(f"{folder}/predictions/test.jsonl"), rows)


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
