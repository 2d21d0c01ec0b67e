"""A base before any tuning: what it, and what costs a moment of fitting, does on validation. The test stays sealed.

It trains nothing, and opens nothing.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path

from sintonia.corridor.beginning import refuse_early
from sintonia.corridor.turns import read_sets
from sintonia.corridor.walk import Listener, Walk
from sintonia.errors import UsageError
from sintonia.evaluate import LADDERS, Footing
from sintonia.evaluate.units import unit_of
from sintonia.metrics import METRICS, adding, asked_for
from sintonia.models.catalog import find_entry
from sintonia.recipe import check_values
from sintonia.records import BaseAlone, Baseline, Example, Prepared, Rung, RungAlone, Scorecard
from sintonia.runs import RunFolder, keep_temporary_private
from sintonia.settings import Recipe
from sintonia.statistics import level_of_opening, minimum_detectable_effect
from sintonia.statistics.power import PLANNED_DISAGREEMENT
from sintonia.tasks import TASKS


def weigh_base(recipe: Recipe, listener: Listener) -> BaseAlone:
    """Prepares data as `tune` would, the split recorded, and scores the rungs of the ladder on validation.

    Raises:
        SintoniaError: one of its kinds: the data, the base or a setting cannot be used.
    """
    began, data = time.monotonic(), Path(recipe.data.path).expanduser()
    if not data.exists():
        raise UsageError(f"there is no file `{recipe.data.path}`", hint="check the path")
    find_entry(recipe.base)
    keep_temporary_private(recipe)
    with (
        tempfile.TemporaryDirectory(prefix="sintonia-base-") as folder,
        adding(*asked_for(recipe.evaluation.format, recipe.evaluation.metrics_file, recipe.classify.order)),
    ):
        refuse_early(recipe, asks_judge=False)
        whole = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, path=str(data.absolute())))
        run = RunFolder.create(Path(folder) / "run", check_values(whole))
        return dataclasses.replace(_weigh(run, Walk(run, listener)), seconds=time.monotonic() - began)


def _weigh(run: RunFolder, walk: Walk) -> BaseAlone:
    from sintonia.choose import choose
    from sintonia.prepare import prepare
    from sintonia.resolve import resolve

    recipe = run.recipe()
    walk.tell("prepare", f"reading {Path(recipe.data.path).name}")
    prepared = prepare(recipe, run)
    for note in prepared.notes:
        walk.tell("prepare", note)
    base = choose(recipe, prepared.task)
    walk.tell("choose", f"base {base.reference}: " + "; ".join(base.why))
    filled, _ = resolve(recipe, base, prepared)
    train, validation = read_sets(run, prepared.parts[0])
    walk.tell("evaluate", f"fitting on {len(train):,} training examples, choosing on {len(validation):,} others")
    metric = METRICS[TASKS[prepared.task].followed_metric(prepared.primary_metric)]
    rungs = _rungs(Footing(run=run, base=base, prepared=prepared, recipe=filled, train=train), validation, metric.name)
    rungs.sort(key=lambda one: -metric.goodness(one.score.value))
    effect = _detectable(prepared)
    return BaseAlone(
        base=base.reference,
        task=prepared.task,
        metric=metric.name,
        rungs=tuple(rungs),
        num_train=len(train),
        num_validation=len(validation),
        num_test=_num_tested(prepared),
        minimum_detectable_effect=effect,
        sentence=_sentence(rungs, metric.name, len(validation)),
        notes=_notes(prepared, metric.name, effect),
        findings=prepared.findings,
        seconds=0.0,
    )


def _rungs(footing: Footing, validation: tuple[Example, ...], metric: str) -> list[RungAlone]:
    """The ladder on validation; what is fitted has seen training rows only."""
    ladder, recipe = LADDERS[footing.prepared.task], footing.recipe
    opened = ladder.open_base(footing.base, recipe, int(recipe.training.max_tokens))
    ground = ladder.make_ground(dataclasses.replace(footing, base=opened))
    baselines = ladder.choose(ground, validation)
    scored = ladder.score(ground, baselines, validation, "validation")
    return [_rung(baseline, *pair, metric) for baseline, pair in zip(baselines, scored, strict=True)]


def _rung(baseline: Baseline, rung: Rung, card: Scorecard, metric: str) -> RungAlone:
    return RungAlone(
        name=rung.name,
        description=rung.description,
        needs_training=rung.needs_training,
        setting=baseline.setting,
        score=next(one for one in card.scores if one.metric == metric),
    )


def _num_tested(prepared: Prepared) -> int:
    """Of ten parts all rows are tested, each by models that have not seen it."""
    return prepared.parts[0].test.count if len(prepared.parts) == 1 else prepared.rows_used


def _detectable(prepared: Prepared) -> float | None:
    """What the sealed test can show of labels, before anything is measured; what another metric can depends on it."""
    if not prepared.labels or not METRICS[prepared.primary_metric].is_mean_of_correct:
        return None
    return minimum_detectable_effect(PLANNED_DISAGREEMENT, _num_tested(prepared), level_of_opening(1))


def _sentence(rungs: list[RungAlone], metric_name: str, num_validation: int) -> str:
    metric, best = METRICS[metric_name], rungs[0]
    unit = unit_of(metric)
    free = next((one for one in rungs if not one.needs_training), None)
    lower = "" if metric.higher_is_better else " (lower is better)"
    told = (
        f"Best on {num_validation:,} validation examples is `{best.name}` "
        f"({'it has to be fitted, which takes a moment' if best.needs_training else 'it needs no training'}): "
        f"{metric.title}{lower} {_score(best, metric_name)}{unit.whole}"
    )
    if free is None or free is best:
        return f"{told}."
    return f"{told}; the base without any training has at best {_score(free, metric_name)} (`{free.name}`)."


def _score(rung: RungAlone, metric_name: str) -> str:
    unit, score = unit_of(METRICS[metric_name]), rung.score
    return f"{unit.score(score.value)} ({unit.score(score.low)} to {unit.score(score.high)})"


def _notes(prepared: Prepared, metric: str, effect: float | None) -> tuple[str, ...]:
    num_tested, notes = _num_tested(prepared), []
    if len(prepared.parts) > 1:
        notes.append(f"few rows: the validation set is that of the first of {len(prepared.parts)} parts")
    if metric != prepared.primary_metric:
        notes.append(f"the verdict of `tune` will rest on {prepared.primary_metric}; nothing is written here")
    notes.append(
        "all this is of validation, where the settings of the rungs were chosen too: where there was a choice, its "
        "score is a little hopeful"
    )
    if effect is not None:
        points = f"{100 * effect:.1f} points"
        notes.append(
            f"the sealed test ({num_tested:,} examples, not read) would find a difference of {points} or more in four "
            "cases of five, if the examples are independent (and base and tuned disagree on "
            f"{PLANNED_DISAGREEMENT:.0%} of it, at the first opening)"
        )
    else:
        notes.append(f"the sealed test has {num_tested:,} examples, not read; what it can find, a training shows")
    return tuple(notes)
