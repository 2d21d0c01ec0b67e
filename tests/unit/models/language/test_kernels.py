"""Each operation of the fused path: its gradient against finite differences, its value against plain formulas."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from sintonia.models.adapters import Factors, LoraLinear
from sintonia.models.language.fused.attention import Attend, Shape, plan_blocks
from sintonia.models.language.fused.kernels import Gate, Normalise, Rotate, multiply, multiply_add
from sintonia.models.language.fused.projections import Projection
from sintonia.models.language.head import Head

SHAPE = Shape(4, 2, 8)


def wide(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def test_products_are_right_however_the_matrices_lie_in_memory() -> None:
    x, weight, other = torch.randn(7, 24), torch.randn(40, 24), torch.randn(7, 40)
    for matrix in (weight, weight.t().contiguous().t(), torch.randn(40, 60)[:, 5:29], torch.randn(24, 60)[:, 3:43].t()):
        assert torch.allclose(multiply(x, matrix), x @ matrix.t(), atol=1e-4)
        assert torch.allclose(multiply_add(x, matrix, other), x @ matrix.t() + other, atol=1e-4)
    assert multiply(x[:0], weight).shape == (0, 40)


def test_norm_and_gate_have_the_gradients_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(lambda x, weight: Normalise.apply(x, weight, 1e-5), (wide(5, 8), wide(8)))
    assert torch.autograd.gradcheck(Gate.apply, (wide(5, 12),))
    x, weight = wide(5, 8), wide(8)
    assert torch.allclose(Normalise.apply(x, weight, 1e-5)[0], F.rms_norm(x, (8,), weight, 1e-5))


def test_positions_turn_and_turn_back() -> None:
    angles = torch.arange(5.0, dtype=torch.float64)[:, None, None] * torch.tensor([1.0, 0.1, 0.01, 0.001])
    turned = lambda x: Rotate.apply(x * 1, angles.cos(), angles.sin(), 2)  # noqa: E731
    assert torch.autograd.gradcheck(turned, (wide(5, 20),))
    x = wide(5, 20)
    assert torch.equal(turned(x)[:, 16:], x[:, 16:])
    assert torch.allclose(turned(x).norm(dim=1), x.norm(dim=1))
    assert not torch.allclose(turned(x)[1:], x[1:])


@pytest.mark.parametrize("has_adapters", [True, False])
@pytest.mark.parametrize("has_bias", [True, False])
def test_a_projection_is_its_layers_side_by_side(has_adapters: bool, has_bias: bool) -> None:
    torch.manual_seed(0)
    linears = [torch.nn.Linear(6, size, bias=has_bias, dtype=torch.float64) for size in (8, 3, 5)]
    modules: list[torch.nn.Module] = list(linears)
    if has_adapters:
        factors = Factors(lora_A=wide(2, 6).detach(), lora_B=wide(3, 2).detach(), scaling=1.5)
        modules[1] = LoraLinear(linears[1], factors)
    projection = Projection(modules)
    x, residual = wide(7, 6), wide(7, 16, seed=1)
    trained = [one for module in modules for one in module.parameters()]
    expected = torch.cat([module(x) for module in modules], -1) + residual
    found = projection(x, residual)
    assert torch.allclose(found, expected)
    push = wide(7, 16, seed=2).detach()
    for one, other in zip(
        torch.autograd.grad(found, [x, residual, *trained], push),
        torch.autograd.grad(expected, [x, residual, *trained], push),
        strict=True,
    ):
        assert torch.allclose(one, other)


def test_a_projection_follows_weights_that_are_replaced() -> None:
    linears = [torch.nn.Linear(6, 4), torch.nn.Linear(6, 2)]
    projection, again = Projection(linears), Projection(linears)
    x = torch.randn(3, 6)
    projection(x)
    with torch.no_grad():
        linears[1].weight.mul_(2)
    assert torch.allclose(projection(x), torch.cat([one(x) for one in linears], -1), atol=1e-6)
    linears[1].weight = torch.nn.Parameter(torch.randn(2, 6))
    for one in (projection, again, projection):
        assert torch.allclose(one(x), torch.cat([one(x) for one in linears], -1), atol=1e-6)


@pytest.mark.parametrize("lengths", [(3, 5, 4), (40, 30, 9), (300, 2, 65, 1)])
@pytest.mark.parametrize("shares", [0, 1])
def test_attention_sees_its_own_row_up_to_its_place_and_the_shared_beginning(
    lengths: tuple[int, ...], shares: int
) -> None:
    num_before = lengths[0] * shares
    total = sum(lengths)
    heads = wide(total, 64)
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    is_seen = (owner[:, None] == owner) & torch.ones(total, total).tril().bool() | (torch.arange(total) < num_before)
    is_seen &= torch.ones(total, total).tril().bool()
    queries, keys, values = (part.unflatten(1, (-1, 8)).transpose(0, 1) for part in heads.split([32, 16, 16], 1))
    plain = F.scaled_dot_product_attention(queries, keys, values, attn_mask=is_seen, enable_gqa=True)
    expected = plain.transpose(0, 1).flatten(1)
    found = Attend.apply(heads, None, None, (plan_blocks(lengths, None, heads, num_before), SHAPE))
    assert torch.allclose(found, expected)
    push = wide(total, 32, seed=3).detach()
    assert torch.allclose(*(torch.autograd.grad(one, heads, push, retain_graph=True)[0] for one in (found, expected)))
    picked = torch.arange(num_before, total, 3)
    blocks = plan_blocks(lengths, picked, heads, num_before)
    some = Attend.apply(heads[picked, :32], heads[:, 32:], None, (blocks, SHAPE))
    assert torch.allclose(some, expected[picked])


def test_the_loss_of_the_head_is_cross_entropy_also_where_probabilities_vanish() -> None:
    layer = torch.nn.Linear(8, 50, dtype=torch.float64)
    hidden, targets = wide(30, 8), torch.arange(30)
    head = Head(layer)
    expected = F.cross_entropy(layer(hidden), targets, reduction="none")
    grads = torch.autograd.grad(expected.sum() * 0.1, [hidden, layer.weight, layer.bias])
    found = head.learn(hidden.detach(), targets, 0.1)
    assert torch.allclose(found.nats, expected)
    assert torch.allclose(found.hidden_grad, grads[0])
    assert torch.allclose(layer.weight.grad, grads[1])
    assert torch.allclose(layer.bias.grad, grads[2])
    with torch.no_grad():
        layer.weight.mul_(1e5)
    assert torch.allclose(head.judge(hidden, targets).nats, F.cross_entropy(layer(hidden), targets, reduction="none"))
