"""Cut gradients are those of a loop over single rows, however they are computed (P3c)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sintonia.settings import Recipe
from sintonia.train.learners import make_learner
from sintonia.train.private.choosing import fastest_way
from sintonia.train.private.gradients import ByLoop, Units, zero_sums
from sintonia.train.private.of_encoder import OfEncoder
from sintonia.train.private.of_head import OfHead
from tests.tiny import make_tiny_language_model
from tests.unit.train.private.private_jobs import make_private_chat_job, make_private_job

CLIP = 0.3
ROWS = [[k] for k in (0, 5, 9, 14, 33, 70, 71, 90)]


@pytest.fixture(scope="module")
def tiny_language_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_language_model(tmp_path_factory.mktemp("base"))


def inner(job: Any, dtype: torch.dtype = torch.float64) -> Any:
    """The learner inside, in this precision, its weights moved off where they start (adapters begin at zero)."""
    learner: Any = make_learner(job).inner  # type: ignore[attr-defined]
    torch.manual_seed(0)
    learner.model.to(dtype)
    with torch.no_grad():
        for value in learner.parameters.values():
            value.add_(torch.randn(value.shape).to(dtype) * 0.05)
    return learner


def by_hand(learner: Any, units: Units, clip: float) -> dict[str, Tensor]:
    """One unit after the other, by the model and torch alone: nothing of ours cuts or sums."""
    sums = {name: torch.zeros_like(value) for name, value in learner.parameters.items()}
    for unit in units:
        losses = [
            nn.functional.cross_entropy(learner.logits_of([row]), learner.targets[[row]], reduction="sum")
            for row in unit
        ]
        found = torch.autograd.grad(torch.stack(losses).mean(), list(learner.parameters.values()))
        length = torch.cat([one.flatten() for one in found]).norm()
        for name, one in zip(sums, found, strict=True):
            sums[name] += one * min(1.0, clip / float(length))
    return sums


def largest_error(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> float:
    """Over all weights together, relative to the largest of them."""
    largest = max(float(one.abs().max()) for one in wanted.values())
    return max(float((found[name] - wanted[name]).abs().max()) for name in wanted) / largest


def summed(way: Any, learner: Any, units: Units, clip: float = CLIP) -> dict[str, Tensor]:
    sums = zero_sums(learner.parameters)
    way.clipped(units, clip, sums)
    return sums


@pytest.mark.parametrize(("dtype", "bar"), [(torch.float64, 1e-6), (torch.float32, 1e-4)], ids=["fp64", "fp32"])
@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("clip", [CLIP, 1e3])
def test_an_encoder_taken_apart_equals_the_loop(
    tmp_path: Path, tiny_base: Path, method: str, dtype: torch.dtype, bar: float, clip: float
) -> None:
    """Texts of many lengths, padded together; all cut, and none."""
    learner = inner(make_private_job(tmp_path / "run", tiny_base, method), dtype)
    assert len({learner.lengths[unit[0]] for unit in ROWS}) > 2
    wanted = by_hand(learner, ROWS, clip)
    assert largest_error(summed(OfEncoder(learner), learner, ROWS, clip), wanted) <= bar
    assert largest_error(summed(ByLoop(learner), learner, ROWS, clip), wanted) <= max(bar, 2e-6)  # its loss is fp32


@pytest.mark.parametrize("cache", ["off", "on"])
@pytest.mark.parametrize(("method", "asked"), [("full", {"frozen_layers": 1}), ("lora", {"lora": {"layers": 1}})])
def test_above_frozen_layers_it_equals_the_loop_whether_or_not_their_states_are_kept(
    tmp_path: Path, tiny_base: Path, method: str, asked: dict[str, Any], cache: str
) -> None:
    learner = inner(make_private_job(tmp_path / "run", tiny_base, method, cache=cache, **asked), torch.float32)
    assert list(learner.prepare()) or cache == "off"
    assert learner.num_frozen == 1 and learner.is_kept == (cache == "on")
    assert learner.parameters and not any("layer.0." in name for name in learner.parameters)
    way, note = fastest_way(learner, ROWS)
    assert isinstance(way, OfEncoder) and note == ""
    wanted = by_hand(learner, ROWS, CLIP)
    assert largest_error(summed(way, learner, ROWS), wanted) <= 1e-4
    assert largest_error(summed(ByLoop(learner), learner, ROWS), wanted) <= 1e-4


def test_adapters_that_have_learned_something_give_both_of_their_matrices_a_gradient(
    tmp_path: Path, tiny_base: Path
) -> None:
    """Where B is zero, as adapters begin, A has none, and a way that is wrong about A would agree."""
    learner = inner(make_private_job(tmp_path / "run", tiny_base, "lora"))
    for name in ("lora_A", "lora_B"):
        own = {key: value for key, value in learner.parameters.items() if key.endswith(name)}
        assert own and all(float(value.detach().abs().max()) > 0 for value in own.values())
        found, wanted = summed(OfEncoder(learner), learner, ROWS), by_hand(learner, ROWS, CLIP)
        lengths = [float(wanted[key].norm()) for key in own]
        assert min(lengths) > 0
        errors = [float((found[key] - wanted[key]).norm()) / length for key, length in zip(own, lengths, strict=True)]
        assert max(errors) <= 1e-6


def test_micro_batches_change_nothing(tmp_path: Path, tiny_base: Path) -> None:
    learner = inner(make_private_job(tmp_path / "run", tiny_base, "lora"))
    wanted = summed(OfEncoder(learner), learner, ROWS)
    for size in (1, 20, 40):
        learner.micro_tokens = size
        assert largest_error(summed(OfEncoder(learner), learner, ROWS), wanted) <= 1e-9


@pytest.mark.parametrize("length", [1, 300])
def test_both_ways_to_the_length_of_a_product_agree(length: int) -> None:
    from sintonia.train.private.of_encoder import _product_squares

    generator = torch.Generator().manual_seed(0)
    inputs, slopes = (torch.randn(3, length, 40, generator=generator).double() for _ in range(2))
    wanted = torch.stack([(one.T @ other).square().sum() for one, other in zip(slopes, inputs, strict=True)])
    assert torch.allclose(_product_squares(inputs, slopes), wanted)


def test_no_squared_length_is_below_zero() -> None:
    """Rounding makes it so where gradients nearly cancel; its root would be no number, and stop the training."""
    from sintonia.train.private.of_encoder import _product_squares

    generator = torch.Generator().manual_seed(0)
    inputs = 30 * torch.randn(1, 1, 64, generator=generator) + 1e-5 * torch.randn(256, 3, 64, generator=generator)
    slopes = torch.randn(256, 3, 64, generator=generator)
    slopes = slopes - slopes.mean(1, keepdim=True)
    assert float((inputs @ inputs.mT * (slopes @ slopes.mT)).sum((1, 2)).min()) < 0  # else nothing is asked here
    assert float(_product_squares(inputs, slopes).min()) >= 0


def test_a_head_taken_apart_equals_the_loop(tmp_path: Path, tiny_base: Path) -> None:
    learner = inner(make_private_job(tmp_path / "run", tiny_base, "head"), torch.float32)
    assert largest_error(summed(OfHead(learner), learner, ROWS), summed(ByLoop(learner), learner, ROWS)) <= 1e-5
    x, wanted = torch.from_numpy(learner.train_features), zero_sums(learner.parameters)
    for (row,) in ROWS:
        weight, bias = (value.detach().clone().requires_grad_(True) for value in learner.parameters.values())
        loss = nn.functional.cross_entropy((x[row] @ weight.T + bias)[None], learner.targets[[row]])
        found = torch.autograd.grad(loss, [weight, bias])
        factor = min(1.0, CLIP / float(torch.cat([one.flatten() for one in found]).norm()))
        for name, one in zip(wanted, found, strict=True):
            wanted[name] += one * factor
    assert largest_error(summed(OfHead(learner), learner, ROWS), wanted) <= 1e-5


def test_a_group_is_cut_as_a_whole(tmp_path: Path, tiny_base: Path) -> None:
    learner = inner(make_private_job(tmp_path / "run", tiny_base, "lora"))
    groups = [[0, 5, 9], [14], [33, 70]]
    assert fastest_way(learner, groups)[0].__class__ is ByLoop
    assert largest_error(summed(ByLoop(learner), learner, groups), by_hand(learner, groups, CLIP)) <= 2e-6


def test_no_row_moves_the_sum_by_more_than_the_clip(tmp_path: Path, tiny_base: Path) -> None:
    learner = inner(make_private_job(tmp_path / "run", tiny_base, "full"))
    whole = summed(OfEncoder(learner), learner, ROWS)
    for left_out in range(len(ROWS)):
        rest = summed(OfEncoder(learner), learner, [one for k, one in enumerate(ROWS) if k != left_out])
        moved = torch.cat([(whole[name] - rest[name]).flatten() for name in whole]).norm()
        assert float(moved) <= CLIP * (1 + 1e-6)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_conversations_one_after_the_other_equal_transformers_alone(
    tmp_path: Path, tiny_language_base: Path, method: str
) -> None:
    """Word vectors that are also the output layer, as SmolLM2 has them; they do not train."""
    job = make_private_chat_job(tmp_path / "run", tiny_language_base, method)
    learner: Any = make_learner(job).inner  # type: ignore[attr-defined]
    assert not learner.opened.causal.get_input_embeddings().weight.requires_grad
    assert not any("embed" in name or "lm_head" in name for name in learner.parameters)
    with torch.no_grad():
        for name, value in learner.parameters.items():
            value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(len(name))) * 0.05)
    units = [[k] for k in (0, 7, 20, 41)]
    wanted = zero_sums(learner.parameters)
    for (position,) in units:
        row = learner.train_rows[position]
        logits = learner.opened.causal(input_ids=torch.tensor([row.ids])).logits[0, :-1]
        goal, counts = torch.tensor(row.ids[1:]), torch.tensor(row.learned[1:])
        loss = nn.functional.cross_entropy(logits[counts], goal[counts])
        found = torch.autograd.grad(loss, list(learner.parameters.values()))
        factor = min(1.0, CLIP / float(torch.cat([one.flatten() for one in found]).norm()))
        for name, one in zip(wanted, found, strict=True):
            wanted[name] += one * factor
    assert largest_error(summed(ByLoop(learner), learner, units), wanted) <= 1e-4


def test_the_fast_way_is_taken_where_it_is_exact_and_said_where_it_is_not(tmp_path: Path, tiny_base: Path) -> None:
    job = make_private_job(tmp_path / "run", tiny_base, "lora")
    learner = inner(job, torch.float32)
    way, note = fastest_way(learner, ROWS)
    assert isinstance(way, OfEncoder) and note == ""
    learner.job = dataclasses.replace(job, recipe=with_dropout(job.recipe))
    way, note = fastest_way(learner, ROWS)
    assert isinstance(way, ByLoop) and "lora.dropout" in note


def test_a_layer_that_is_used_twice_is_noticed(tmp_path: Path, tiny_base: Path) -> None:
    """Its gradients of one row add up, which the fast way does not know: it has to be found out by trying."""
    learner = inner(make_private_job(tmp_path / "run", tiny_base, "full"), torch.float32)
    layers = learner.model.transformer.encoder.layer
    layers[1] = layers[0]
    learner._parameters = {
        name: value for name, value in learner.model.named_parameters() if name in learner.parameters
    }
    way, note = fastest_way(learner, ROWS)
    assert isinstance(way, ByLoop) and "does not agree" in note


def with_dropout(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, lora=dataclasses.replace(recipe.lora, dropout=0.1))
