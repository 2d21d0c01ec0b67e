"""What the shipped model remembers of its training rows, measured after the judging; it changes no outcome.

A membership test on up to 500 training rows against up to 500 validation rows: two forward passes a row. The test is
not looked at. Validation rows were not learned from, but the weights that do best on them were kept, so that they are a
little better known than rows of no use at all: what is remembered is rather told too small than too large. Where ten
parts were taken the shipped model learned from all rows, none of which is left to compare with.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np

from sintonia.corridor.closing.bench import Bench
from sintonia.evaluate.scoring.untuned import Asked, Losses, losses_of
from sintonia.evaluate.written.writing import drawn_examples
from sintonia.privacy.memorisation import (
    HowTrained,
    auc_interval,
    calibrate,
    chance_of_recognised,
    limit_of_told_apart,
    memory_findings,
    recognised_share,
)
from sintonia.records import Example, Finding, Interval, Prepared, Turn
from sintonia.records.privacy.memorisation import Memorisation
from sintonia.resolve.private import LEARNS, is_private
from sintonia.statistics.two_sample import compare_texts
from sintonia.tasks.classify import NAME as CLASSIFY

MEMORISATION = "memorisation.json"
"""Its name in the folder of the turn that is shipped."""
MOST_ROWS = 500
"""Of the training set, and of validation."""
LEAST_GROUPS = 20
"""Of each: of fewer nothing can be said, not even whether they are of one source."""
MOST_EXPOSED = 100

Tell = Callable[[str], None]


def look_for_memory(benches: Sequence[Bench], shipped: Turn, tell: Tell) -> tuple[Finding, ...]:
    """What is to be said of what the model remembers. The record beside the turn is made once and read ever after."""
    run = benches[0].run
    relative = f"{run.turn(shipped.number)}/{MEMORISATION}"
    found = run.read(relative, Memorisation)
    if found is None:
        found = learned_from_all(shipped) if len(benches) > 1 else measure_memory(benches[0], shipped, tell)
        run.write(relative, found)
    return found.findings


def how_trained(turn: Turn) -> HowTrained:
    """What a hint has to know of a turn."""
    epochs = next((one.value for one in turn.resolved if one.setting == "training.epochs"), 0.0)
    return HowTrained(
        method=turn.recipe.method,
        epochs=float(epochs) if isinstance(epochs, int | float) else 0.0,
        can_be_private=turn.recipe.task in LEARNS,
        is_private=is_private(turn.recipe),
    )


def learned_from_all(shipped: Turn) -> Memorisation:
    """The record of a model that is left no row to be compared on."""
    why = "the model learned from all rows, because there are few: none is left that it never saw"
    return Memorisation(turn=shipped.number, why_not_measured=why)


def measure_memory(bench: Bench, shipped: Turn, tell: Tell) -> Memorisation:
    """The membership test of the model of a turn.

    Raises:
        StorageError: the model is not there.
        RunFailed: a loss is not a finite number.
    """
    began = time.monotonic()
    asked = _drawn(bench)
    why = _too_few(asked.members, asked.held_out)
    if why:
        return Memorisation(turn=shipped.number, why_not_measured=why)
    tell(
        f"asking what the model remembers: {len(asked.members):,} training rows against {len(asked.held_out):,} rows "
        "it never saw, read twice each"
    )
    found = memory_of(asked, losses_of(asked), shipped.number)
    findings = memory_findings(found, how_trained(shipped))
    return dataclasses.replace(found, findings=findings, seconds=time.monotonic() - began)


def _too_few(members: Sequence[Example], held_out: Sequence[Example]) -> str:
    """Why nothing can be said of so few, or nothing."""
    groups = [len({one.group for one in rows}) for rows in (members, held_out)]
    if min(groups) >= LEAST_GROUPS:
        return ""
    return (
        f"too few rows: {groups[0]:,} training and {groups[1]:,} validation rows, or groups of rows, where "
        f"{LEAST_GROUPS} of each are the least that say anything"
    )


def _drawn(bench: Bench) -> Asked:
    """Rows of both sets drawn by the hashes of their ids; of labels those that the model knows."""
    prepared = bench.run.read("prepared.json", Prepared)
    labels = prepared.labels if prepared else ()
    known = set(labels) if bench.task == CLASSIFY else set()
    sets = [
        drawn_examples([one for one in rows if not known or one.target in known], MOST_ROWS)
        for rows in (bench.train, bench.validation)
    ]
    return Asked(
        run=bench.run,
        base=bench.base,
        task=bench.task,
        labels=labels,
        weights=bench.weights,
        learn=bench.best.recipe.chat.learn,
        members=sets[0],
        held_out=sets[1],
    )


def memory_of(asked: Asked, losses: Losses, turn: int) -> Memorisation:
    """What the losses of these rows say."""
    rows = asked.rows
    is_held_out = np.arange(len(rows)) >= len(asked.members)
    is_learned = np.isfinite(losses.tuned)
    rows = tuple(one for one, keeps in zip(rows, is_learned, strict=True) if keeps)
    untuned = None if losses.untuned is None else losses.untuned[is_learned]
    tuned, is_held_out = losses.tuned[is_learned], is_held_out[is_learned]
    whole = 1.0 if losses.calibrated_by == "base" else None
    scores, share = calibrate(tuned, untuned, is_held_out, whole)
    members, held_out = scores[~is_held_out], scores[is_held_out]
    of_members, of_held_out = (
        [one for one, is_out in zip(rows, is_held_out, strict=True) if is_out == wanted] for wanted in (False, True)
    )
    groups = [one.group for one in of_members], [one.group for one in of_held_out]
    why = _too_few(of_members, of_held_out)
    if why:
        return Memorisation(turn=turn, why_not_measured=f"{why} (rows without anything that is learned are left out)")
    value, low, high = auc_interval(members, held_out, groups)
    told_apart, num_each = _told_apart(of_members, of_held_out)
    limit = limit_of_told_apart(num_each)
    share_exposed = min(1.0, MOST_EXPOSED / len(members))
    return Memorisation(
        turn=turn,
        num_members=len(members),
        num_held_out=len(held_out),
        calibrated_by=losses.calibrated_by,
        share_of_base=share,
        auc=Interval(value=value, low=low, high=high),
        recognised=recognised_share(members, held_out),
        recognised_chance=chance_of_recognised(members, held_out, groups),
        told_apart=told_apart,
        told_apart_limit=limit,
        is_valid=told_apart <= limit,
        member_loss=float(tuned[~is_held_out].mean()),
        held_out_loss=float(tuned[is_held_out].mean()),
        most_exposed=_highest(members, of_members, share_exposed),
        most_exposed_held_out=_highest(held_out, of_held_out, share_exposed),
    )


def _highest(scores: np.ndarray, rows: Sequence[Example], share: float) -> tuple[str, ...]:
    """Ids of the rows with the highest scores, so large a share of all."""
    order = np.argsort(-scores, kind="stable")[: round(share * len(rows))]
    return tuple(rows[int(k)].id for k in order)


def _told_apart(members: Sequence[Example], held_out: Sequence[Example]) -> tuple[float, int]:
    """How well words tell the two sets apart, one row a group and as many of each; and how many these are."""
    firsts = [list({one.group: one for one in reversed(rows)}.values()) for rows in (members, held_out)]
    num_each = min(len(one) for one in firsts)
    texts = [[f"{one.input}\n{one.target}" for one in rows[:num_each]] for rows in firsts]
    return compare_texts(texts[0], texts[1], num_words=0).auc, num_each
