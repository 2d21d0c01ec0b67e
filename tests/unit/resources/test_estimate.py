"""What a turn costs is told before it, for classifiers and language models."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sintonia.records import Base
from sintonia.resources.estimate import SetSizes, estimate_parts, estimate_turn, num_trained_of, shape_of, workload_of
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings

BASE = Base(
    reference="file:x",
    revision="0",
    licence="",
    num_parameters=134_515_008,
    num_layers=30,
    hidden_size=576,
    max_tokens=8192,
    why=(),
    estimated_memory_bytes=0,
    vocabulary_size=49152,
    intermediate_size=1536,
)
SIZES = SetSizes(num_train=100, num_validation=20, longest_tokens=256)


def _recipe(task: str, method: str, lora: LoraSettings | None = None, **training: Any) -> Recipe:
    settings = TrainingSettings(**{"epochs": 2.0, "batch_examples": 8, "micro_tokens": 2048, **training})
    return Recipe(data=DataSettings(path="x"), task=task, method=method, training=settings, lora=lora or LoraSettings())


def test_adapters_train_little_a_head_nothing_and_words_that_are_not_met_do_not_train() -> None:
    assert num_trained_of(_recipe("chat", "full"), BASE) == BASE.num_parameters
    assert num_trained_of(_recipe("classify", "full"), BASE) == BASE.num_parameters - 49152 * 576
    assert num_trained_of(_recipe("classify", "head"), BASE) == 0
    ranks = [num_trained_of(_recipe(task, "lora", LoraSettings(rank=8)), BASE) for task in ("chat", "classify")]
    assert all(10**6 < one < 10**7 for one in ranks)


@pytest.mark.parametrize("task", ["chat", "classify"])
def test_what_takes_less_is_told_to_take_less(task: str) -> None:
    full, lora = (estimate_turn(_recipe(task, method), BASE, SIZES, 0.1) for method in ("full", "lora"))
    assert task == "classify" or lora.peak_memory_bytes < full.peak_memory_bytes
    small = estimate_turn(_recipe(task, "lora", micro_tokens=256), BASE, SIZES, 0.1)
    assert small.peak_memory_bytes < lora.peak_memory_bytes and small.seconds == lora.seconds


def test_a_language_model_is_estimated_as_its_settings_say() -> None:
    recipe = _recipe("chat", "lora", LoraSettings(layers=10), checkpointing="on", precision="bf16", fused=False)
    work = workload_of(recipe, BASE, 300)
    assert (work.frozen_layers, work.uses_checkpoints, work.weight_bytes, work.is_fused) == (20, True, 2, False)
    assert (work.tokens, work.rank) == (2048, 16)
    assert workload_of(dataclasses.replace(recipe, method="full"), BASE, 100).tokens == 800
    assert shape_of(BASE).intermediate_size == 1536


def test_several_parts_take_longer_but_no_more_memory() -> None:
    turn = estimate_turn(_recipe("chat", "lora"), BASE, SIZES, 0.1)
    parts = estimate_parts(turn, 10)
    assert parts.peak_memory_bytes == turn.peak_memory_bytes and parts.seconds > 10 * turn.seconds
