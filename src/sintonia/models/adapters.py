"""Low-rank adapters: small trained matrices beside frozen weights (LoRA, rsLoRA, DoRA). They train nothing themselves.

Works on every transformer, encoder or language model. Sources: Hu et al. 2021 (LoRA), Kalajdzievski 2023 (rsLoRA, scale
alpha / sqrt(rank)), Liu et al. 2024 (DoRA, section 4.3: the norm takes no gradient). Start values as peft's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from sintonia.errors import UsageError
from sintonia.models.frozen.freezing import layers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterPlan:
    """What is put beside the weights."""

    rank: int
    alpha: float
    dropout: float = 0.0
    variant: Literal["lora", "rslora", "dora"] = "lora"
    layers: tuple[int, ...] | None = None
    """The layers that get adapters, lowest is 0; None for all."""

    @property
    def scaling(self) -> float:
        """What the product of the matrices is multiplied with."""
        return self.alpha / (math.sqrt(self.rank) if self.variant == "rslora" else self.rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """The change of one weight: scaling * lora_B @ lora_A, shapes (out, rank) and (rank, in)."""

    lora_A: Tensor
    lora_B: Tensor
    scaling: float
    magnitude: Tensor | None = None
    """Of DoRA: the length of each row of the weight, shape (out,)."""
    variant: Literal["lora", "rslora", "dora"] = "lora"


class LoraLinear(nn.Module):
    """A linear layer with an adapter: the plain computation, which every faster one must equal.

    `base` is an nn.Linear or, in GPT-2, a Conv1D, whose weight is transposed.
    """

    def __init__(self, base: nn.Linear | Conv1D, factors: Factors, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(factors.lora_A)
        self.lora_B = nn.Parameter(factors.lora_B)
        self.magnitude = None if factors.magnitude is None else nn.Parameter(factors.magnitude)
        self.scaling = factors.scaling
        self.variant = factors.variant
        self.dropout = dropout

    @property
    def weight(self) -> Tensor:
        """The stored weight of the base; some models look at its type."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        """The bias of the base."""
        return self.base.bias

    @property
    def factors(self) -> Factors:
        """What is trained, as it is now; the tensors are shared."""
        magnitude = None if self.magnitude is None else self.magnitude.detach()
        return Factors(
            lora_A=self.lora_A.detach(),
            lora_B=self.lora_B.detach(),
            scaling=self.scaling,
            magnitude=magnitude,
            variant=self.variant,
        )

    def forward(self, states: Tensor) -> Tensor:
        """States (..., in) to (..., out)."""
        plain: Tensor = self.base(states)
        is_dropping = self.training and self.dropout > 0.0
        kept = functional.dropout(states, self.dropout) if is_dropping else states
        low = functional.linear(kept.to(self.lora_A.dtype), self.lora_A)
        added = functional.linear(low, self.lora_B) * self.scaling
        if self.magnitude is None:
            return plain + added.to(plain.dtype)
        length = self.magnitude / adapted_length(self)
        if is_dropping:
            turned = functional.linear(kept, oriented_weight(self.base))
        else:
            turned = plain if self.base.bias is None else plain - self.base.bias
        return plain + ((length - 1) * turned + length * added).to(plain.dtype)


def oriented_weight(base: nn.Module) -> Tensor:
    """The weight of a linear layer as (out, in)."""
    weight: Tensor = base.weight  # type: ignore[assignment]
    return weight.T if isinstance(base, Conv1D) else weight


@torch.no_grad()
def adapted_length(layer: LoraLinear) -> Tensor:
    """The length of each row of the weight with its adapter, (out,); it takes no gradient."""
    weight = oriented_weight(layer.base) + layer.scaling * (layer.lora_B @ layer.lora_A)
    return torch.linalg.vector_norm(weight, dim=1)


def linear_layers(module: nn.Module, layers: tuple[int, ...] | None = None) -> dict[str, nn.Module]:
    """The linear layers within the stack of layers, by name: neither the output head nor what pools or classifies.

    Raises:
        UsageError: there are none, or a layer is asked for that the model has not.
    """
    stack = layers_of(module)
    stack_name = next((name for name, one in module.named_modules() if one is stack), "")
    chosen = range(len(stack)) if layers is None else layers
    beyond = [number for number in chosen if not 0 <= number < len(stack)]
    if beyond:
        raise UsageError(f"there is no layer {beyond[0]}: the base has {len(stack)}", hint="count from 0")
    found = {
        f"{stack_name}.{number}.{name}": one
        for number in chosen
        for name, one in stack[number].named_modules()
        if isinstance(one, nn.Linear | Conv1D)
    }
    if not found:
        raise UsageError("this base has no linear layers to put adapters on", hint="take `--method full`")
    return found


def attach_adapters(module: nn.Module, plan: AdapterPlan, seed: int) -> dict[str, LoraLinear]:
    """Puts adapters that change nothing yet on the linear layers, and freezes every other parameter of `module`.

    Of an encoder give its transformer, so that its head goes on training.

    Raises:
        UsageError: there is nothing to put them on.
    """
    if adapters_of(module):
        raise ValueError("this model has adapters already")
    found = linear_layers(module, plan.layers)
    generator = torch.Generator().manual_seed(seed)
    module.requires_grad_(False)
    placed = {name: LoraLinear(base, _fresh(base, plan, generator), plan.dropout) for name, base in found.items()}
    for name, layer in placed.items():
        _replace(module, name, layer.train(module.training))
    return placed


def place_adapters(module: nn.Module, factors: dict[str, Factors], dropout: float = 0.0) -> dict[str, LoraLinear]:
    """Puts known adapters on the layers of these names, frozen; the rest of the model stays as it is.

    Raises:
        UsageError: the model has no such layer, or one of another size.
    """
    placed: dict[str, LoraLinear] = {}
    modules = dict(module.named_modules())
    for name, one in factors.items():
        base = modules.get(name)
        if not isinstance(base, nn.Linear | Conv1D):
            raise UsageError(
                f"the adapter is for a layer `{name}`, which this base has not", hint="it is for another base"
            )
        if (one.lora_B.shape[0], one.lora_A.shape[1]) != tuple(oriented_weight(base).shape):
            raise UsageError(f"the adapter does not fit the layer `{name}` in size", hint="it is for another base")
        placed[name] = LoraLinear(base, one, dropout).requires_grad_(False)
        _replace(module, name, placed[name].train(module.training))
    return placed


def adapters_of(module: nn.Module) -> dict[str, LoraLinear]:
    """The adapters in a model, by the name of the layer they stand beside, in order."""
    return {name: one for name, one in module.named_modules() if isinstance(one, LoraLinear)}


@torch.no_grad()
def merge_adapters(module: nn.Module) -> None:
    """Adds every adapter to the weight beside it and takes it away: the same model, without adapters."""
    for name, layer in adapters_of(module).items():
        weight = oriented_weight(layer.base)
        merged = weight + layer.scaling * (layer.lora_B @ layer.lora_A)
        if layer.magnitude is not None:
            merged = merged * (layer.magnitude / adapted_length(layer)).unsqueeze(1)
        weight.copy_(merged)
        _replace(module, name, layer.base)


def _fresh(base: nn.Module, plan: AdapterPlan, generator: torch.Generator) -> Factors:
    """Start values: A as an nn.Linear starts, B zero, so that the first step is the base itself."""
    weight = oriented_weight(base)
    num_out, num_in = weight.shape
    lora_a = torch.empty(plan.rank, num_in)
    nn.init.kaiming_uniform_(lora_a, a=math.sqrt(5), generator=generator)
    magnitude = torch.linalg.vector_norm(weight.detach().float(), dim=1) if plan.variant == "dora" else None
    return Factors(
        lora_A=lora_a.to(weight.device),
        lora_B=torch.zeros(num_out, plan.rank, device=weight.device),
        scaling=plan.scaling,
        magnitude=magnitude,
        variant=plan.variant,
    )


def _replace(module: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, new)
