"""Finished runs beside each other, on the very same test examples: what they cost, how they differ, which is better.

No test is opened anew: the groups of its examples are read again for the candidate that it was opened for, which the
ledger knows; where it does not, that is told, and the level is that of the opening it is now. It trains nothing and
computes no prediction.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sintonia.corridor.doors.evaluating import OpenTest
from sintonia.corridor.doors.pairing import FinishedRun, read_finished, refuse_unpaired, used_settings
from sintonia.corridor.turns import candidate_id
from sintonia.errors import StorageError, UsageError
from sintonia.evaluate.compare import Rule
from sintonia.evaluate.several.groups import merged_groups, num_groups
from sintonia.evaluate.several.recipes import (
    Bout,
    Judged,
    compare_models,
    compare_recipes,
    missing_seeds,
    pair_by_seed,
)
from sintonia.metrics import METRICS, adding
from sintonia.metrics.kept import own_metrics
from sintonia.records import ComparedRuns, Differing, Duel, RecipeClaim, RunBeside
from sintonia.runs import RunFolder
from sintonia.statistics import level_of_opening
from sintonia.statistics.several import FEWEST_SEEDS

_ABSENT = "-"
_NOT_SETTINGS = (
    *(f"data.{name}" for name in ("path", "test", "validation", "added", "production")),
    *("budget_seconds", "tracking", "accept"),
)


def compare_runs(runs: Sequence[RunFolder], open_test: OpenTest) -> ComparedRuns:
    """Compares the models of runs, or their recipes where there are several seeds of each.

    Raises:
        UsageError: fewer than two runs, one without a verdict, other test examples or another metric.
        StorageError: a part of a run is missing or was changed.
        RunFailed: a model is not the one that was tested.
    """
    if len(runs) < 2:
        raise UsageError("there is one run to compare", expected="two runs or more")
    with adding(*own_metrics(runs[0])):
        found = [read_finished(run) for run in runs]
        refuse_unpaired(found)
        first = found[0]
        groupings, openings = _open(found, open_test)
        level = level_of_opening(max(*openings, *(one.verdict.test_openings for one in found)))
        bout = Bout(
            metric=METRICS[first.prepared.primary_metric],
            groups=merged_groups(first.tested.card.ids, groupings),
            rule=_rule(first, level),
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
        notes=(
            *_about_openings(found, openings, level),
            *_about_groups(first, bout, groupings),
            *_about_parts(found),
            *notes,
        ),
    )


def _open(found: Sequence[FinishedRun], open_test: OpenTest) -> tuple[list[dict[str, str]], list[int]]:
    """Of each run the group of each example of its test, opened for its candidate, and which opening that is."""
    groupings, openings = [], []
    for one in found:
        opened, opening = open_test(one.prepared.parts, one.run, candidate_id(one.run, one.scored))
        known = {example.id: example.group for examples in opened for example in examples}
        if not known.keys() >= set(one.tested.card.ids):
            what = f"the scorecard of `{one.tested.name}` is not of its test"
            raise StorageError(what, hint="restore it from a copy")
        groupings.append(known)
        openings.append(opening)
    return groupings, openings


def _rule(first: FinishedRun, level: float) -> Rule:
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
        return "recipe, base, data and seed are the same: on one machine, without a budget, they give the same model"
    return "they differ in the seed only: what there is between them is chance of the training"


def _about_openings(found: Sequence[FinishedRun], openings: Sequence[int], level: float) -> tuple[str, ...]:
    """Which openings these are; one that the ledger does not have as the verdict has it was counted again."""
    told = ", ".join(f"opening {one.verdict.test_openings} for `{one.tested.name}`" for one in found)
    other = tuple(
        f"the ledger of openings has not the opening {one.verdict.test_openings} that the verdict of "
        f"`{one.tested.name}` came from (it was moved, or its model was changed): the test is opened for it now, which "
        f"is opening {opening}"
        for one, opening in zip(found, openings, strict=True)
        if opening != one.verdict.test_openings
    )
    latest = f"judged at the level of the latest, {level:.2g}"
    if other:
        return (*other, f"the verdicts came from {told}; {latest}")
    return (f"the test was opened before, and is not opened anew: {told}; {latest}",)


def _about_groups(first: FinishedRun, bout: Bout, groupings: Sequence[dict[str, str]]) -> tuple[str, ...]:
    counts = [num_groups(first.tested.card.ids, known) for known in groupings]
    num_merged = len(set(bout.groups))
    if all(one == num_merged for one in counts):
        return ()
    told = " and ".join(f"{one:,}" for one in dict.fromkeys(counts))
    return (
        f"the runs group the test examples otherwise ({told} groups): what one of them keeps together stays together, "
        f"which makes {num_merged:,}",
    )


def _about_parts(found: Sequence[FinishedRun]) -> tuple[str, ...]:
    if all(len(one.scored) == 1 for one in found):
        return ()
    return ("few rows: what is compared are the recipes, by ten models each; the models that are kept were not tested",)


def _beside(one: FinishedRun) -> RunBeside:
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


def _differing(found: Sequence[FinishedRun]) -> tuple[Differing, ...]:
    """The settings, as they were used, that are not the same in all runs; and the rows, where these are not."""
    used = [used_settings(one) for one in found]
    names = [name for name in dict.fromkeys(name for one in used for name in one) if name not in _NOT_SETTINGS]
    told = {name: tuple(str(one.get(name, _ABSENT)) for one in used) for name in names}
    return tuple(Differing(setting=name, values=values) for name, values in told.items() if len(set(values)) > 1)
