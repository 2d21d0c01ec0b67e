"""How many operations a training step of a language model needs, and how fast this machine multiplies matrices.

A multiply-add is two operations, and only what cannot be left out counts: no padding, nothing computed twice, attention
only to earlier tokens, the head only where a token is learned, a shared beginning of a whole batch once. (The gradient
of the input of the lowest trained layer counts, though no one needs it: half a percent.) Nothing is trained here.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sintonia.models.frozen.freezing import layers_of
from sintonia.models.language.rows import TokenRow


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The matrices of a decoder."""

    linears: tuple[tuple[int, int], ...]
    """Inputs and outputs of each linear layer in one layer of the decoder."""
    num_layers: int
    attention_width: int
    """Heads times the width of a head."""
    hidden_size: int
    vocabulary_size: int

    @property
    def layer_weights(self) -> int:
        """Weights of the linear layers in one layer of the decoder."""
        return sum(inputs * outputs for inputs, outputs in self.linears)

    @property
    def head_weights(self) -> int:
        """Weights of the output head."""
        return self.hidden_size * self.vocabulary_size

    def adapter_weights(self, rank: int) -> int:
        """Weights of the adapters in one layer of the decoder."""
        return rank * sum(inputs + outputs for inputs, outputs in self.linears)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Which weights train, and what is at hand already."""

    rank: int
    num_layers: int
    """Layers with adapters, the highest ones."""
    is_cached: bool = False
    """The output of the layers below is read, not computed."""
    is_shared: bool = True
    """A beginning that all rows of a batch have is computed once."""


def shape_of(folder: Path) -> Shape:
    """The matrices of a model of transformers; its weights are not read."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        layers = layers_of(AutoModelForCausalLM.from_config(config))
    linears = [module for module in layers[0].modules() if isinstance(module, nn.Linear)]
    head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Shape(
        linears=tuple((module.in_features, module.out_features) for module in linears),
        num_layers=len(layers),
        attention_width=config.num_attention_heads * head_width,
        hidden_size=config.hidden_size,
        vocabulary_size=config.vocab_size,
    )


def common_tokens(rows: Sequence[TokenRow]) -> int:
    """How many tokens all rows begin with; none for a single row, and never the whole of one."""
    if len(rows) < 2:
        return 0
    columns = zip(*(row.ids for row in rows), strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, columns))
    return min(common, min(len(row.ids) for row in rows) - 1)


def necessary_operations(shape: Shape, trained: Trained, rows: Sequence[TokenRow]) -> float:
    """Operations of the forward and backward pass of one batch, adapters alone being trained."""
    common = common_tokens(rows) if trained.is_shared else 0
    saved = max(0, len(rows) - 1)
    tokens = sum(len(row.ids) for row in rows) - saved * common
    pairs = sum(_pairs(len(row.ids)) for row in rows) - saved * _pairs(common)
    forward_layers = trained.num_layers if trained.is_cached else shape.num_layers
    linear = 2 * tokens * shape.layer_weights * (forward_layers + trained.num_layers)
    attention = 4 * pairs * shape.attention_width * (forward_layers + 2 * trained.num_layers)
    adapters = 6 * tokens * shape.adapter_weights(trained.rank) * trained.num_layers
    head = 4 * sum(row.num_learned for row in rows) * shape.head_weights
    return float(linear + attention + adapters + head)


def _pairs(num_tokens: int) -> int:
    """Pairs of a token and one that it attends to, itself included."""
    return num_tokens * (num_tokens + 1) // 2


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Operations a second of the products of a step, each timed alone; a product weighs as often as a step needs it."""

    torch_mm: float
    """By `torch.mm`: what everybody gets who does nothing about it."""
    best: float
    """By the fastest way there is: `torch.mm`, or oneDNN, which is faster on processors that are not Intel's."""


def measured_speed(shape: Shape, num_tokens: int, num_learned: int, seconds: float = 1.0) -> Speed:
    """How fast this machine multiplies the matrices of a step: forward and gradient of the input, float32."""
    sizes = {key: shape.linears.count(key) * shape.num_layers for key in shape.linears}
    products = [(num_tokens, *key, count) for key, count in sizes.items()]
    products.append((max(1, num_learned), shape.hidden_size, shape.vocabulary_size, 1))
    operations = by_mm = by_best = 0.0
    for rows, inputs, outputs, count in products:
        taken = _seconds_of_products(rows, inputs, outputs, seconds / len(products))
        operations += count * 4.0 * rows * inputs * outputs
        by_mm += count * taken["torch.mm"]
        by_best += count * min(taken.values())
    return Speed(torch_mm=operations / by_mm, best=operations / by_best)


def _seconds_of_products(rows: int, inputs: int, outputs: int, budget_seconds: float) -> dict[str, float]:
    """Seconds of one forward product and one gradient of its input, by each way; medians."""
    below, weight, above = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(rows, outputs)
    result, gradient = torch.empty(rows, outputs), torch.empty(rows, inputs)

    def by_mm() -> None:
        torch.mm(below, weight.t(), out=result)
        torch.mm(above, weight, out=gradient)

    def by_onednn() -> None:
        torch.ops.mkldnn._linear_pointwise(below, weight, None, "none", [], "")
        torch.ops.mkldnn._linear_pointwise(above, weight.t(), None, "none", [], "")

    ways = {"torch.mm": by_mm}
    if torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        ways["oneDNN"] = by_onednn
    times: dict[str, list[float]] = {name: [] for name in ways}
    ends = time.perf_counter() + budget_seconds
    while len(times["torch.mm"]) < 4 or time.perf_counter() < ends:
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}


def hardware() -> dict[str, Any]:
    """The machine and the versions, as far as they can be known without asking for rights."""
    found = Path("/proc/cpuinfo")
    lines = found.read_text(encoding="utf-8").splitlines() if found.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "num_threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft", "trl")},
    }
