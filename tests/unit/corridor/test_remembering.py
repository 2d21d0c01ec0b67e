"""What losses of single rows come to, and planted secrets, on losses that are made up: no model is loaded."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.corridor.canaries.planting import NUM_REFERENCES, draw_secrets
from sintonia.corridor.canaries.weighing import weigh_secrets
from sintonia.corridor.closing.remembering import memory_of
from sintonia.evaluate.scoring.untuned import Asked, Losses, folds_of
from sintonia.privacy.memorisation import HowTrained, memory_findings
from sintonia.records import Example, Place
from tests.tiny import make_rows


def rows_of(count: int, seed: int, extra: str = "") -> tuple[Example, ...]:
    return tuple(
        Example(
            id=f"{seed}-{k}",
            input=row["text"] + extra,
            target=row["label"],
            group=f"{seed}-{k}",
            place=Place(file="rows", line=k + 1),
        )
        for k, row in enumerate(make_rows(count, seed))
    )


def asked_of(members: tuple[Example, ...], held_out: tuple[Example, ...]) -> Asked:
    nothing: Any = None
    return Asked(
        run=nothing,
        base=nothing,
        task="chat",
        labels=(),
        weights=Path(),
        learn="answers",
        members=members,
        held_out=held_out,
    )


def losses(num_members: int, num_held_out: int, gap: float) -> Losses:
    """Rows of all kinds of difficulty, of which members lose less by `gap`."""
    generator = np.random.default_rng(0)
    hard = generator.gamma(2.0, 1.0, num_members + num_held_out)
    is_member = np.arange(len(hard)) < num_members
    tuned = hard - gap * is_member + generator.normal(scale=0.1, size=len(hard))
    return Losses(tuned=tuned, untuned=hard, calibrated_by="base")


def test_planted_memory_is_warned_about_and_none_is_not() -> None:
    asked = asked_of(rows_of(200, 1), rows_of(150, 2))
    known, healthy = (memory_of(asked, losses(200, 150, gap), 1) for gap in (0.3, 0.0))
    assert known.is_valid and known.auc is not None and known.auc.value > 0.95
    assert [one.code for one in memory_findings(known, HowTrained())] == ["P401"]
    assert set(known.most_exposed) <= {one.id for one in asked.members} and len(known.most_exposed) == 100
    assert set(known.most_exposed_held_out) <= {one.id for one in asked.held_out}
    assert len(known.most_exposed_held_out) == 75, "as large a share"
    assert healthy.auc is not None and healthy.auc.low < 0.5 < healthy.auc.high
    assert memory_findings(healthy, HowTrained()) == ()


def test_a_planted_shift_is_called_invalid_whatever_the_losses_say() -> None:
    asked = asked_of(rows_of(200, 1), rows_of(150, 2, " later today again"))
    found = memory_of(asked, losses(200, 150, 0.3), 1)
    assert not found.is_valid
    assert [one.code for one in memory_findings(found, HowTrained())] == ["P402"]


def test_rows_without_anything_learned_are_left_out_and_too_few_are_not_measured() -> None:
    asked, given = asked_of(rows_of(200, 1), rows_of(150, 2)), losses(200, 150, 0.3)
    tuned = given.tuned.copy()
    tuned[:50] = math.nan
    found = memory_of(asked, dataclasses.replace(given, tuned=tuned), 1)
    assert (found.num_members, found.num_held_out) == (150, 150)
    tuned[200:335] = math.nan
    found = memory_of(asked, dataclasses.replace(given, tuned=tuned), 1)
    assert found.auc is None and "too few rows" in found.why_not_measured


def test_rows_of_a_group_are_judged_by_the_same_probe() -> None:
    rows = [dataclasses.replace(one, group=f"{k // 4}") for k, one in enumerate(rows_of(80, 1))]
    folds = folds_of(rows).reshape(-1, 4)
    assert (folds == folds[:, :1]).all() and set(folds.ravel().tolist()) == set(range(5))


def test_the_secrets_are_those_of_the_paper_and_the_same_for_a_seed() -> None:
    secrets = draw_secrets(("a", "b"), 3)
    assert secrets == draw_secrets(("a", "b"), 3) != draw_secrets(("a", "b"), 4)
    assert [sum(one.repetitions == k for one in secrets) for k in (1, 4, 16)] == [20, 20, 20]
    assert len({one.name for one in secrets}) == 60
    rows = secrets[-1].planted()
    assert len(rows) == 16 and len({one.id for one in rows}) == 16 and len({one.group for one in rows}) == 1
    assert len({one.input for one in secrets[0].references()}) == NUM_REFERENCES == 4_096
    asked = draw_secrets((), 3)[0].planted()[0]
    assert asked.content is not None and asked.target == asked.content["messages"][-1]["content"]


def test_a_model_that_knows_what_was_planted_often_gives_away_that_alone() -> None:
    secrets = draw_secrets((), 0)
    known = {one.name: one.number for one in secrets if one.repetitions == 16}
    generator = np.random.default_rng(0)

    def measure(rows: Sequence[Example]) -> np.ndarray:
        nats = generator.random(len(rows))
        name = rows[0].group.removeprefix("planted ")
        if name in known:
            nats[known[name]] = -1.0
        return nats

    once, often, most = weigh_secrets(measure, secrets, lambda _: None)
    assert most.mean_bits > 11.99 and most.is_remembered
    assert not once.is_remembered and not often.is_remembered and max(once.mean_bits, often.mean_bits) < 2.0
