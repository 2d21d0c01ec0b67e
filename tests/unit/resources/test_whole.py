"""The promise of a whole run is paces times work: each part of the work shows in it, with a range."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sintonia.records import Resources
from sintonia.resources.whole import (
    Closing,
    Paces,
    Work,
    encoder_run_bytes,
    estimate_whole,
    language_run_bytes,
    training_seconds,
)
from sintonia.settings import DataSettings, Recipe, TrainingSettings

MEMORY = Resources(basis="estimated", seconds=0.0, peak_memory_bytes=7, disk_bytes=5)
PACES = Paces(forward_seconds=0.001, step_seconds=0.004)
WORK = Work(
    num_train=100, train_tokens=1000, validation_tokens=200, num_parts=1, num_layers=4, closing=Closing(tokens=3000)
)


def recipe(task: str = "classify", **training: Any) -> Recipe:
    settings = TrainingSettings(**{"epochs": 2.0, "batch_examples": 10, "evaluations": 4, **training})
    return Recipe(data=DataSettings(path="x"), task=task, method="full", training=settings)


def test_a_training_is_steps_validations_and_what_comes_with_them() -> None:
    none = training_seconds(recipe(), WORK, Paces(forward_seconds=0.0, step_seconds=1e-12))
    of_steps = training_seconds(recipe(), WORK, PACES) - none
    assert of_steps == pytest.approx(2 * 1000 * 0.004 + 5 * 200 * 0.001)
    slower = dataclasses.replace(PACES, update_seconds=0.1, begin_seconds=3.0, checkpoint_bytes=100, disk_seconds=0.01)
    assert training_seconds(recipe(), WORK, slower) - none - of_steps == pytest.approx(
        20 * 0.1 + 3.0 + 4.5 * 100 * 0.01
    )
    assert training_seconds(recipe(checkpoint_steps=1), WORK, slower) > training_seconds(recipe(), WORK, slower) + 15


def test_kept_states_of_frozen_layers_make_later_passes_shorter() -> None:
    kept, again = (training_seconds(recipe(frozen_layers=2, cache=how), WORK, PACES) for how in ("on", "off"))
    assert kept < again
    once = [training_seconds(recipe(frozen_layers=2, cache=how, epochs=1.0), WORK, PACES) for how in ("on", "off")]
    assert once[0] == pytest.approx(once[1])  # computed once all the same


def test_the_whole_is_what_is_done_and_what_is_to_come_with_a_range() -> None:
    done = {"prepare": 2.0, "choose": 1.0, "examine": 7.0}
    found = estimate_whole(recipe(), WORK, PACES, MEMORY, done)
    assert found.seconds == pytest.approx(sum(found.stages.values()))
    assert set(found.stages) == {*done, "train", "evaluate", "report"}
    assert found.low_seconds is not None and found.high_seconds is not None
    assert 10.0 < found.low_seconds < found.seconds < found.high_seconds
    assert (found.peak_memory_bytes, found.disk_bytes) == (7, 5)
    untried = estimate_whole(recipe(), WORK, Paces(forward_seconds=0.001), MEMORY, done)
    assert untried.low_seconds is not None and untried.high_seconds is not None
    widths = [(one.high_seconds - one.low_seconds) / one.stages["train"] for one in (found, untried)]  # type: ignore[operator]
    assert widths[1] > widths[0] and untried.stages["train"] > 0


@pytest.mark.parametrize(
    ("closing", "paces"),
    [
        ({"looked_back_tokens": 1000}, {}),
        ({"tokens": 4000}, {}),
        ({"anchor_tokens": 1000}, {}),
        ({"anchor_tokens": 100}, {"anchor_seconds": 0.01}),
        ({"num_opened": 2}, {"open_seconds": 1.0}),
        ({"num_opened_once": 2}, {"open_seconds": 1.0}),
        ({"prompt_tokens": 1000}, {"prompt_seconds": 0.002}),
        ({"num_written_steps": 100}, {"writing_seconds": 0.05}),
        ({"num_written": 1000}, {"written_seconds": 0.01}),
        ({"num_word_fits": 2}, {"words_seconds": 3.0}),
    ],
)
def test_everything_that_is_done_after_training_costs_time(closing: dict[str, int], paces: dict[str, float]) -> None:
    pace = dataclasses.replace(PACES, **paces)
    without, with_it = (
        estimate_whole(recipe(), dataclasses.replace(WORK, closing=one), pace, MEMORY, {}).stages["evaluate"]
        for one in (Closing(), Closing(**closing))
    )
    assert with_it > without + 0.9


def test_ten_parts_cost_more_than_ten_trainings() -> None:
    parts = dataclasses.replace(WORK, num_parts=10)
    one, ten = (estimate_whole(recipe(), work, PACES, MEMORY, {}) for work in (WORK, parts))
    assert ten.stages["train"] > 10 * one.stages["train"] and ten.stages["evaluate"] > one.stages["evaluate"]


def test_a_run_holds_more_than_its_training() -> None:
    assert encoder_run_bytes(10**9) > 10**9
    small = language_run_bytes(10**9, 10**9, 0)
    assert small > 3 * 10**9 and language_run_bytes(10**9, 10**9, 10**8) > small
    assert language_run_bytes(10**11, 10**9, 0) > 10**11
