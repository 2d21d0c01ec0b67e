"""What a model lost or gained against its teacher, on the same test examples: and how much smaller and faster it is.

It reads what the teacher answered to its test, and opens none. Whether the model is better than its base is the
verdict's to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sintonia.corridor.closing.behind import Seen
from sintonia.corridor.doors.pairing import FinishedRun, refuse_unpaired
from sintonia.corridor.growing.bought import being_judged, compare_on_test, training_seconds
from sintonia.corridor.growing.teaching.answering import open_teacher_of
from sintonia.corridor.growing.teaching.pool import file_of_answers
from sintonia.corridor.growing.teaching.sizing import sizes_of
from sintonia.corridor.turns import read_sets
from sintonia.errors import SintoniaError, StorageError
from sintonia.evaluate.compare import DECISION_CONFIDENCE, FEWEST_EXAMPLES
from sintonia.evaluate.several.recipes import Bout
from sintonia.evaluate.several.standing import reasons, remarks
from sintonia.evaluate.units import Unit, unit_of
from sintonia.records import Answered, Comparison, Duel, ModelSize, Outcome, Prepared, Taught, Teaching, Verdict
from sintonia.runs import ANSWERED, TAUGHT, TEACHING

_STARTS: dict[Outcome, str] = {
    "better": "The model is better than its teacher",
    "worse": "The model is worse than its teacher",
    "equivalent": "The model is as good as its teacher",
    "inconclusive": "Whether the model is as good as its teacher is not decided",
    "invalid": "Nothing can be said of the model and its teacher",
}


def weigh_against_teacher(seen: Seen, prepared: Prepared, verdict: Verdict, tell: Callable[[str], None]) -> None:
    """Writes `taught.json` of a run that has a teacher; where the two cannot be compared it tells why."""
    run = seen.benches[0].run
    teaching = run.read(TEACHING, Teaching)
    if teaching is None:
        return
    try:
        taught = _taught(seen, prepared, verdict, teaching)
    except SintoniaError as error:
        run.file(TAUGHT).unlink(missing_ok=True)
        tell(f"the model cannot be held against its teacher: {error}")
        return
    run.write(TAUGHT, taught)


def _taught(seen: Seen, prepared: Prepared, verdict: Verdict, teaching: Teaching) -> Taught:
    run = seen.benches[0].run
    teacher, after = open_teacher_of(run, teaching), being_judged(seen, prepared, verdict)
    refuse_unpaired((teacher, after))
    duel, bout = compare_on_test(seen, teacher, after)
    sizes, answered = sizes_of(teacher, after), run.read(ANSWERED, Answered)
    if answered is None:
        raise StorageError(f"`{run.place}` lacks `{ANSWERED}`", hint="restore it from a copy")
    held = _Held(runs=(teacher, after), duel=duel, bout=bout, sizes=sizes)
    file = file_of_answers(run, prepared)
    return Taught(
        teacher=teaching.run,
        pool=Path(teaching.pool).name,
        rows_in=answered.rows_in,
        rows_used=file.rows_used,
        set_aside=dict(Counter(answered.set_aside) + Counter(file.set_aside)),
        rows_before=len(read_sets(teacher.run, teacher.prepared.parts[0])[0]),
        comparison=duel.comparison,
        confidence=bout.rule.confidence,
        level=bout.rule.level,
        margin=bout.rule.margin,
        opening=verdict.test_openings,
        outcome=duel.outcome,
        is_within_margin=held.is_within_margin,
        kept_fraction=held.kept_fraction,
        teacher_size=sizes[0],
        size=sizes[1],
        teacher_base=teacher.base.reference,
        base=after.base.reference,
        seconds=training_seconds(after),
        teacher_seconds=training_seconds(teacher),
        answering_seconds=answered.seconds,
        notes=(*teaching.notes, *answered.notes),
        sentence=held.sentence(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A model held against its teacher, which is the first of the two."""

    runs: tuple[FinishedRun, FinishedRun]
    duel: Duel
    bout: Bout
    sizes: tuple[ModelSize, ModelSize]

    @property
    def found(self) -> Comparison:
        """Scores and difference."""
        return self.duel.comparison

    @property
    def is_within_margin(self) -> bool:
        """Whether even the worse end of the interval is no loss that matters."""
        difference, is_higher = self.found.difference, self.bout.metric.higher_is_better
        loss = -difference.low if is_higher else difference.high
        rule, is_valid = self.bout.rule, self.duel.outcome != "invalid" and self.found.examples >= FEWEST_EXAMPLES
        return is_valid and rule.confidence >= DECISION_CONFIDENCE and loss <= rule.margin

    @property
    def kept_fraction(self) -> float | None:
        """The score as a share of the teacher's, where the metric is a share that grows."""
        metric, (teacher, now) = self.bout.metric, (self.found.base.value, self.found.tuned.value)
        is_share = metric.higher_is_better and metric.range == (0.0, 1.0)
        return now / teacher if is_share and teacher > 0 else None

    def sentence(self) -> str:
        """All of it for a person: outcome, what is kept, the difference, size and speed, what to doubt."""
        sides = self.runs[0].tested.named, self.runs[1].tested.named
        start = _STARTS[self.duel.outcome]
        if self.duel.outcome == "inconclusive" and self.is_within_margin:
            start = f"The model loses less than {self._unit.size(self.bout.rule.margin)} against its teacher, if any"
        if self.duel.outcome == "invalid":
            start += f", because {reasons(*sides)}. For the record only"
        is_of_one = len(self.runs[1].scored) == 1
        chance = " It is about these two models: another `seed` of the training may differ." if is_of_one else ""
        return f"{start}: {self._scores()}, {self._costs()}{self._undecided()}.{chance}{remarks(*sides)}"

    @property
    def _unit(self) -> Unit:
        return unit_of(self.bout.metric)

    def _scores(self) -> str:
        """`it keeps 98 % of its accuracy (84.1 after 86.0 ..., -1.9 points, 95 % interval ...)`."""
        found, metric, unit = self.found, self.bout.metric, self._unit
        scores = f"{unit.score(found.tuned.value)} after {unit.score(found.base.value)}{unit.whole}"
        value, *_ = unit.differences(found.difference.value, found.difference.low, found.difference.high)
        ends = unit.interval(found.difference.low, found.difference.high, found.difference.value)
        apart = f"{value} {unit.noun}".rstrip() + f", {100 * self.bout.rule.confidence:.4g} % interval {ends}"
        on = f"on the same {found.examples:,} test examples"
        lower = "" if metric.higher_is_better else " (lower is better)"
        if self.kept_fraction is None:
            return f"{metric.title}{lower} is {scores} {on} ({apart})"
        return f"it keeps {100 * self.kept_fraction:.3g} % of its {metric.title} {on} ({scores}; {apart})"

    def _costs(self) -> str:
        """`at 0.77 of the size (17.4 of 22.7 million weights, 70 of 91 MB) and 2.0 times the speed (...)`."""
        teacher, now = self.sizes
        size = now.num_parameters / max(teacher.num_parameters, 1)
        speed = now.examples_per_second / max(teacher.examples_per_second, 1e-9)
        weights = f"{now.num_parameters / 1e6:,.1f} of {teacher.num_parameters / 1e6:,.1f} million weights"
        disk = f"{now.num_bytes / 1e6:,.0f} of {teacher.num_bytes / 1e6:,.0f} MB"
        rates = f"{now.examples_per_second:,.3g} against {teacher.examples_per_second:,.3g} examples a second here"
        smaller = "" if size < 1 else ", which is not smaller"
        return f"at {size:.2g} times the size ({weights}, {disk}{smaller}) and {speed:.2g} times the speed ({rates})"

    def _undecided(self) -> str:
        if self.duel.outcome != "inconclusive":
            return ""
        few = f", and fewer than {FEWEST_EXAMPLES} examples decide nothing"
        least = self._unit.size(self.found.minimum_detectable_effect)
        told = f"; this test can only find differences from about {least} (level {self.bout.rule.level:.2g})"
        return told + (few if self.found.examples < FEWEST_EXAMPLES else "")
