"""What a turn costs is told before it, for classifiers and language models."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from sintonia.records import Resources
from sintonia.resources.estimate import (
    SetSizes,
    advice_on_time,
    estimate_parts,
    estimate_turn,
    in_words,
    num_trained,
    shape_of,
    workload_of,
)
from sintonia.resources.plan import Lengths, language_peak_bytes
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings
from tests.nouns import LANGUAGE_BASE as BASE

SHAPE = shape_of(BASE)
SIZES = SetSizes(num_train=100, num_validation=20, longest_tokens=256)


def _recipe(task: str, method: str, lora: LoraSettings | None = None, **training: Any) -> Recipe:
    settings = TrainingSettings(**{"epochs": 2.0, "batch_examples": 8, "micro_tokens": 2048, **training})
    return Recipe(data=DataSettings(path="x"), task=task, method=method, training=settings, lora=lora or LoraSettings())


def test_adapters_train_little_a_head_nothing_and_words_that_are_not_met_do_not_train() -> None:
    assert num_trained(_recipe("chat", "full"), SHAPE) == BASE.num_parameters
    assert num_trained(_recipe("classify", "full"), SHAPE) == BASE.num_parameters - 49152 * 576
    assert num_trained(_recipe("classify", "head"), SHAPE) == 0
    ranks = [num_trained(_recipe(task, "lora", LoraSettings(rank=8)), SHAPE) for task in ("chat", "classify")]
    assert all(10**6 < one < 10**7 for one in ranks)


@pytest.mark.parametrize("task", ["chat", "classify"])
def test_what_takes_less_is_told_to_take_less(task: str) -> None:
    full, lora = (estimate_turn(_recipe(task, method), BASE, SIZES, 0.1) for method in ("full", "lora"))
    assert task == "classify" or lora.peak_memory_bytes < full.peak_memory_bytes
    small = estimate_turn(_recipe(task, "lora", micro_tokens=256), BASE, SIZES, 0.1)
    assert small.peak_memory_bytes < lora.peak_memory_bytes and small.seconds == lora.seconds


def test_a_language_model_is_estimated_as_its_settings_say() -> None:
    recipe = _recipe("chat", "lora", LoraSettings(layers=10), checkpointing="on", fused=False)
    work = workload_of(recipe, SHAPE, Lengths(longest=(300,), max_tokens=512))
    assert (work.frozen_layers, work.uses_checkpoints, work.is_fused) == (20, True, False)
    assert (work.tokens, work.rank) == (6 * 300, 16)  # whole rows, as many as a micro-batch holds
    full = dataclasses.replace(recipe, method="full")
    assert workload_of(full, SHAPE, Lengths(longest=(100,), max_tokens=512)).tokens == 800


def test_the_settings_of_a_base_tell_how_wide_its_heads_are() -> None:
    config = SimpleNamespace(num_attention_heads=9, num_key_value_heads=3, head_dim=64)
    exact = shape_of(BASE, config)
    assert (exact.query_width, exact.pair_width, exact.intermediate_size) == (576, 192, 1536)
    assert shape_of(BASE, SimpleNamespace(text_config=config)) == exact
    assert (SHAPE.query_width, SHAPE.pair_width) == (576, 576)
    narrow = shape_of(dataclasses.replace(BASE, intermediate_size=0), SimpleNamespace(num_attention_heads=8))
    assert (narrow.query_width, narrow.pair_width, narrow.intermediate_size) == (576, 576, 2304)


@pytest.mark.parametrize("task", ["chat", "classify"])
def test_frozen_layers_and_what_is_below_the_adapters_do_not_train(task: str) -> None:
    words, layers = 49152 * 576, 134_515_008 - 49152 * 576
    trained = {k: num_trained(_recipe(task, "full", frozen_layers=k), SHAPE) for k in (1, 15, 29, 30, 99)}
    for k, found in trained.items():
        assert found == pytest.approx(layers * (30 - min(k, 30)) / 30, rel=1e-3, abs=words / 100)
    adapters = [num_trained(_recipe(task, "lora", LoraSettings(layers=k)), SHAPE) for k in (10, 30)]
    assert 3 * adapters[0] == adapters[1] == num_trained(_recipe(task, "lora"), SHAPE)
    peaks = [estimate_turn(_recipe(task, "full", frozen_layers=k), BASE, SIZES, 0.1).peak_memory_bytes for k in (0, 25)]
    assert peaks[0] - peaks[1] > 16 * (layers * 25 / 30)


@pytest.mark.parametrize(
    ("changes", "shared", "tokens"),
    [({}, 200, 712), ({"shared_prefix": False}, 0, 512), ({"fused": False}, 0, 500)],
)
def test_a_shared_beginning_counts_where_it_is_computed_once(changes: dict[str, Any], shared: int, tokens: int) -> None:
    lengths = Lengths(longest=(500,) * 8, max_tokens=512, shared_tokens=200)
    work = workload_of(_recipe("chat", "full", micro_tokens=512, **changes), SHAPE, lengths)
    assert (work.shared_tokens, work.tokens) == (shared, tokens)
    dropping = _recipe("chat", "lora", LoraSettings(dropout=0.1), micro_tokens=512, **changes)
    assert workload_of(dropping, SHAPE, lengths).shared_tokens == 0  # chance differs from row to row
    assert language_peak_bytes(SHAPE, work) >= language_peak_bytes(SHAPE, dataclasses.replace(work, shared_tokens=0))


def test_several_parts_take_longer_but_no_more_memory() -> None:
    turn = estimate_turn(_recipe("chat", "lora"), BASE, SIZES, 0.1)
    parts = estimate_parts(turn, 10)
    assert parts.peak_memory_bytes == turn.peak_memory_bytes and parts.seconds > 10 * turn.seconds


def taking(seconds: float) -> Resources:
    return Resources(basis="estimated", seconds=seconds, peak_memory_bytes=2**30)


def test_the_time_of_all_parts_is_told_in_hours_where_it_is_hours() -> None:
    told = in_words(taking(5400.0), 10)
    assert told.startswith("training takes about 1 h 30 min, for 10 trainings on parts of the rows and one on all, and")
    assert "head" not in told
    assert in_words(taking(42.0), 1) == "training takes about 42 s, and 1.0 GiB of memory"


def test_the_time_of_a_whole_run_is_told_with_its_interval_and_its_parts() -> None:
    whole = dataclasses.replace(
        taking(660.0), low_seconds=480.0, high_seconds=840.0, stages={"train": 300.0, "evaluate": 240.0, "prepare": 9.0}
    )
    assert in_words(whole, 1) == (
        "the whole run takes about 11 min (8 min to 14 min: training 5 min, judging 4 min), and 1.0 GiB of memory"
    )


def test_a_long_training_says_how_to_make_it_shorter_by_what_its_task_can_do() -> None:
    chat = _recipe("chat", "lora", max_tokens=2048, epochs=10.0)
    told = advice_on_time(chat, taking(5400.0), 10)
    assert "`--test FILE`" in told and "`training.epochs=5` (now 10)" in told and "--method head" not in told
    assert "--test" not in advice_on_time(chat, taking(5400.0), 1)
    assert "`--method head`" in advice_on_time(_recipe("classify", "full"), taking(5400.0), 1)
    assert "`--method head`" not in advice_on_time(_recipe("classify", "head"), taking(5400.0), 1)


@pytest.mark.parametrize(
    ("budget", "seconds", "is_told"), [(None, 1700.0, False), (None, 1900.0, True), (600.0, 590.0, False)]
)
def test_a_training_within_its_budget_or_short_is_not_commented_on(
    budget: float | None, seconds: float, is_told: bool
) -> None:
    recipe = dataclasses.replace(_recipe("chat", "lora"), budget_seconds=budget)
    assert bool(advice_on_time(recipe, taking(seconds), 1)) == is_told


def test_an_estimate_beyond_the_budget_is_said() -> None:
    recipe = dataclasses.replace(_recipe("chat", "lora"), budget_seconds=600.0)
    told = advice_on_time(recipe, taking(700.0), 1)
    assert told.startswith("this is more than the budget of 10 min, which only ends the adjusting")
