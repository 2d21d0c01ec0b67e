"""Ranks bases on training rows: opens each one once, scores it, and trains the best few a little where there is time.

Validation and test are never read. What is trained on the way is thrown away.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sintonia.choose import (
    LICENCES,
    Entrant,
    Ground,
    Trial,
    choose,
    chosen_of,
    contenders,
    held_out,
    next_trials,
    ranked,
    refused_by_licence,
    shortlist,
    usual_base,
)
from sintonia.choose.base import NAMED
from sintonia.corridor.choosing.looking import Look, drawn_from, look_at_all
from sintonia.corridor.choosing.trials import Bench, take_trial
from sintonia.corridor.walk import Listener, Walk
from sintonia.errors import UsageError, nearest
from sintonia.models.catalog import default_base, find_entry
from sintonia.models.sources.storage import models_folder
from sintonia.prepare import prepare
from sintonia.recipe import check_values
from sintonia.records import Base, Prepared, Ranked, Ranking
from sintonia.resolve.private import is_private
from sintonia.resources.machine import look_at_machine
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS

RANKING = "ranking.json"
_WORK = "cache/choosing"
RANKED = ("classify", "chat")
"""Tasks whose scores are known to rank bases (E22): of labels and of answers."""
_TUNE_FRACTION = 0.2
"""Share of the budget of a run that ranking may take."""
_TUNE_SECONDS = 300.0
"""What ranking may take in a run without a budget; nothing is trained then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What is to be ranked, and how long that may take."""

    names: tuple[str, ...]
    licence: str = ""
    budget_seconds: float | None = None
    """For all of it; without one nothing is trained."""
    scoring_seconds: float | None = None
    """For the scores alone: a base that would not be scored within it is out. None is as long as it takes."""


def rank_bases(recipe: Recipe, listener: Listener, named: Sequence[str] = (), licence: str = "") -> Ranking:
    """Ranks bases on the training rows of a recipe's data; nothing is left behind, no split is recorded.

    Of few rows every one is tested in one of ten parts, so that no row may choose the base: the usual one is named.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    if licence and licence not in LICENCES:
        raise UsageError(f"unknown licence `{licence}`", hint=f"did you mean {nearest(licence, LICENCES)}?")
    for name in named:
        find_entry(name)  # what is no base at all is refused before the data are read
    with tempfile.TemporaryDirectory(prefix="sintonia-choose-") as folder:
        run = RunFolder.create(Path(folder) / "run", check_values(recipe))
        walk = Walk(run, listener)
        walk.tell("prepare", f"reading {Path(recipe.data.path).name or recipe.data.path}")
        prepared = prepare(recipe, run, is_check=True)
        if prepared.task not in RANKED:
            raise UsageError(
                f"no base is ranked for the task `{prepared.task}`",
                expected=" or ".join(RANKED),
                hint="name one with `--base`, or take the usual one",
            )
        for note in prepared.notes:
            walk.tell("prepare", note)
        if len(prepared.parts) > 1:
            return _unranked(prepared, licence)
        found = contenders(prepared.task, named)
        budget = recipe.budget_seconds
        asking = Asking(
            names=found.names,
            licence=licence,
            budget_seconds=budget,
            scoring_seconds=budget / 2 if budget else None,
        )
        ranking = _rank(walk, prepared, asking)
    if found.num_elsewhere:
        walk.tell("choose", f"{found.num_elsewhere} more are known, and not on this machine: `sintonia models`")
    return ranking


def _unranked(prepared: Prepared, licence: str) -> Ranking:
    """The usual base, named without a look at any row; none where its licence does not allow what is asked."""
    usual, num_parts = usual_base(prepared.task), len(prepared.parts)
    refusal = refused_by_licence(usual, licence)
    out = Ranked(base=usual, rank=0, mean_rank=None, scores={}, seconds=0.0, why_out=refusal)
    few = f"few rows ({prepared.rows_used:,}): each is tested in one of {num_parts} parts, so none may choose the base"
    whole = "with a test and a validation file of your own (`data.test`, `data.validation`) the bases are ranked"
    return Ranking(
        task=prepared.task,
        bases=(out,) if refusal else (),
        num_examples=0,
        chosen="" if refusal else usual,
        why=(few, *(() if refusal else (f"`{usual}` is the usual one for the task {prepared.task}",)), whole),
        seconds=0.0,
    )


def choose_base(walk: Walk, prepared: Prepared) -> Base:
    """The base of a run, pinned: the one its recipe names, or that of a ranking, or the usual one of the task; with the
    method that is taken with it, where few examples leave that to be tried.

    Raises:
        UsageError: it is not for this task, or does not fit in memory.
        StorageError: it cannot be loaded.
    """
    from sintonia.corridor.choosing.methods import with_method  # late: it trains, as turns do

    recipe, ranking = walk.run.recipe(), rank_for_run(walk, prepared)
    if ranking is None:
        return with_method(walk, choose(recipe, prepared.task), prepared)
    base = choose(dataclasses.replace(recipe, base=ranking.chosen), prepared.task)
    why = (*ranking.why, *(one for one in base.why if one != NAMED))
    origin = f"ranked on {ranking.num_examples:,} training rows ({RANKING})"
    return with_method(walk, dataclasses.replace(base, why=why, origin=origin), prepared)


def rank_for_run(walk: Walk, prepared: Prepared) -> Ranking | None:
    """The ranking of a run that leaves its base on `auto`, computed once; None where there is nothing to choose from.

    Of few rows every one is tested in one of ten parts, so that no row may choose the base: the usual one is taken.
    """
    run, recipe = walk.run, walk.run.recipe()
    before = run.read(RANKING, Ranking)
    if before is not None:
        return before if before.chosen else None
    if recipe.base != "auto":
        return None
    if is_private(recipe):
        walk.tell("choose", "privacy.dp: training rows without noise choose no base; the usual one is taken")
        return None
    names = contenders(prepared.task, is_fetching=False).names
    if len(names) < 2:
        return None
    if prepared.task not in RANKED:
        walk.tell("choose", f"bases are not ranked for the task {prepared.task}: the usual one is taken")
        return None
    if len(prepared.parts) > 1:
        walk.tell("choose", f"few rows: each is tested in one of {len(prepared.parts)} parts, so none chooses the base")
        return None
    budget = recipe.budget_seconds
    asking = Asking(
        names=names,
        budget_seconds=_TUNE_FRACTION * budget if budget else None,
        scoring_seconds=_TUNE_FRACTION / 2 * budget if budget else _TUNE_SECONDS,
    )
    ranking = _rank(walk, prepared, asking)
    run.write(RANKING, ranking)
    return ranking if ranking.chosen else None


def _rank(walk: Walk, prepared: Prepared, asking: Asking) -> Ranking:
    began, default = time.monotonic(), default_base(prepared.task)
    (train, longest), machine = drawn_from(walk.run, prepared), look_at_machine(models_folder())
    look = Look(walk=walk, prepared=prepared, train=train, longest=longest, machine=machine, licence=asking.licence)
    examples, entrants = look_at_all(look, asking.names, asking.scoring_seconds)
    inner, held = held_out(train)
    metric = TASKS[prepared.task].followed_metric(prepared.primary_metric)
    trials: list[Trial] = []
    kept = shortlist(entrants, default)
    if asking.budget_seconds and len(kept) > 1 and inner and held:
        bench = Bench(walk=walk, prepared=prepared, metric=metric, inner=inner, held=held)
        trials = _trained_a_little(bench, [one for one in entrants if one.name in kept], kept, (asking, began))
    ground = Ground(examples=examples, held=held, default=default, metric=metric, trials=tuple(trials))
    lines = ranked(entrants, ground)
    chosen, why = chosen_of(lines, entrants, default)
    return Ranking(
        task=prepared.task,
        bases=lines,
        num_examples=len(examples),
        chosen=chosen,
        why=(*why, *_how(ground, entrants, inner)),
        seconds=time.monotonic() - began,
    )


def _trained_a_little(
    bench: Bench, entrants: Sequence[Entrant], kept: list[str], limits: tuple[Asking, float]
) -> list[Trial]:
    """The short trainings of successive halving; what they write is gone afterwards, however they end."""
    asking, began = limits
    by_name, trials = {one.name: one for one in entrants}, list[Trial]()
    spent, budget = time.monotonic() - began, float(asking.budget_seconds or 0.0)
    work = bench.walk.run.file(_WORK)
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    try:
        while asked := next_trials(kept, trials, budget, spent):
            for one in asked:
                trials.append(take_trial(bench, one, by_name[one.base], work))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return trials


def _how(ground: Ground, entrants: Sequence[Entrant], inner: Sequence[object]) -> tuple[str, ...]:
    """What the order rests on, in words."""
    num_in = sum(one.shown is not None for one in entrants)
    by = "bits per byte of the answers, alone and behind answered examples"
    if not any("bits_per_byte" in one.shown.scores for one in entrants if one.shown):
        by = "the mean rank of H-score, LogME and a linear probe"
    told = [f"{num_in} of {len(entrants)} bases were compared on {len(ground.examples):,} training examples by {by}"]
    if ground.trials:
        rounds = max(one.round for one in ground.trials)
        told.append(
            f"{len({one.base for one in ground.trials})} of them were trained a little, in {rounds} "
            f"{'round' if rounds == 1 else 'rounds'}: on {len(inner):,} training examples, compared on "
            f"{len(ground.held):,} others"
        )
    return tuple(told)
