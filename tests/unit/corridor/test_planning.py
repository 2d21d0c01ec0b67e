"""Each turn has the memory plan of its own recipe, and keeps it when it is resumed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sintonia.corridor import planning
from sintonia.corridor.planning import PlanGround, filled_and_planned, write_ground
from sintonia.errors import UsageError
from sintonia.resources.estimate import shape_of
from sintonia.resources.plan import Lengths
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, LoraSettings, Recipe
from tests.nouns import LANGUAGE_BASE as BASE
from tests.nouns import make_prepared

GIB = 2**30
PREPARED = dataclasses.replace(
    make_prepared(500),
    task="chat",
    form="messages",
    labels=(),
    columns={},
    primary_metric="bits_per_byte",
)
LORA = Recipe(data=DataSettings(path="x"), base="file:x", task="chat", method="lora")
FULL = dataclasses.replace(LORA, method="full")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run whose rows are long, with memory for adapters and for little else."""
    run = RunFolder.create(tmp_path / "run", LORA)
    lengths = Lengths(longest=(512,) * 8, max_tokens=2048)
    write_ground(run, PlanGround(shape=shape_of(BASE), lengths=lengths, can_fuse=True))
    free(monkeypatch, 8.0)
    return run


def free(monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    monkeypatch.setattr(planning, "free_bytes", lambda: int(gib * GIB))
    monkeypatch.setattr(planning, "held_bytes", lambda: 0)


def planned(run: RunFolder, recipe: Recipe, turn: int | None = None) -> tuple[int, str]:
    filled, listed = filled_and_planned(run, recipe, BASE, PREPARED, turn)
    training = filled.training
    told = {one.setting: one.value for one in listed}
    assert told["training.micro_tokens"] == training.micro_tokens
    assert told["training.checkpointing"] == training.checkpointing
    return int(training.micro_tokens), str(training.checkpointing)


def test_each_turn_is_planned_for_its_own_recipe(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 4.0)
    first = planned(run, LORA, 1)
    larger = planned(run, dataclasses.replace(LORA, lora=LoraSettings(rank=512)), 2)
    full = planned(run, FULL, 3)
    assert first > full and first > larger
    free(monkeypatch, 64.0)
    assert [planned(run, one, turn) for one, turn in ((LORA, 1), (FULL, 3))] == [first, full]
    assert planned(run, FULL, 4) == (2048, "off")


def test_what_is_told_before_the_first_turn_is_not_kept_and_then_as_it_was_begun(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert planned(run, LORA) == (2048, "off")
    assert not run.file("turns").exists()
    free(monkeypatch, 2.5)
    begun = planned(run, LORA, 1)
    assert begun < (2048, "off")
    free(monkeypatch, 0.1)  # a finished run is judged, and resumed, where nothing would fit any more
    assert planned(run, LORA) == planned(run, LORA, 1) == begun


def test_frozen_layers_leave_room(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 3.0)
    with pytest.raises(UsageError, match="too little memory"):
        planned(run, FULL)
    frozen = dataclasses.replace(FULL, training=dataclasses.replace(FULL.training, frozen_layers=28))
    assert planned(run, frozen) == (2048, "off")


def test_only_the_first_turn_is_refused(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 1.0)
    with pytest.raises(UsageError, match="too little memory"):
        planned(run, LORA, 1)
    assert not run.file("turns").exists()
    assert planned(run, FULL, 2) == (256, "on")
    listed = filled_and_planned(run, FULL, BASE, PREPARED, 2)[1]
    origin = next(one.origin for one in listed if one.setting == "training.micro_tokens")
    assert origin.startswith("the least there is: too little memory")


def test_longer_rows_in_a_later_turn_take_smaller_steps(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(most: int) -> Recipe:
        settings: dict[str, Any] = {"max_tokens": most, "batch_examples": 8}
        return dataclasses.replace(LORA, training=dataclasses.replace(LORA.training, **settings))

    cut = Lengths(longest=(512,) * 8, max_tokens=512)
    write_ground(run, PlanGround(shape=shape_of(BASE), lengths=cut, can_fuse=True))
    free(monkeypatch, 4.5)
    assert planned(run, reads(512), 1) == (2048, "off")
    assert planned(run, reads(8192), 2)[1] == "on"


def test_without_a_ground_nothing_is_planned(run: RunFolder) -> None:
    run.file("cache/plan-ground.json").unlink()
    assert planned(run, LORA, 1) == (2048, "off")
    assert not run.file("turns").exists()
