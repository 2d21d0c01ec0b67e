"""What added rows bought: the model of a run against that of the run it continues, on the same test examples.

It reads what the older run answered to its test, and opens none. Whether the new model is any good is the verdict's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from sintonia.corridor.closing.behind import Seen
from sintonia.corridor.doors.pairing import FinishedRun, as_finished, asked_settings, read_finished, refuse_unpaired
from sintonia.corridor.turns import read_sets
from sintonia.errors import SintoniaError, StorageError
from sintonia.evaluate.answers import is_right
from sintonia.evaluate.compare import FEWEST_EXAMPLES, Rule
from sintonia.evaluate.several.recipes import Bout, compare_models
from sintonia.evaluate.several.standing import reasons, remarks
from sintonia.evaluate.units import unit_of
from sintonia.metrics import METRICS
from sintonia.prepare import names_of_added
from sintonia.records import (
    Base,
    Bought,
    BoughtLabel,
    Continues,
    Duel,
    Example,
    Interval,
    Outcome,
    Prepared,
    Verdict,
)
from sintonia.runs import BOUGHT, CONTINUES, RunFolder
from sintonia.statistics import level_of_opening

_OF_NO_MATTER = ("data.", "prices.", "adjusting.", "base", "evaluation.primary_metric")
"""Settings that are the same by another name, or change no model by themselves."""
_NOT_SETTINGS = ("budget_seconds", "tracking", "accept")
_STARTS: dict[Outcome, str] = {
    "better": "The new rows helped",
    "worse": "The model is worse with the new rows",
    "equivalent": "The new rows made no difference that matters",
    "inconclusive": "Whether the new rows helped is not decided",
    "invalid": "Nothing can be said of the new rows",
}


def weigh_added_rows(seen: Seen, prepared: Prepared, verdict: Verdict, tell: Callable[[str], None]) -> None:
    """Writes `bought.json` of a run that continues another; where the two cannot be compared it tells why."""
    run = seen.benches[0].run
    continues = run.read(CONTINUES, Continues)
    if continues is None:
        return
    try:
        bought = _bought(seen, prepared, verdict, continues)
    except SintoniaError as error:
        run.file(BOUGHT).unlink(missing_ok=True)
        tell(f"what the added rows bought cannot be told: {error}")
        return
    run.write(BOUGHT, bought)


def _bought(seen: Seen, prepared: Prepared, verdict: Verdict, continues: Continues) -> Bought:
    run = seen.benches[0].run
    before, after = read_finished(RunFolder.open(run.place / continues.run)), being_judged(seen, prepared, verdict)
    refuse_unpaired((before, after))
    rows = _Rows(before, after, continues)
    duel, bout = compare_on_test(seen, before, after)
    difference = duel.comparison.difference
    ends = [100 * end / max(len(rows.new), 1) for end in (difference.value, difference.low, difference.high)]
    also = (*_other_settings(before, after), *rows.other)
    return Bought(
        continues=continues.run,
        files=rows.files,
        rows_used=len(rows.new),
        rows_before=rows.num_before,
        labels=_labels(before, after, rows.new) if prepared.labels else (),
        comparison=duel.comparison,
        confidence=bout.rule.confidence,
        level=bout.rule.level,
        opening=verdict.test_openings,
        outcome=duel.outcome,
        per_hundred_rows=Interval(value=ends[0], low=ends[1], high=ends[2]),
        seconds=training_seconds(after),
        seconds_before=training_seconds(before),
        also_changed=also,
        sentence=_sentence((before, after), duel, bout, len(rows.new), also),
    )


def being_judged(seen: Seen, prepared: Prepared, verdict: Verdict) -> FinishedRun:
    """This run, whose verdict is being written."""
    run = seen.benches[0].run
    base = run.read("base.json", Base)
    if base is None:
        raise StorageError(f"`{run.place}` lacks `base.json`", hint="restore it from a copy")
    tested = tuple(bench.best for bench in seen.benches)
    return as_finished(run, (verdict, prepared, base), (*tested, seen.shipped), seen.judged.tuned)


def compare_on_test(seen: Seen, before: FinishedRun, after: FinishedRun) -> tuple[Duel, Bout]:
    """The models of two runs on the test that both know, at the level of the later opening."""
    metric, evaluation = METRICS[after.prepared.primary_metric], after.turn.recipe.evaluation
    margin = metric.margin(evaluation.margin, before.verdict.primary.tuned.value)
    level = level_of_opening(max(before.verdict.test_openings, after.verdict.test_openings))
    rule = Rule(level=level, margin=margin, confidence=evaluation.confidence)
    bout = Bout(metric=metric, groups=seen.judged.groups, rule=rule)
    return compare_models(bout, (before.tested, after.tested))[0], bout


class _Rows:
    """What is trained on now and was not before, and what else became of the rows."""

    def __init__(self, before: FinishedRun, after: FinishedRun, continues: Continues) -> None:
        names = names_of_added(after.run.recipe().data)
        added = {names[path] for path in continues.files if path in names}
        old, now = _trained(before), _trained(after)
        fresh = [one for key, one in now.items() if key not in old]
        self.new = [one for one in fresh if _is_of(one, names.values())]
        self.num_before = len(old)
        self.files = tuple(one for one in after.prepared.added if one.file in added)
        others, gone = len(fresh) - len(self.new), len(old.keys() - now.keys())
        told = f"{others:,} other training rows came in, {gone:,} went out: the data file was changed meanwhile"
        self.other: tuple[str, ...] = (told,) if others or gone else ()


def _trained(one: FinishedRun) -> dict[str, Example]:
    """Training examples by their id; of ten parts those of any."""
    return {example.id: example for part in one.prepared.parts for example in read_sets(one.run, part)[0]}


def _is_of(example: Example, files: Iterable[str]) -> bool:
    return any(example.place.file == name or example.place.file.startswith(f"{name}/") for name in files)


def _labels(before: FinishedRun, after: FinishedRun, new: list[Example]) -> tuple[BoughtLabel, ...]:
    rows = Counter(one.target for one in new)
    targets = after.tested.card.targets
    answers = Counter(targets)
    right = [Counter(label for label, hit in zip(targets, is_right(one.tested.card), strict=True) if hit)
             for one in (before, after)]  # fmt: skip
    found = [
        BoughtLabel(
            label=label,
            rows=rows[label],
            answers=answers[label],
            right_before=right[0][label],
            right_after=right[1][label],
        )
        for label in rows.keys() | answers.keys()
    ]
    return tuple(sorted(found, key=lambda one: (-one.rows, one.label)))


def training_seconds(one: FinishedRun) -> float:
    """What the trainings took that gave the model; of ten parts those of all."""
    turns = {turn.number: turn for turn in (*one.scored, one.turn)}
    return sum(turn.resources.seconds for turn in turns.values())


def _other_settings(before: FinishedRun, after: FinishedRun) -> tuple[str, ...]:
    """Settings asked for otherwise, which an adjusting turn may have changed, and models that were combined."""
    asked = [asked_settings(one) for one in (before, after)]
    names = [name for name in asked[1] if name not in _NOT_SETTINGS and not name.startswith(_OF_NO_MATTER)]
    told = [
        f"{name}: {asked[0].get(name, '-')} -> {asked[1][name]}"
        for name in names
        if asked[0].get(name) != asked[1][name]
    ]
    if (before.base.reference, before.base.revision) != (after.base.reference, after.base.revision):
        told.append(f"base: {before.base.reference} -> {after.base.reference}")
    if before.turn.combined != after.turn.combined:
        both = (("before", before.turn), ("now", after.turn))
        combined = [(when, one.number) for when, one in both if one.combined]
        told += [f"the model {when} was combined without training (turn {number})" for when, number in combined]
    return tuple(told)


def _sentence(
    runs: tuple[FinishedRun, FinishedRun], duel: Duel, bout: Bout, num_new: int, also: tuple[str, ...]
) -> str:
    """All of it for a person: outcome, scores, difference, what a hundred rows bring, what to doubt."""
    found, metric, unit = duel.comparison, bout.metric, unit_of(bout.metric)
    sides = runs[0].tested.named, runs[1].tested.named
    why = f", because {reasons(*sides)}. For the record only" if duel.outcome == "invalid" else ""
    lower = "" if metric.higher_is_better else " (lower is better)"
    value, *_ = unit.differences(found.difference.value, found.difference.low, found.difference.high)
    ends = unit.interval(found.difference.low, found.difference.high, found.difference.value)
    each, *_ = unit.differences(100 * found.difference.value / max(num_new, 1))
    told = (
        f"{_STARTS[duel.outcome]}{why}: with {num_new:,} more training rows, {metric.title}{lower} is "
        f"{unit.score(found.tuned.value)} after {unit.score(found.base.value)}{unit.whole} on the same "
        f"{found.examples:,} test examples, {f'{value} {unit.noun}'.rstrip()} "
        f"({100 * bout.rule.confidence:.4g} % interval {ends}), {f'{each} {unit.noun}'.rstrip()} for every 100 rows; "
        f"p = {found.p_value:.3g}; {found.fixed:,} answers were mended, {found.broken:,} broken"
    )
    if duel.outcome == "inconclusive":
        few = f", and fewer than {FEWEST_EXAMPLES} examples decide nothing" if found.examples < FEWEST_EXAMPLES else ""
        least = unit.size(found.minimum_detectable_effect)
        told += f"; this test can only find differences from about {least} (level {bout.rule.level:.2g}){few}"
    changed = f" Not all of it is the rows': {'; '.join(also)}." if also else ""
    is_of_one = len(runs[1].scored) == 1
    chance = " It is about these two models: another `seed` of the training may differ." if is_of_one else ""
    return f"{told}.{changed}{chance}{remarks(*sides)}"
