"""A few real steps that are thrown away: how fast this machine trains this base with this recipe on these examples.

Nothing of them is kept but the pace. A process that is killed in them is not killed in them twice.
"""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import logging
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sintonia.methods import METHODS
from sintonia.records import Base, Example, Prepared
from sintonia.resources.energy import Stretch, open_gauge
from sintonia.resources.meter import Watch
from sintonia.resources.whole import Paces
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from sintonia.tasks import TASKS, Task, has_head

_SECONDS = 2.5
"""How long steps are tried, and at most as long a single one may take by the pace of the first."""
_MOST_STEPS = 8
_FIRST_ROWS = 2
_SCORED_SECONDS = 1.0
_WRITTEN_BYTES = 2**23
_MOST_WORDS_ROWS = 400
_LEAST_COUNTED_SECONDS = 0.5
"""From here on the system tells time of cores, in hundredths of a second, finely enough."""
_MARK = "cache/trying-steps"
_LOG = logging.getLogger("sintonia")


def try_steps(
    run: RunFolder, base: Base, prepared: Prepared, planned: Recipe, sets: tuple[Sequence[Example], Sequence[Example]]
) -> Paces | None:
    """The paces of training; None where it could not be tried, which a training then says in its own words.

    `planned` is the recipe as the first turn is begun with it.
    """
    if run.file(_MARK).exists():  # a process was killed here, for want of memory perhaps: not twice
        return None
    from sintonia.train import Job

    job = Job(
        run=run,
        recipe=planned,
        base=base,
        labels=prepared.labels,
        turn=1,
        part=prepared.parts[0].name,
        primary_metric=TASKS[prepared.task].followed_metric(prepared.primary_metric),
        train=tuple(sets[0]),
        validation=tuple(sets[1]),
    )
    with _marked(run):
        try:
            return dataclasses.replace(_try(job), disk_seconds=_disk_pace(run))
        except Exception as failed:
            _LOG.info("estimate: no step could be tried: %s", type(failed).__name__)
            return None
        finally:
            gc.collect()


def words_seconds(task: Task, labels: Sequence[str], train: Sequence[Example]) -> float:
    """Seconds of fitting the rung of words to all training examples, by a fit to some; 0 where there is none."""
    from sintonia.evaluate.ladders.words import word_features
    from sintonia.models.probe import fit_linear

    if not has_head(task) or task.LEVEL != "text":
        return 0.0
    few = train[:: math.ceil(len(train) / _MOST_WORDS_ROWS)]
    began = time.monotonic()
    with suppress(ValueError):  # no word occurs twice, or all have one label: then nothing is fitted later either
        features = word_features(2).fit_transform([one.input for one in few])
        fitted = task.fit(few, labels)
        fit_linear(features, task.encode(few, labels, fitted), task.num_outputs(labels, fitted), 10.0)
    return (time.monotonic() - began) * len(train) / len(few)


def _try(job: Any) -> Paces:
    import torch

    from sintonia.train.learners import make_learner
    from sintonia.train.loop import Loop
    from sintonia.train.snapshot import checkpoint_bytes

    with torch.random.fork_rng(devices=[]):
        began = time.monotonic()
        loop = Loop(job, make_learner(job))
        begin_seconds = time.monotonic() - began
        watch, began = Watch(open_gauge(may_track=False)), time.monotonic()
        watch.look()
        step_seconds, update_seconds = _step_paces(loop)
        learns_tokens = METHODS[job.recipe.method].trains_encoder
        forward_seconds = _forward_pace(loop) if learns_tokens else 0.0
        return Paces(
            counted=_counted(watch, time.monotonic() - began),
            forward_seconds=forward_seconds,
            step_seconds=step_seconds,
            update_seconds=update_seconds,
            begin_seconds=begin_seconds,
            checkpoint_bytes=checkpoint_bytes(loop),
        )


def _counted(watch: Watch, seconds: float) -> Stretch | None:
    energy, _ = watch.energy()
    return Stretch(energy=energy, seconds=seconds) if energy and seconds >= _LEAST_COUNTED_SECONDS else None


def _step_paces(loop: Any) -> tuple[float, float]:
    """Seconds of a token of a batch that is learned, and of what a step costs besides."""
    learner = loop.learner
    batches = [loop.batch(step) for step in range(min(_MOST_STEPS, loop.per_epoch))]
    first = batches[0][:_FIRST_ROWS]
    pace = _timed(lambda: learner.accumulate(first)) / _tokens(learner, first)  # it warms up, too
    update_seconds = min(_timed(lambda: _update(loop)) for _ in range(2))
    spent, tokens = 0.0, 0
    for batch in batches:
        rows = _affordable(learner, batch, _SECONDS / pace)
        spent += _timed(lambda rows=rows: learner.accumulate(rows))
        tokens += _tokens(learner, rows)
        if spent > _SECONDS:
            break
        loop.optimizer.zero_grad(set_to_none=True)
        pace = spent / tokens
    return spent / tokens, update_seconds


def _update(loop: Any) -> None:
    """What a step does after its gradients; the rate is 0, so no weight moves."""
    import torch

    torch.nn.utils.clip_grad_norm_(loop.learner.parameters.values(), 1.0)
    loop.optimizer.step()
    loop.learner.stepped(0.0)


def _forward_pace(loop: Any) -> float:
    """Seconds of a token without gradients, as validations read them."""
    learner, positions = loop.learner, list(loop.probe)
    few = positions[: max(1, min(8, len(positions)))]
    pace = _timed(lambda: learner.score_train(few)) / _tokens(learner, few)
    rows = _affordable(learner, positions, _SCORED_SECONDS / pace)
    return _timed(lambda: learner.score_train(rows)) / _tokens(learner, rows)


def _affordable(learner: Any, positions: Sequence[int], most_tokens: float) -> list[int]:
    """The first of these examples that hold no more tokens than that, but one at least."""
    rows, tokens = [positions[0]], learner.lengths[positions[0]]
    for position in positions[1:]:
        tokens += learner.lengths[position]
        if tokens > most_tokens:
            break
        rows.append(position)
    return rows


def _tokens(learner: Any, positions: Sequence[int]) -> int:
    return max(1, sum(int(learner.lengths[position]) for position in positions))


def _timed(work: Any) -> float:
    began = time.monotonic()
    work()
    return max(1e-9, time.monotonic() - began)


def _disk_pace(run: RunFolder) -> float:
    """Seconds of writing a byte as checkpoints are: hashed, and safe on the disk."""
    content, path = os.urandom(_WRITTEN_BYTES), run.file("cache/trial.bin")
    began = time.monotonic()
    try:
        with path.open("wb") as stream:
            hashlib.sha256(content)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        return (time.monotonic() - began) / _WRITTEN_BYTES
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _marked(run: RunFolder) -> Iterator[None]:
    path = run.file(_MARK)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
