"""The memory of a training is told before it begins, and the plan takes the fastest way that fits."""

from __future__ import annotations

import dataclasses
import random

import pytest

from sintonia.errors import UsageError
from sintonia.models.tokens import thrifty_groups
from sintonia.resources.plan import (
    LanguageShape,
    Lengths,
    Workload,
    _values_of_layer,
    language_peak_bytes,
    largest_group,
    layer_weights,
    plan_memory,
)
from sintonia.tasks.chat import GROUP_OVERHEAD_TOKENS, MICRO_TOKENS

GIB = 2**30
SMOLLM2 = LanguageShape(
    num_parameters=134_515_008,
    num_layers=30,
    hidden_size=576,
    intermediate_size=1536,
    vocabulary_size=49152,
    query_width=576,
    pair_width=192,
)
LORA = Workload(num_trained=4_884_480, micro_tokens=MICRO_TOKENS, longest_tokens=512, rank=16)
FULL = dataclasses.replace(LORA, num_trained=SMOLLM2.num_parameters, rank=0)


def _peak(work: Workload, **changes: object) -> float:
    return language_peak_bytes(SMOLLM2, dataclasses.replace(work, **changes))


def test_a_shared_beginning_is_there_once_beside_each_micro_batch() -> None:
    shared = dataclasses.replace(LORA, shared_tokens=300)
    assert (LORA.tokens, shared.tokens) == (2048, 2348)
    assert dataclasses.replace(shared, micro_tokens=256).tokens == 556
    assert dataclasses.replace(shared, micro_tokens=128).tokens == 512  # 212 of the longest example, and the beginning
    assert dataclasses.replace(shared, batch_tokens=1000).tokens == 1000


def test_lengths_of_a_batch_follow_what_is_read_and_how_many() -> None:
    lengths = Lengths(longest=(512, 512, 300, 40), max_tokens=512)
    assert lengths.of_batch(3, 512) == (512, 512, 300)
    assert lengths.of_batch(3, 400) == (400, 400, 300)
    assert lengths.of_batch(3, 2048) == (2048, 2048, 300)  # they were cut, and may be longer
    assert lengths.of_batch(6, 512) == (512, 512, 300, 40, 40, 40)


def test_the_weights_of_a_layer_are_those_of_its_matrices_and_never_more_than_its_share() -> None:
    assert layer_weights(SMOLLM2) == 2 * 576 * (576 + 192) + 3 * 576 * 1536
    plain = LanguageShape(  # GPT-2: nothing gates the middle
        num_parameters=124_439_808,
        num_layers=12,
        hidden_size=768,
        intermediate_size=3072,
        vocabulary_size=50257,
        query_width=768,
        pair_width=768,
    )
    assert 7.0e6 < layer_weights(plain) < 7.2e6


@pytest.mark.parametrize(
    "less",
    [
        {"micro_tokens": 512},
        {"uses_checkpoints": True},
        {"frozen_layers": 15},
        {"learned_fraction": 0.01},
        {"batch_tokens": 600},
    ],
)
@pytest.mark.parametrize("work", [LORA, FULL], ids=["lora", "full"])
def test_each_saving_is_counted(work: Workload, less: dict[str, object]) -> None:
    assert _peak(work, **less) < _peak(work)


@pytest.mark.parametrize("more", [{"longest_tokens": 4096}, {"is_fused": False}, {"is_averaged": True}])
def test_each_cost_is_counted(more: dict[str, object]) -> None:
    assert _peak(LORA, **more) > _peak(LORA)


def test_all_weights_take_gradients_moments_and_copies_and_adapters_hardly_any() -> None:
    copies = (_peak(FULL) - _peak(LORA, rank=0)) / (FULL.num_trained - LORA.num_trained)
    assert 16 <= copies <= 28
    assert _peak(LORA) < _peak(FULL)


def test_with_memory_enough_the_usual_micro_batches_are_taken() -> None:
    plan = plan_memory(SMOLLM2, LORA, 64 * GIB)
    assert (plan.micro_tokens, plan.uses_checkpoints, plan.why) == (MICRO_TOKENS, False, "fits into the free memory")
    assert plan.peak_memory_bytes == language_peak_bytes(SMOLLM2, LORA) and plan.free_memory_bytes == 64 * GIB


def test_smaller_micro_batches_come_before_computing_twice() -> None:
    below = int(_peak(LORA) * 1.05)
    plan = plan_memory(SMOLLM2, LORA, below)
    assert (plan.micro_tokens, plan.uses_checkpoints) == (1024, False)
    assert plan.why.startswith("micro-batches of 1024 instead of 2048 tokens: otherwise it needs about")
    long = dataclasses.replace(LORA, longest_tokens=2048)
    plan = plan_memory(SMOLLM2, long, below)
    assert (plan.micro_tokens, plan.uses_checkpoints) == (2048, True)
    assert "computed twice" in plan.why


def test_every_plan_fits_and_none_is_slower_than_it_must_be() -> None:
    last = None
    for free in range(2 * GIB, 8 * GIB, GIB // 16):
        try:
            plan = plan_memory(SMOLLM2, FULL, free)
        except UsageError:
            assert last is None
            continue
        assert plan.peak_memory_bytes <= 0.9 * free
        speed = (not plan.uses_checkpoints, plan.micro_tokens)
        assert last is None or speed >= last
        last = speed
    assert last == (True, MICRO_TOKENS)


def test_what_is_asked_for_is_kept_and_when_both_are_nothing_is_refused() -> None:
    small = int(_peak(LORA) * 0.8)
    assert plan_memory(SMOLLM2, LORA, small, micro_tokens=4096).uses_checkpoints
    assert not plan_memory(SMOLLM2, LORA, small, checkpointing="off").uses_checkpoints
    plan = plan_memory(SMOLLM2, LORA, GIB, micro_tokens=4096, checkpointing="off")
    assert (plan.micro_tokens, plan.uses_checkpoints) == (4096, False)
    assert plan.why.startswith("asked for, although it needs about")


def test_what_fits_nowhere_is_refused_with_what_would_fit() -> None:
    large = LanguageShape(
        num_parameters=8 * 10**9,
        num_layers=32,
        hidden_size=4096,
        intermediate_size=14336,
        vocabulary_size=1,
        query_width=4096,
        pair_width=4096,
    )
    full = Workload(num_trained=8 * 10**9, micro_tokens=2048, longest_tokens=1024)
    with pytest.raises(UsageError) as refused:
        plan_memory(large, full, 80 * GIB)
    assert "80.0 GiB are there" in refused.value.what and "`--method lora`" in refused.value.hint
    with pytest.raises(UsageError) as refused:
        plan_memory(large, full, GIB)
    assert refused.value.hint == "take a smaller base"


def test_shorter_examples_are_offered_where_they_would_help() -> None:
    long = dataclasses.replace(LORA, longest_tokens=8192)
    with pytest.raises(UsageError) as refused:
        plan_memory(SMOLLM2, long, int(_peak(long, uses_checkpoints=True) * 0.95))
    assert "training.max_tokens=" in refused.value.hint and "lora" not in refused.value.hint


@pytest.mark.parametrize("seed", range(20))
def test_the_largest_group_is_that_of_the_batches_as_they_are_computed(seed: int) -> None:
    """The plain layers get groups of `thrifty_groups`; both are told the same cost of a group."""
    generator = random.Random(seed)
    rows = sorted((generator.randint(5, 300) for _ in range(60)), reverse=True)
    batch, most = generator.choice([(8, 512), (12, 2048), (60, 16384), (60, 10)])
    expected = max(
        len(group) * max(part[k] for k in group)
        for part in (rows[start : start + batch] for start in range(0, 60, batch))
        for group in thrifty_groups(part, most, GROUP_OVERHEAD_TOKENS)
    )
    assert largest_group(rows, batch, most) == expected


def test_plain_layers_compute_only_like_rows_together() -> None:
    plain = dataclasses.replace(LORA, is_fused=False, longest_tokens=400, row_tokens=(400, 390, 200, 199), batch_rows=4)
    assert plain.tokens == 800
    assert dataclasses.replace(plain, is_fused=True).tokens == MICRO_TOKENS
    assert dataclasses.replace(plain, longest_tokens=100).tokens == 400  # cut: as long as they may be
    assert dataclasses.replace(plain, row_tokens=()).tokens == MICRO_TOKENS


@pytest.mark.parametrize("rank", [0, 4])
def test_what_is_counted_of_plain_layers_is_what_they_keep_for_the_backward_pass(rank: int) -> None:
    """Of transformers' own Llama; the scale of a norm, one value, and that of attention, one a head, are left out."""
    shape = dataclasses.replace(
        SMOLLM2, num_layers=2, hidden_size=32, intermediate_size=64, query_width=32, pair_width=16, vocabulary_size=64
    )
    counted = _values_of_layer(shape, dataclasses.replace(LORA, is_fused=False, rank=rank))
    kept = [kept_values(shape, num_layers, rank) for num_layers in (1, 2)]
    assert kept[1] - kept[0] == counted + 4 + 2
    fused = _values_of_layer(shape, dataclasses.replace(LORA, rank=rank))
    assert fused < counted


def kept_values(shape: LanguageShape, num_layers: int, rank: int) -> float:
    """Values a token that autograd keeps of such a model, its weights apart."""
    import torch
    from transformers import AutoConfig, AutoModel

    from sintonia.models.adapters import AdapterPlan, attach_adapters

    settings = AutoConfig.for_model(
        "llama",
        vocab_size=shape.vocabulary_size,
        hidden_size=shape.hidden_size,
        num_hidden_layers=num_layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=shape.intermediate_size,
    )
    model = AutoModel.from_config(settings, attn_implementation="sdpa")
    if rank:
        attach_adapters(model, AdapterPlan(rank=rank, alpha=8.0), 0)
    weights = {one.untyped_storage().data_ptr() for one in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(input_ids=torch.zeros(2, 64, dtype=torch.long), use_cache=False)
    return sum(one.untyped_storage().nbytes() for place, one in kept.items() if place not in weights) / 4 / 128
