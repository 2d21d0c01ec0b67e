"""Finished runs beside each other, on the very same test examples: what they cost, how they differ, which is better.

No test is opened anew: the groups of its examples are read again for the candidate that it was opened for, which the
ledger knows. It trains nothing and computes no prediction.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sintonia.corridor.closing.shipping import OnAll
from sintonia.corridor.doors.evaluating import OpenTest, finished
from sintonia.corridor.turns import ON_ALL, candidate_id
from sintonia.corridor.walk import finished_turns
from sintonia.errors import StorageError, UsageError
from sintonia.evaluate import reads_text
from sintonia.evaluate.compare import Rule
from sintonia.evaluate.several.recipes import (
    Bout,
    Judged,
    compare_models,
    compare_recipes,
    missing_seeds,
    pair_by_seed,
    unpaired,
)
from sintonia.files import to_json
from sintonia.metrics import METRICS, adding
from sintonia.metrics.kept import own_metrics
from sintonia.recipe import recipe_id
from sintonia.records import (
    Base,
    ComparedRuns,
    Differing,
    Duel,
    Prepared,
    RecipeClaim,
    RunBeside,
    Scorecard,
    Turn,
    Verdict,
)
from sintonia.runs import RunFolder
from sintonia.statistics import level_of_opening
from sintonia.statistics.several import FEWEST_SEEDS

_ABSENT = "-"
_NOT_SETTINGS = ("data.path", "data.test", "data.validation", "data.production", "budget_seconds", "tracking", "accept")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finished:
    """A run with a verdict, and what it answered to its test."""

    run: RunFolder
    verdict: Verdict
    prepared: Prepared
    base: Base
    turn: Turn
    """The one whose model is kept."""
    scored: tuple[Turn, ...]
    """Those whose models were tested: the same, or one of each of ten parts."""
    tested: Judged


def compare_runs(runs: Sequence[RunFolder], open_test: OpenTest) -> ComparedRuns:
    """Compares the models of runs, or their recipes where there are several seeds of each.

    Raises:
        UsageError: fewer than two runs, one without a verdict, other test examples or another metric.
        StorageError: a part of a run is missing or was changed.
    """
    if len(runs) < 2:
        raise UsageError("there is one run to compare", expected="two runs or more")
    with adding(*own_metrics(runs[0])):
        found = [_read(run) for run in runs]
        _refuse_unpaired(found)
        first = found[0]
        level = level_of_opening(max(one.verdict.test_openings for one in found))
        bout = Bout(
            metric=METRICS[first.prepared.primary_metric], groups=_groups(first, open_test), rule=_rule(first, level)
        )
        duels, claims, notes = _compare(bout, [one.tested for one in found])
    return ComparedRuns(
        metric=first.prepared.primary_metric,
        num_examples=len(set(first.tested.card.ids)),
        level=level,
        runs=tuple(_beside(one) for one in found),
        differing=_differing(found),
        duels=duels,
        claims=claims,
        notes=(*_about_openings(found, level), *_about_parts(found), *notes),
    )


def _read(run: RunFolder) -> _Finished:
    verdict, prepared, base = finished(run)
    turns = finished_turns(run)
    turn = turns[verdict.turn - 1]
    decided = run.read(f"{run.turn(turn.number)}/{ON_ALL}", OnAll)
    scored = tuple(turns[number - 1] for number in decided.turns) if decided else (turn,)
    metric = prepared.primary_metric
    if metric not in METRICS:
        raise UsageError(f"`{_name(run)}` was judged by `{metric}`, which the first run does not have")
    kind = "written" if reads_text(METRICS[metric], prepared.task) else "test"
    card = run.read(f"{run.turn(turn.number)}/scorecards/{kind}-tuned.json", Scorecard)
    if card is None:
        raise StorageError(f"`{run.path}` lacks the scorecard of its test", hint="restore it from a copy")
    plain = recipe_id(dataclasses.replace(turn.recipe, seed=0))
    stands_for = f"{plain} {base.revision} {prepared.data_id}"
    return _Finished(
        run=run,
        verdict=verdict,
        prepared=prepared,
        base=base,
        turn=turn,
        scored=scored,
        tested=Judged(
            name=_name(run),
            recipe=hashlib.sha256(stands_for.encode()).hexdigest()[:16],
            seed=turn.recipe.seed,
            card=card,
        ),
    )


def _name(run: RunFolder) -> str:
    return os.path.relpath(run.path)


def _refuse_unpaired(found: Sequence[_Finished]) -> None:
    first = found[0]
    for other in found[1:]:
        names = f"`{first.tested.name}` and `{other.tested.name}`"
        metrics = first.prepared.primary_metric, other.prepared.primary_metric
        if metrics[0] != metrics[1]:
            raise UsageError(
                f"{names} were judged by other metrics: {metrics[0]} and {metrics[1]}",
                expected="the same primary metric, declared before training",
                hint=f"tune one of them again with evaluation.primary_metric={metrics[0]}",
            )
        why = unpaired(first.tested.card, other.tested.card)
        if why:
            raise UsageError(
                f"{names} cannot be paired: {why}",
                expected="the same test examples with the same targets in both",
                hint="tune both on the same data file, so that the recorded split gives both the same test; or judge "
                "both on one file: `sintonia evaluate RUN --on FILE`",
            )


def _groups(first: _Finished, open_test: OpenTest) -> tuple[str, ...]:
    """The group of each answer, of the test as it was opened for this candidate."""
    opened, _ = open_test(first.prepared.parts, first.run, candidate_id(first.run, first.scored))
    known = {one.id: one.group for examples in opened for one in examples}
    ids = first.tested.card.ids
    if not known.keys() >= set(ids):
        raise StorageError(f"the scorecard of `{first.tested.name}` is not of its test", hint="restore it from a copy")
    return tuple(known[one] for one in ids)


def _rule(first: _Finished, level: float) -> Rule:
    metric, evaluation = METRICS[first.prepared.primary_metric], first.turn.recipe.evaluation
    margin = metric.margin(evaluation.margin, first.verdict.primary.tuned.value)
    return Rule(level=level, margin=margin, confidence=evaluation.confidence)


Compared = tuple[tuple[Duel, ...], tuple[RecipeClaim, ...], tuple[str, ...]]


def _compare(bout: Bout, tested: Sequence[Judged]) -> Compared:
    """Two runs are two models; of more, runs of one recipe are its seeds, and each recipe meets the first."""
    if len(tested) == 2:
        is_one = tested[0].recipe == tested[1].recipe
        return (
            compare_models(bout, tested),
            (),
            (_about_two(tested),) if is_one else (missing_seeds(tested[:1], tested[1:]),),
        )
    recipes, notes = _by_recipe(tested)
    first, *others = recipes
    if not others:
        return (), (), (*notes, f"all {len(tested)} runs are of one recipe: there is nothing to compare it with")
    able = [one for one in others if min(len(first), len(one)) >= FEWEST_SEEDS]
    lacking = [one for one in others if min(len(first), len(one)) < FEWEST_SEEDS]
    notes += [missing_seeds(first, one) for one in lacking]
    notes += [f"{_left_out(first, one)}" for one in able if _left_out(first, one)]
    if len(others) > 1:
        notes.append(f"{len(others)} recipes are each compared with the first: corrected after Holm (1979)")
    duels = (
        compare_models(_share(bout, len(lacking) / len(others)), [first[0], *(one[0] for one in lacking)])
        if lacking
        else ()
    )
    claims = compare_recipes(_share(bout, len(able) / len(others)), [first, *able]) if able else ()
    return duels, claims, tuple(notes)


def _share(bout: Bout, fraction: float) -> Bout:
    """The same, with its share of the level: what is tested together keeps to the level together."""
    return dataclasses.replace(bout, rule=dataclasses.replace(bout.rule, level=bout.rule.level * (fraction or 1)))


def _by_recipe(tested: Sequence[Judged]) -> tuple[list[list[Judged]], list[str]]:
    """Runs by their recipe, in the order in which these come; a seed counts once."""
    recipes: dict[str, dict[int, Judged]] = {}
    notes = []
    for one in tested:
        seeds = recipes.setdefault(one.recipe, {})
        if one.seed in seeds:
            notes.append(f"`{one.name}` is left out: recipe and seed are those of `{seeds[one.seed].name}`")
        seeds.setdefault(one.seed, one)
    return [list(seeds.values()) for seeds in recipes.values()], notes


def _left_out(first: Sequence[Judged], other: Sequence[Judged]) -> str:
    paired = {one.name for pair in pair_by_seed(first, other) for one in pair}
    names = [f"`{one.name}`" for one in (*first, *other) if one.name not in paired]
    return f"left out, for want of a run to pair with: {', '.join(names)}" if names else ""


def _about_two(tested: Sequence[Judged]) -> str:
    if tested[0].seed == tested[1].seed:
        return "recipe, base, data and seed are the same: on one machine they give the same model"
    return "they differ in the seed only: what there is between them is chance of the training"


def _about_openings(found: Sequence[_Finished], level: float) -> tuple[str, ...]:
    told = ", ".join(f"opening {one.verdict.test_openings} for `{one.tested.name}`" for one in found)
    return (
        f"the test was opened before, and is not opened anew: {told}; judged at the level of the latest, {level:.2g}",
    )


def _about_parts(found: Sequence[_Finished]) -> tuple[str, ...]:
    if all(len(one.scored) == 1 for one in found):
        return ()
    return ("few rows: what is compared are the recipes, by ten models each; the models that are kept were not tested",)


def _beside(one: _Finished) -> RunBeside:
    trained = [one.turn] if len(one.scored) == 1 else [*one.scored, one.turn]
    return RunBeside(
        run=one.tested.name,
        recipe=one.tested.recipe,
        seed=one.tested.seed,
        base=one.base.reference,
        method=one.turn.recipe.method,
        score=one.verdict.primary.tuned,
        opening=one.verdict.test_openings,
        training_seconds=sum(turn.resources.seconds for turn in trained),
        peak_memory_bytes=max(turn.resources.peak_memory_bytes for turn in trained),
        models=len(one.scored),
    )


def _differing(found: Sequence[_Finished]) -> tuple[Differing, ...]:
    """The settings, as they were used, that are not the same in all runs; and the rows, where these are not."""
    used = [_used(one) for one in found]
    names = [name for name in dict.fromkeys(name for one in used for name in one) if name not in _NOT_SETTINGS]
    told = {name: tuple(str(one.get(name, _ABSENT)) for one in used) for name in names}
    return tuple(Differing(setting=name, values=values) for name, values in told.items() if len(set(values)) > 1)


def _used(one: _Finished) -> dict[str, Any]:
    """Each setting as it was asked for; one that was left open as it was filled."""
    filled = {each.setting: each.value for each in one.turn.resolved}
    asked = _flat(to_json(one.turn.recipe))
    used = {name: filled.get(name, value) if value == "auto" else value for name, value in asked.items()}
    return used | {"training rows": one.prepared.data_id}


def _flat(body: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for name, value in body.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return flat
