"""The mean of weights is exact, that of adapters the closest of their rank; it is kept only when it wins."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from sintonia.records import Evaluation
from sintonia.train.averaging import averaged, is_better_average


def product(weights: dict[str, Tensor], layer: str = "q.") -> Tensor:
    return weights[f"{layer}lora_B"].double() @ weights[f"{layer}lora_A"].double()


def adapters(count: int, *, rank: int = 4, rows: int = 12, columns: int = 20, spread: float = 0.05) -> list:
    """Neighbours of one training: the same adapter with a little noise."""
    generator = torch.Generator().manual_seed(1)
    down = torch.randn(rank, columns, generator=generator)
    up = torch.randn(rows, rank, generator=generator)
    return [
        {
            "q.lora_A": down + spread * torch.randn(rank, columns, generator=generator),
            "q.lora_B": up + spread * torch.randn(rows, rank, generator=generator),
        }
        for _ in range(count)
    ]


def test_plain_weights_are_averaged_value_by_value() -> None:
    found = averaged(
        [{"w": torch.tensor([1.0, 2.0])}, {"w": torch.tensor([3.0, 2.0])}, {"w": torch.tensor([5.0, 2.0])}]
    )
    assert found["w"].tolist() == [3.0, 2.0]
    assert found["w"].dtype == torch.float32
    half = averaged([{"w": torch.ones(2, dtype=torch.bfloat16)}] * 2)["w"]
    assert half.dtype == torch.bfloat16
    one = {"b": torch.randn(3), "a": torch.randn(2)}
    assert list(averaged([one])) == ["b", "a"]
    assert torch.equal(averaged([one, one, one])["a"], one["a"])


def test_the_mean_of_one_adapter_is_itself() -> None:
    (one,) = adapters(1)
    assert torch.allclose(product(averaged([one])), product(one), atol=1e-5)
    assert torch.allclose(product(averaged([one, one, one])), product(one), atol=1e-5)


def test_adapters_are_averaged_as_their_products_to_the_closest_of_their_rank() -> None:
    three = adapters(3)
    mean = sum(product(one) for one in three) / 3
    found = averaged(three)
    assert {name: value.shape for name, value in found.items()} == {name: v.shape for name, v in three[0].items()}
    left, sizes, right = torch.linalg.svd(mean)
    closest = left[:, :4] * sizes[:4] @ right[:4]
    assert torch.allclose(product(found), closest, atol=1e-5)
    naive = {name: sum(one[name] for one in three) / 3 for name in three[0]}
    distance, distance_naive = (float((product(one) - mean).norm()) for one in (found, naive))
    assert distance < distance_naive
    assert distance < 0.02 * float(mean.norm())


def test_the_product_of_means_would_be_another_model() -> None:
    """The same adapter with its signs turned: the mean of A and the mean of B are zero, the mean product is not."""
    (one,) = adapters(1)
    turned = {name: -value for name, value in one.items()}
    assert torch.allclose(product(averaged([one, turned])), product(one), atol=1e-5)


def test_an_adapter_that_has_learned_nothing_stays_zero() -> None:
    (one,) = adapters(1)
    empty = one | {"q.lora_B": torch.zeros_like(one["q.lora_B"])}
    found = averaged([empty, empty])
    assert float(product(found).abs().max()) < 1e-6
    assert torch.isfinite(found["q.lora_A"]).all()


def test_a_layer_narrower_than_the_rank() -> None:
    two = adapters(2, rank=16, rows=3, columns=8)
    found = averaged(two)
    assert found["q.lora_A"].shape == (16, 8)
    mean = (product(two[0]) + product(two[1])) / 2
    assert torch.allclose(product(found), mean, atol=1e-4), "the rank holds the whole mean"


def test_lengths_of_dora_and_heads_beside_an_adapter_are_averaged_as_they_are() -> None:
    one, two = adapters(2)
    one |= {"q.magnitude": torch.ones(12), "head.weight": torch.zeros(2)}
    two |= {"q.magnitude": torch.full((12,), 3.0), "head.weight": torch.ones(2)}
    found = averaged([one, two])
    assert found["q.magnitude"].tolist() == [2.0] * 12
    assert found["head.weight"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "broken", [[], [{"a": torch.ones(2)}, {"b": torch.ones(2)}], [{"a": torch.ones(2)}, {"a": torch.ones(3)}]]
)
def test_other_names_or_shapes_are_refused(broken: list) -> None:
    with pytest.raises(ValueError, match="same names and shapes"):
        averaged(broken)


def test_averaging_noisy_weights_of_one_training_wins() -> None:
    """Least squares at a constant rate: the mean of late steps is nearer to the solution than any of them."""
    generator = torch.Generator().manual_seed(0)
    inputs, solution = torch.randn(500, 8, generator=generator), torch.randn(8, generator=generator)
    targets = inputs @ solution + 0.5 * torch.randn(500, generator=generator)
    weight, late = torch.zeros(8), []
    for step in range(600):
        chosen = torch.randint(0, 500, (4,), generator=generator)
        weight = weight - 0.05 * inputs[chosen].T @ (inputs[chosen] @ weight - targets[chosen]) / 4
        if step in (400, 500, 599):
            late.append({"w": weight})

    def loss(one: dict[str, Tensor]) -> float:
        return float(((inputs @ one["w"] - targets) ** 2).mean())

    assert loss(averaged(late)) < min(loss(one) for one in late)


def evaluation(metric: float, losses: np.ndarray, correct: np.ndarray) -> Evaluation:
    return Evaluation(
        step=1,
        epoch=1.0,
        learning_rate=1e-3,
        train_losses=(0.1,),
        train_correct=(True,),
        validation_losses=tuple(losses.tolist()),
        validation_correct=tuple(correct.tolist()),
        metric=metric,
        relative_update=1e-3,
        max_gradient_norm=1.0,
        median_gradient_norm=1.0,
    )


def test_the_average_must_win_on_validation() -> None:
    generator = np.random.default_rng(0)
    losses, correct = generator.exponential(size=200) + 0.1, np.arange(200) < 150
    best = evaluation(0.75, losses, correct)
    assert is_better_average(best, evaluation(0.75, losses * 0.97, correct), "accuracy")
    assert not is_better_average(best, evaluation(0.75, losses, correct), "accuracy"), "the same is no win"
    assert not is_better_average(best, evaluation(0.75, losses * 1.03, correct), "accuracy")
    noise = losses + generator.normal(-0.001, 0.1, 200)
    assert not is_better_average(best, evaluation(0.75, noise, correct), "accuracy"), "within chance"
    assert not is_better_average(best, evaluation(0.74, losses * 0.9, correct), "accuracy"), "the metric is worse"
    assert is_better_average(best, evaluation(0.80, losses, np.arange(200) < 160), "accuracy"), "ten more are right"
    assert not is_better_average(best, evaluation(0.755, losses, np.arange(200) < 151), "accuracy")
    assert not is_better_average(best, evaluation(float("nan"), losses * 0.9, correct), "accuracy")


def test_of_bits_fewer_win() -> None:
    losses, correct = np.random.default_rng(0).exponential(size=200) + 0.1, np.zeros(200, dtype=bool)
    best = evaluation(1.0, losses, correct)
    assert is_better_average(best, evaluation(0.9, losses * 0.9, correct), "bits_per_byte")
    assert not is_better_average(best, evaluation(1.1, losses * 0.9, correct), "bits_per_byte")


def test_chance_alone_seldom_wins() -> None:
    generator, wins = np.random.default_rng(5), 0
    for _ in range(300):
        losses = generator.exponential(size=100) + 0.1
        other = losses + generator.normal(0, 0.1, 100)
        best, average = (evaluation(-float(one.mean()), one, np.ones(100, dtype=bool)) for one in (losses, other))
        wins += is_better_average(best, dataclasses.replace(average), "accuracy")
    assert wins <= 0.08 * 300
