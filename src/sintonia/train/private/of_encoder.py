"""Cut gradients of an encoder, many rows at once: what enters each layer and what comes back to it is kept, from which
the length of each row's gradient follows, and then their cut sum as one product (ghost norms with book-keeping).

Sources: Goodfellow 2015 (arXiv 1510.01799); Li et al. 2022 (ghost clipping, 2110.05679); Bu et al. 2023 (book-keeping,
2210.00038). It knows linear layers, layer norms and our adapters; for anything else `can_hook` says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sintonia.models.adapters import LoraLinear
from sintonia.models.tokens import thrifty_groups
from sintonia.train.learners.pooled import OVERHEAD_TOKENS, EncoderLearner
from sintonia.train.private.gradients import Sums, Units, clip_factors


def can_hook(learner: EncoderLearner) -> str:
    """Why its gradients cannot be taken apart row by row; empty where they can."""
    if learner.job.recipe.training.precision == "bf16":
        return "they are computed in bf16"
    if learner.job.recipe.lora.dropout and learner.job.recipe.method == "lora":
        return "`lora.dropout` is asked for"
    known = {id(value) for layer in _layers(learner) for value in _weights(layer).values()}
    other = [name for name, value in learner.parameters.items() if id(value) not in known]
    return f"`{other[0]}` is neither of a linear layer nor of a norm" if other else ""


@dataclass(slots=True)
class _Kept:
    """What entered a layer and what comes back to it, (rows, length, width) each."""

    layer: nn.Module
    inputs: Tensor
    slopes: Tensor


class OfEncoder:
    """For `EncoderLearner`; each unit is one row, and one sequence."""

    def __init__(self, learner: EncoderLearner) -> None:
        self.learner = learner
        self._names = {id(value): name for name, value in learner.parameters.items()}

    def clipped(self, units: Units, clip_norm: float, sums: Sums) -> float:
        """Adds the cut gradient of each row to `sums`; the sum of the losses."""
        learner, total = self.learner, 0.0
        rows = [unit[0] for unit in units]
        if not rows:
            return total
        lengths = [learner.lengths[row] for row in rows]
        for group in thrifty_groups(lengths, learner.micro_tokens, OVERHEAD_TOKENS):
            loss = self._add([rows[k] for k in group], clip_norm, sums)
            if not math.isfinite(loss):
                return float("nan")
            total += loss
        return total

    def _add(self, rows: list[int], clip_norm: float, sums: Sums) -> float:
        loss, kept = self._taken_apart(rows)
        squares = torch.zeros(len(rows), dtype=torch.float64)
        for one in kept:
            squares += _squares(one).double()
        if not bool(torch.isfinite(squares).all()):
            return float("nan")
        factors = clip_factors(squares.sqrt(), clip_norm)
        for one in kept:
            self._sum_up(one, factors, sums)
        return loss

    def _taken_apart(self, rows: list[int]) -> tuple[float, list[_Kept]]:
        """The sum of the losses, and what each layer got: no gradient of a weight is computed."""
        learner, seen = self.learner, list[tuple[nn.Module, Tensor, Tensor]]()
        with _watching(_layers(learner), seen):
            loss = learner.task.loss_sum(learner.logits_of(rows), learner.targets[rows], None)
        slopes = torch.autograd.grad(loss, [output for _, _, output in seen], allow_unused=True)
        kept = [
            _Kept(layer, _with_length(inputs.detach()), _with_length(one))
            for (layer, inputs, _), one in zip(seen, slopes, strict=True)
            if one is not None
        ]
        return float(loss.detach()), kept

    def _sum_up(self, kept: _Kept, factors: Tensor, sums: Sums) -> None:
        cut = kept.slopes * factors.to(kept.slopes.dtype).view(-1, 1, 1)
        weights = _weights(kept.layer)
        for part, value in _added(kept.layer, kept.inputs, cut).items():
            sums[self._names[id(weights[part])]].add_(value)


@contextmanager
def _watching(layers: list[nn.Module], seen: list[tuple[nn.Module, Tensor, Tensor]]) -> Iterator[None]:
    """Within it each layer notes what entered it and what it said."""

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((layer, inputs[0], output))

    handles = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _layers(learner: EncoderLearner) -> list[nn.Module]:
    """The layers with weights that train, of the kinds that are known."""
    inside = {id(one.base) for one in learner.model.modules() if isinstance(one, LoraLinear)}
    kinds, trained = (nn.Linear, nn.LayerNorm, LoraLinear), {id(value) for value in learner.parameters.values()}
    known = (one for one in learner.model.modules() if isinstance(one, kinds) and id(one) not in inside)
    return [one for one in known if any(id(value) in trained for value in _weights(one).values())]


def _weights(layer: nn.Module) -> dict[str, nn.Parameter]:
    """Its own weights that train; none of an adapter that also trains lengths, whose gradient is another."""
    names: tuple[str, ...] = ("weight", "bias")
    if isinstance(layer, LoraLinear):
        names = ("lora_A", "lora_B") if layer.magnitude is None else ()
    found = {name: getattr(layer, name) for name in names if getattr(layer, name) is not None}
    return {name: value for name, value in found.items() if value.requires_grad}


def _squares(kept: _Kept) -> Tensor:
    """The squared length of each row's gradient of the weights of a layer, (rows,)."""
    inputs, slopes, weights = kept.inputs, kept.slopes, _weights(kept.layer)
    if isinstance(kept.layer, LoraLinear):
        parts = _adapter_parts(kept.layer, inputs, slopes)
        return sum((_product_squares(*parts[name]) for name in weights), torch.zeros(len(inputs)))
    found = torch.zeros(len(inputs), dtype=slopes.dtype)
    if "weight" in weights:
        if isinstance(kept.layer, nn.LayerNorm):
            found = found + (slopes * _normed(kept.layer, inputs)).sum(1).square().sum(1)
        else:
            found = found + _product_squares(inputs, slopes)
    if "bias" in weights:
        found = found + slopes.sum(1).square().sum(1)
    return found


def _added(layer: nn.Module, inputs: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """The gradient of the weights of a layer, summed over rows and tokens."""
    weights = _weights(layer)
    if isinstance(layer, LoraLinear):
        parts = _adapter_parts(layer, inputs, slopes)
        return {name: _product(*parts[name]) for name in weights}
    if isinstance(layer, nn.LayerNorm):
        found = {"weight": (slopes * _normed(layer, inputs)).sum((0, 1)), "bias": slopes.sum((0, 1))}
    else:
        found = {"weight": _product(inputs, slopes), "bias": slopes.sum((0, 1))}
    return {name: value for name, value in found.items() if name in weights}


def _adapter_parts(layer: LoraLinear, inputs: Tensor, slopes: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Of each of its two matrices what enters it and what comes back to it."""
    scaled = slopes * layer.scaling
    low = nn.functional.linear(inputs, layer.lora_A.detach())
    return {"lora_A": (inputs, scaled @ layer.lora_B.detach()), "lora_B": (low, scaled)}


def _product_squares(inputs: Tensor, slopes: Tensor) -> Tensor:
    """|slopes' inputs|^2 of each row, by the cheaper of two ways."""
    length = inputs.shape[1]
    if 2 * length * length <= inputs.shape[2] * slopes.shape[2]:
        return (inputs @ inputs.mT * (slopes @ slopes.mT)).sum((1, 2)).clamp_min(0.0)  # rounding may fall below
    return (slopes.mT @ inputs).square().sum((1, 2))


def _product(inputs: Tensor, slopes: Tensor) -> Tensor:
    return slopes.flatten(0, 1).T @ inputs.flatten(0, 1)


def _normed(layer: nn.LayerNorm, inputs: Tensor) -> Tensor:
    return nn.functional.layer_norm(inputs, layer.normalized_shape, eps=layer.eps)


def _with_length(values: Tensor) -> Tensor:
    return values if values.dim() == 3 else values.unsqueeze(1)
