"""Would more data help? Measures a learning curve of a finished run, and writes what it means to `curve.json`.

Nested subsets of the training set, scored on training examples held out and on validation: no test is opened, and the
models of the run stay as they are. What figures mean is said by `adjust/curve`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sintonia.adjust.curve import Asked, Known, learning_curve, least_size, too_few
from sintonia.corridor.beginning import told_metrics_of_run
from sintonia.corridor.closing.bench import as_read
from sintonia.corridor.growing.kinds import missing_kinds
from sintonia.corridor.growing.trainings import Course, train_curve
from sintonia.corridor.turns import best_turn, read_sets, turns_of
from sintonia.corridor.walk import Ask, Listener, Walk, finished_turns
from sintonia.errors import StorageError, UsageError
from sintonia.metrics.table import BUILT_IN
from sintonia.records import Base, Example, LabelSignal, LearningCurve, Prepared, Scorecard, Shortfall, Turn
from sintonia.report import write_report
from sintonia.resources.pace import duration
from sintonia.runs import CURVE, LABEL_SIGNAL, RunFolder
from sintonia.tasks import TASKS, chat, inputs_of
from sintonia.tasks.classify import encode_targets

if TYPE_CHECKING:
    from sintonia.corridor.growing.probing import Ground

_OF_LABELS = ("predictions", "nats", "squared_errors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a curve."""

    fine_tunes: bool = False
    """Real trainings, and not a probe of frozen features."""
    goal: float | None = None
    """A score whose number of examples is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The part of a run that a curve is of: the first one, with the best turn that was trained, and not combined."""

    walk: Walk
    prepared: Prepared
    base: Base
    turn: Turn
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    card: Scorecard
    metric: str
    wanted: Wanted

    @property
    def is_chat(self) -> bool:
        return self.prepared.task == chat.NAME


def measure_curve(run: RunFolder, wanted: Wanted, listener: Listener, ask: Ask) -> LearningCurve:
    """Measures the curve, writes it into the run, and writes the report again.

    `ask` is called with the estimated time before anything is trained.

    Raises:
        UsageError: no such goal, a probe where only trainings tell anything, or the answer was no.
        StorageError: a part of the run is missing or was changed.
        RunFailed: a training broke; the sizes that were finished are kept.
    """
    began = time.monotonic()
    with run.writing(), told_metrics_of_run(run):
        seen = _look(run, wanted, listener)
        _refuse_goal(seen)
        curve = _of_trainings(seen, ask, began) if wanted.fine_tunes else _of_probes(seen, began)
        run.write(CURVE, curve)
        if run.file("report.html").exists():
            write_report(run)
    return curve


_MEASURED = ("classify", "chat")
"""Tasks whose curves are measured."""


def _look(run: RunFolder, wanted: Wanted, listener: Listener) -> _Seen:
    prepared, base, turns = run.read("prepared.json", Prepared), run.read("base.json", Base), finished_turns(run)
    if prepared is None or base is None or not turns:
        raise UsageError(f"`{run.place}` has no finished turn yet", hint=f"`sintonia resume {run.place}` goes on")
    if prepared.task not in _MEASURED:
        raise UsageError(
            f"no curve is measured for the task {prepared.task}",
            expected=f"a run of the task {' or '.join(_MEASURED)}",
            hint="`sintonia adjust RUN --add FILE` measures what more rows give",
        )
    part = prepared.parts[0]
    turn = best_turn(tuple(one for one in turns_of(turns, part.name) if one.combined is None))
    card = run.read(f"{run.turn(turn.number)}/scorecards/validation.json", Scorecard)
    train, validation = read_sets(run, part)
    if card is None or card.ids != tuple(one.id for one in validation):
        raise StorageError(f"`{run.place}` lacks the validation of turn {turn.number}", hint="restore it from a copy")
    metric = TASKS[prepared.task].followed_metric(prepared.primary_metric)
    if prepared.task != chat.NAME and (metric not in BUILT_IN or BUILT_IN[metric].reads not in _OF_LABELS):
        metric = "accuracy"
    walk = Walk(run, listener)
    if metric != prepared.primary_metric:
        walk.tell(
            "curve", f"the curve is of {BUILT_IN[metric].title}: `{prepared.primary_metric}` is not measured here"
        )
    if len(prepared.parts) > 1:
        walk.tell("curve", f"few rows: the curve is of part {part.name} alone, with {len(train):,} training examples")
    return _Seen(
        walk=walk,
        prepared=prepared,
        base=base,
        turn=turn,
        train=train,
        validation=validation,
        card=card,
        metric=metric,
        wanted=wanted,
    )


def _refuse_goal(seen: _Seen) -> None:
    """Raises UsageError where the goal is no score that could be reached."""
    goal, rule = seen.wanted.goal, BUILT_IN[seen.metric]
    if goal is None:
        return
    low, high = rule.range
    if not low <= goal <= high or (goal == low and rule.higher_is_better):
        raise UsageError(
            f"a goal of {goal:g} is no score of {rule.title}",
            expected=f"a number from {low:g} to {high:g}",
            hint="as in `--goal 0.9` for 90 %" if rule.unit == "points" else f"as in `--goal {1:g}`",
            where="--goal",
        )


def _of_probes(seen: _Seen, began: float) -> LearningCurve:
    """The cheap curve: probes of the frozen features, in seconds."""
    from sintonia.corridor.growing.probing import probe_curve, probe_sizes

    if seen.is_chat:
        raise UsageError(
            "a probe of frozen features says nothing about written answers",
            hint=f"real trainings do: `--curve --fine-tune`, with three smaller sizes ({_time_of(_course(seen))})",
        )
    walk = seen.walk
    walk.tell("curve", f"a probe of `{seen.base.reference}` on subsets of {len(seen.train):,} training examples")
    features = _features(seen)
    ground = _ground(seen, features)
    missing = _missing(seen, features)
    if not probe_sizes(ground):
        return too_few(_asked(seen, "probe", missing, began), len(seen.prepared.labels))
    measured = probe_curve(ground, seen.turn.recipe.seed)
    return learning_curve(measured, _asked(seen, "probe", missing, began))


def _of_trainings(seen: _Seen, ask: Ask, began: float) -> LearningCurve:
    """The dear curve: the recipe of the best turn on three smaller sizes, and the turn itself."""
    course, num_labels = _course(seen), len(seen.prepared.labels)
    if not course.sizes():
        return too_few(_asked(seen, "fine-tune", _missing(seen, None), began), num_labels)
    missing = course.missing()
    if missing:
        sizes = ", ".join(f"{size:,}" for size in missing)
        question = f"training on {sizes} of the {len(seen.train):,} examples takes {_time_of(course)}"
        if not ask(question):
            raise UsageError(question, hint="`--yes` goes on; what is finished is kept, and not trained again")
        seen.walk.tell("curve", question)
    measured = train_curve(course, seen.metric)
    features = None if seen.is_chat else _features(seen)
    return learning_curve(measured, _asked(seen, "fine-tune", _missing(seen, features), began))


def _course(seen: _Seen) -> Course:
    return Course(
        walk=seen.walk,
        base=seen.base,
        prepared=seen.prepared,
        turn=seen.turn,
        train=seen.train,
        validation=seen.validation,
    )


def _time_of(course: Course) -> str:
    if not course.sizes():
        return f"but {4 * least_size(len(course.prepared.labels)):,} training examples are needed"
    return f"about {duration(course.seconds())}"


def _asked(seen: _Seen, subject: Any, missing: tuple[Shortfall, ...], began: float) -> Asked:
    signal = seen.walk.run.read(LABEL_SIGNAL, LabelSignal)
    noise = signal.noise_range if signal else None
    own = next((one.value for one in seen.card.scores if one.metric == seen.metric), None)
    return Asked(
        subject=subject,
        metric=seen.metric,
        num_train=len(seen.train),
        num_validation=len(seen.validation),
        known=Known(
            noise_fraction=sum(noise) / 2 if noise else None,
            codes=frozenset(one.code for one in seen.turn.findings),
            tuned=own,
        ),
        missing=missing,
        goal=seen.wanted.goal,
        seconds=time.monotonic() - began,
    )


def _features(seen: _Seen) -> tuple[np.ndarray, np.ndarray]:
    """Frozen features of training and validation examples, which the run may have kept."""
    from sintonia.models.once import frozen_features
    from sintonia.models.open import open_base

    recipe = as_read(seen.turn)
    opened = open_base(seen.base, int(recipe.training.max_tokens))
    opened.model.read_as(recipe)
    run = seen.walk.run
    run.file("cache").mkdir(mode=0o700, exist_ok=True)
    task = TASKS[seen.prepared.task]
    first, second = (inputs_of(task, examples) for examples in (seen.train, seen.validation))
    return frozen_features(run, opened, first, for_head=True), frozen_features(run, opened, second, for_head=True)


def _ground(seen: _Seen, features: tuple[np.ndarray, np.ndarray]) -> Ground:
    from sintonia.corridor.growing.probing import Ground

    known = set(seen.prepared.labels)  # a label that was never taught cannot be learned from more of the others
    validation = [k for k, one in enumerate(seen.validation) if one.target in known]
    both = (*seen.train, *(seen.validation[k] for k in validation))
    names = {group: number for number, group in enumerate(dict.fromkeys(one.group for one in both))}
    return Ground(
        features=np.concatenate([features[0], features[1][validation]]),
        targets=encode_targets([one.target for one in both], seen.prepared.labels),
        groups=np.array([names[one.group] for one in both]),
        num_train=len(seen.train),
        labels=seen.prepared.labels,
        metric=seen.metric,
    )


def _missing(seen: _Seen, features: tuple[np.ndarray, np.ndarray] | None) -> tuple[Shortfall, ...]:
    is_redacted = seen.walk.run.recipe().privacy.redact
    return missing_kinds(seen.card, (seen.train, seen.validation), features, is_redacted=is_redacted)
