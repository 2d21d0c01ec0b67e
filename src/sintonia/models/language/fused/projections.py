"""Linear layers that read the same states, as one product: their weights become views of one matrix.

Knows nn.Linear and LoraLinear and nothing of a whole model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sintonia.models.adapters import LoraLinear
from sintonia.models.language.fused.kernels import Adapter, Packed, Project


def is_known(module: nn.Module) -> bool:
    """Whether it is a linear layer that can be packed."""
    base = module.base if isinstance(module, LoraLinear) else module
    return type(base) is nn.Linear


class Projection:
    """The outputs of several linear layers side by side, from the same states (rows, in)."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.modules = list(modules)
        self._packed: Packed | None = None

    def __call__(self, states: Tensor, residual: Tensor | None = None) -> Tensor:
        """(rows, all outputs), plus the residual if there is one."""
        if any(_is_special(module) for module in self.modules):
            out = torch.cat([module(states) for module in self.modules], -1)
            return out if residual is None else out + residual
        return Project.apply(states, residual, self.packed(), *self._tensors())

    def _linears(self) -> list[nn.Linear]:
        return [module.base if isinstance(module, LoraLinear) else module for module in self.modules]  # type: ignore[misc]

    def _tensors(self) -> list[Tensor | None]:
        linears = self._linears()
        tensors: list[Tensor | None] = [linear.weight for linear in linears]
        tensors += [linear.bias for linear in linears]
        for module in self.modules:
            if isinstance(module, LoraLinear):
                tensors += [module.lora_A, module.lora_B]
        return tensors

    def packed(self) -> Packed:
        """The one matrix. It is made again when somebody has given a layer another weight, or another adapter."""
        linears = self._linears()
        ranks = [module.lora_A.shape[0] if isinstance(module, LoraLinear) else 0 for module in self.modules]
        known = self._packed
        if known is not None and _are_views(linears, known.weight) and _ranks(known) == [one for one in ranks if one]:
            return known
        adapters, start = [], 0
        for module, linear, rank in zip(self.modules, linears, ranks, strict=True):
            if isinstance(module, LoraLinear):
                adapters.append(Adapter(start, start + linear.out_features, module.scaling, rank))
            start += linear.out_features
        sizes = tuple(linear.out_features for linear in linears)
        biases = [linear.bias for linear in linears]
        bias = None if any(one is None for one in biases) else _together(biases)
        self._packed = Packed(_together([linear.weight for linear in linears]), bias, sizes, tuple(adapters))
        return self._packed


def _ranks(packed: Packed) -> list[int]:
    return [adapter.rank for adapter in packed.adapters]


def _is_special(module: nn.Module) -> bool:
    """DoRA, and dropout between the states and A, are left to the plain computation of the layer."""
    if not isinstance(module, LoraLinear):
        return False
    return module.magnitude is not None or (module.training and module.dropout > 0)


def _are_views(linears: Sequence[nn.Linear], matrix: Tensor) -> bool:
    place = matrix.data_ptr()
    for linear in linears:
        if linear.weight.data_ptr() != place:
            return False
        place += linear.weight.numel() * linear.weight.element_size()
    return True


@torch.no_grad()
def _together(parts: Sequence[Tensor]) -> Tensor:
    """One tensor of the rows of all, which become views of it, unless they are views of one already."""
    first = parts[0]
    storage = first.untyped_storage()
    place = first.storage_offset()
    is_together = True
    for part in parts:
        is_together &= part.is_contiguous() and part.untyped_storage().data_ptr() == storage.data_ptr()
        is_together &= part.storage_offset() == place
        place += part.numel()
    if is_together:
        shape = (sum(len(part) for part in parts), *first.shape[1:])
        return first.detach().as_strided(shape, first.stride(), first.storage_offset())
    together = torch.cat([part.detach() for part in parts])
    for part, view in zip(parts, together.split([len(part) for part in parts]), strict=True):
        part.data = view
    return together
