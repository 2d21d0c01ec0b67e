"""Losses of single rows under a saved candidate and, where it can say, under its untouched base. It draws no row.

What an untouched base loses on a row is how hard the row is for somebody who never learned it. A language model says it
itself, in nats a byte of what is learned; an embedding model too, of all rows as one set. An encoder has no head: a
probe of its features is fitted on the other rows alone (five folds of the training rows asked about, whole groups
together; a held-out row takes its place in one of the folds), so that each row is judged by a probe that did not see
it and that learned from as many rows: a training row and a held-out one are treated alike. The loss of a preference
that is made against the base is calibrated already. Tags have no cheap probe of whole texts: there the loss stands as
it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sintonia.evaluate.language import score_language
from sintonia.evaluate.predict import score_candidate
from sintonia.models.once import frozen_features
from sintonia.models.open import read_candidate
from sintonia.models.probe import fit_linear
from sintonia.records import Example
from sintonia.records.privacy.memorisation import CalibratedBy
from sintonia.runs import RunFolder
from sintonia.tasks import TASKS, HeadTask, has_head
from sintonia.tasks.embed import NAME as EMBED
from sintonia.tasks.prefer import NAME as PREFER

Array = NDArray[np.float64]

NUM_FOLDS = 5
STRENGTH = 3.0
"""Of the probe; features are of length one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A candidate, its open base, and the rows whose losses are asked for."""

    run: RunFolder
    base: Any
    """As the ladder of the task opens it, pristine."""
    task: str
    labels: tuple[str, ...]
    weights: Path
    learn: str
    """Which tokens of a conversation count."""
    members: tuple[Example, ...]
    held_out: tuple[Example, ...]

    @property
    def rows(self) -> tuple[Example, ...]:
        """The members, and behind them those held out."""
        return (*self.members, *self.held_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """One entry a row; not a number where nothing of a row is learned."""

    tuned: Array
    untuned: Array | None
    calibrated_by: CalibratedBy


def losses_of(asked: Asked) -> Losses:
    """One pass over the rows with the candidate, and one with the base where it can say something.

    Raises:
        StorageError: the folder is not a model of ours.
        RunFailed: a loss is not a finite number.
    """
    task = TASKS[asked.task]
    if asked.task in _OTHERS:
        return _OTHERS[asked.task](asked)
    if has_head(task) and task.LEVEL == "text":
        return _of_head(asked, task)
    return (
        _of_language(asked)
        if task.BASE == "language"
        else Losses(tuned=_tuned(asked), untuned=None, calibrated_by="nothing")
    )


def _tuned(asked: Asked) -> Array:
    card = score_candidate(asked.weights, asked.rows, "validation", learn=asked.learn)
    return np.asarray(card.losses, dtype=np.float64)


def _of_language(asked: Asked) -> Losses:
    """Nats a byte: of the sum a long row would say most."""
    tuned = score_candidate(asked.weights, asked.rows, "validation", learn=asked.learn)
    untuned = score_language(asked.base, asked.rows, "validation", "base", learn=asked.learn)
    sizes = np.array([one or math.nan for one in tuned.num_bytes], dtype=np.float64)
    first, second = (np.asarray(card.losses, dtype=np.float64) / sizes for card in (tuned, untuned))
    return Losses(tuned=first, untuned=second, calibrated_by="base")


def _of_embeddings(asked: Asked) -> Losses:
    from sintonia.models.embeddings.answers import answer
    from sintonia.models.embeddings.ranking import Cosines

    found = answer(asked.rows, lambda texts: Cosines(frozen_features(asked.run, asked.base, texts)))
    return Losses(tuned=_tuned(asked), untuned=np.asarray(found.losses), calibrated_by="base")


def _of_preferences(asked: Asked) -> Losses:
    from sintonia.models.language.preferences.reference import read_rule

    is_against_base = read_rule(asked.weights)[0].needs_base
    return Losses(tuned=_tuned(asked), untuned=None, calibrated_by="itself" if is_against_base else "nothing")


def _of_head(asked: Asked, task: HeadTask) -> Losses:
    fitted = read_candidate(asked.weights).get("fitted") or {}
    goal = task.encode(asked.rows, asked.labels, fitted)
    features = frozen_features(asked.run, asked.base, [task.inputs(one) for one in asked.rows], for_head=True)
    num_outputs, num_members = task.num_outputs(asked.labels, fitted), len(asked.members)
    folds = folds_of(asked.rows)
    untuned = np.full(len(goal), math.nan)
    for fold in range(NUM_FOLDS):
        learned = np.flatnonzero(folds[:num_members] != fold)
        judged = np.flatnonzero(folds == fold)
        if not len(learned) or not len(judged):
            continue
        if goal.dtype.kind in "iu" and len(np.unique(goal[learned])) < 2:
            continue
        probe = fit_linear(features[learned], goal[learned], num_outputs, STRENGTH)
        untuned[judged] = task.losses(probe.logits(features[judged]), goal[judged])
    if goal.dtype.kind in "iu":  # of a label that no other row had a probe says what nobody can be surprised by so much
        untuned = np.minimum(untuned, math.log(max(num_members, 2)))
    tuned = _tuned(asked)
    is_judged = bool(np.isfinite(untuned).all())
    return Losses(
        tuned=tuned, untuned=untuned if is_judged else None, calibrated_by="probe" if is_judged else "nothing"
    )


def folds_of(rows: Sequence[Example]) -> NDArray[np.int64]:
    """The fold of each row, by chance; rows of a group are in the same."""
    groups = sorted({one.group for one in rows})
    drawn = np.random.default_rng(0).permutation(len(groups)) % NUM_FOLDS
    of_group = dict(zip(groups, drawn.tolist(), strict=True))
    return np.array([of_group[one.group] for one in rows], dtype=np.int64)


_OTHERS: dict[str, Callable[[Asked], Losses]] = {EMBED: _of_embeddings, PREFER: _of_preferences}
"""Tasks whose losses are neither those of a head on texts nor those of a text."""
