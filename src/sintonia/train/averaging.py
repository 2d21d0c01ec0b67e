"""The mean of the best weights of one training, and whether it is better than the best one.

Full weights and heads are averaged as they are. Of an adapter, what counts is its product B A, which is added to the
frozen weights: the product of the means is not the mean of the products, so the products are averaged. Their mean has
up to as many times the rank as there are adapters; it is replaced by the closest matrix of the old rank (Eckart and
Young: the largest singular values), so that size, speed and format of the adapter stay. What is left out is a
second-order remainder: the adapters are neighbours of one training. The mean is scored as it is saved and kept only
when it wins, so nothing is claimed that was not measured. The lengths that DoRA trains are averaged as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sintonia.metrics import METRICS
from sintonia.records import Evaluation, Event
from sintonia.statistics.mcnemar import midp
from sintonia.train.selection import best_evaluations

if TYPE_CHECKING:
    from sintonia.train.loop import Loop

NUM_AVERAGED = 3
AVERAGED_FILE = "averaged.json"
"""The evaluation of averaged weights, in the folder of the turn, when they are what is saved."""
_DOWN, _UP = "lora_A", "lora_B"
_Z_95 = 1.645


def averaged(weights: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several sets of weights with the same names and shapes, in their number format.

    `lora_A` (rank, inputs) and `lora_B` (outputs, rank) of a layer are averaged as their product.

    Raises:
        ValueError: there are no weights, or their names or shapes differ.
    """
    if not weights or any(_shapes(one) != _shapes(weights[0]) for one in weights):
        raise ValueError("an average needs weights of the same names and shapes")
    mean: dict[str, Tensor] = {}
    for name, value in weights[0].items():
        partner = name.removesuffix(_DOWN) + _UP
        if name.endswith(_DOWN) and partner in weights[0]:
            mean[name], mean[partner] = _mean_adapter([(one[name], one[partner]) for one in weights])
        elif not (name.endswith(_UP) and name.removesuffix(_UP) + _DOWN in weights[0]):
            total = sum((one[name].double() for one in weights[1:]), value.double())
            mean[name] = (total / len(weights)).to(value.dtype)
    return {name: mean[name] for name in weights[0]}


def is_better_average(best: Evaluation, average: Evaluation, metric_name: str) -> bool:
    """Whether the averaged weights won on validation against the best single ones, and so replace them.

    The primary metric must not be worse, and beyond chance (one-sided 95 %, paired by example) either the losses must
    be lower, or more answers right at a loss that is not higher. Chance favours the best single weights, which were
    chosen for their luck on the same examples; so the rule is strict.
    """
    goodness = METRICS[metric_name].goodness
    gains = np.array(best.validation_losses) - np.array(average.validation_losses)
    is_worse = not goodness(average.metric) >= goodness(best.metric)
    if is_worse or not np.isfinite(gains).all() or len(gains) < 2:
        return False
    error = float(gains.std(ddof=1)) / len(gains) ** 0.5
    if gains.mean() > max(_Z_95 * error, 1e-12):
        return True
    old, new = (np.array(one.validation_correct, dtype=bool) for one in (best, average))
    fixed, broken = int((new & ~old).sum()), int((old & ~new).sum())
    return bool(fixed > broken and midp(fixed, broken) / 2 < 0.05 and gains.mean() >= 0)


def try_average(loop: Loop, best_step: int) -> Iterator[Event]:
    """The mean of the best weights replaces the best ones if validation says that it is better."""
    loop.job.run.file(loop.job.file(AVERAGED_FILE)).unlink(missing_ok=True)
    if not loop.job.recipe.training.averaging:
        return
    best = best_evaluations(loop.evaluations, loop.job.primary_metric, NUM_AVERAGED)
    if len(best) < 2 or best[0].step == 0 or loop.rolled_back_to is not None:
        yield loop.event("message", text="averaging: there are no weights to average but those of one evaluation")
        return
    loop.learner.load(averaged([loop.kept[one.step] for one in best]))
    validation, probed = loop.learner.score_validation(), loop.learner.score_train(loop.probe)
    mean = dataclasses.replace(loop.evaluation(validation, probed), step=best_step)
    steps = ", ".join(str(step) for step in sorted(one.step for one in best))
    told = f"{best[0].metric:.4g} on validation at step {best_step}, {mean.metric:.4g} with the mean of steps {steps}"
    if is_better_average(best[0], mean, loop.job.primary_metric):
        loop.job.run.write(loop.job.file(AVERAGED_FILE), mean)
        yield loop.event("message", text=f"averaging: {told}: the mean is kept")
    else:
        loop.learner.load(loop.kept[best_step])
        yield loop.event("message", text=f"averaging: {told}: not better beyond chance, the best step is kept")


def _shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items()}


def _mean_adapter(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The A and B of the old rank whose product is closest to the mean of the products; computed in float64."""
    down = torch.cat([one.double() for one, _ in pairs])
    up = torch.cat([one.double() for _, one in pairs], dim=1) / len(pairs)
    left, small_up = torch.linalg.qr(up)
    right, small_down = torch.linalg.qr(down.T)
    outer, sizes, inner = torch.linalg.svd(small_up @ small_down.T)
    first_down, first_up = pairs[0]
    rank = first_down.shape[0]
    roots = sizes[:rank].sqrt()
    mean_up = left @ outer[:, : len(roots)] * roots
    mean_down = roots[:, None] * (right @ inner.T[:, : len(roots)]).T
    return _padded(mean_down, first_down), _padded(mean_up, first_up)


def _padded(value: Tensor, like: Tensor) -> Tensor:
    """In the format of `like`, with zeros where a layer is narrower than the rank."""
    whole = torch.zeros_like(like)
    whole[: value.shape[0], : value.shape[1]] = value.to(like.dtype)
    return whole
