"""The arithmetic of a fused decoder: few passes over memory, little kept for the backward pass. It knows no model.

All tensors are flat: one row per token, with no padding (tokens, width). Products in fp32 on a processor go to oneDNN,
which uses AVX-512 and AVX2 where MKL, on processors that are not Intel's, does not.
"""

from __future__ import annotations

import contextlib
import ctypes
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Numbers of the settings of glibc's mallopt."""
Grads = tuple[Any, ...]


def _has_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def keep_memory() -> None:
    """Tells the C library of Linux to keep freed memory: to ask the system for it again costs as much as a pass."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, 1 << 30)
        library.mallopt(TRIM_THRESHOLD, (1 << 31) - 1)


HAS_ONEDNN = _has_onednn()


def is_fast(x: Tensor) -> bool:
    """Whether products of this tensor go to oneDNN."""
    return HAS_ONEDNN and x.dtype is torch.float32 and x.device.type == "cpu" and x.numel() > 0


def _dense(weight: Tensor) -> Tensor:
    """oneDNN takes a matrix or its transpose as it lies in memory; with a slice it would be a thousand times slower."""
    return weight if weight.is_contiguous() or weight.t().is_contiguous() else weight.contiguous()


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (rows, in) times the transpose of weight (out, in), plus bias (out): (rows, out). No gradients."""
    if is_fast(x):
        return torch.ops.mkldnn._linear_pointwise(x, _dense(weight), bias, "none", [], "")
    return F.linear(x, weight, bias)


def multiply_add(x: Tensor, weight: Tensor, other: Tensor) -> Tensor:
    """x times the transpose of weight, plus other (rows, out), in one pass. No gradients."""
    if is_fast(x):
        return torch.ops.mkldnn._linear_pointwise.binary(x, other, _dense(weight), None, "add")
    return torch.addmm(other, x, weight.t())


class Normalise(torch.autograd.Function):
    """RMS norm. Gives the normed rows and the rows themselves, so that the residual's gradient is added in one pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        inverse = torch.linalg.vecdot(x, x).div_(x.shape[-1]).add_(epsilon).rsqrt_().unsqueeze(-1)
        ctx.save_for_backward(x, weight, inverse)
        return (x * inverse).mul_(weight), x.view_as(x)

    @staticmethod
    def backward(ctx: Any, normed_grad: Tensor, residual_grad: Tensor) -> Grads:
        x, weight, inverse = ctx.saved_tensors
        weight_grad = (normed_grad * x).mul_(inverse).sum(0) if ctx.needs_input_grad[1] else None
        scaled = normed_grad * weight
        turned = torch.linalg.vecdot(scaled, x).unsqueeze(-1).mul_(inverse**3).div_(x.shape[-1])
        x_grad = torch.addcmul(residual_grad, scaled, inverse).addcmul_(x, turned, value=-1)
        return x_grad, weight_grad, None


class Gate(torch.autograd.Function):
    """SwiGLU: silu of the left half of x (rows, 2 * width) times its right half. Keeps x only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        gate, up = x.chunk(2, -1)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gate, up = x.chunk(2, -1)
        x_grad = torch.empty_like(x)
        gate_grad, up_grad = x_grad.chunk(2, -1)
        torch.mul(grad, F.silu(gate), out=up_grad)
        torch.ops.aten.silu_backward.grad_input(grad * up, gate, grad_input=gate_grad)
        return x_grad


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor, sign: int) -> None:
    """Turns x (rows, heads, size) in place; cosine and sine (rows, 1, size / 2)."""
    left, right = x.chunk(2, -1)
    before = left.clone()
    left.mul_(cosine).addcmul_(right, sine, value=-sign)
    right.mul_(cosine).addcmul_(before, sine, value=sign)


class Rotate(torch.autograd.Function):
    """Rotary positions of the first `num_heads` heads of x (rows, width), in place: nobody else may need x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cosine: Tensor, sine: Tensor, num_heads: int) -> Tensor:
        ctx.save_for_backward(cosine, sine)
        ctx.num_heads = num_heads
        ctx.mark_dirty(x)
        _rotate(_heads(x, num_heads, cosine), cosine, sine, 1)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Grads:
        cosine, sine = ctx.saved_tensors
        grad = grad.clone()
        _rotate(_heads(grad, ctx.num_heads, cosine), cosine, sine, -1)
        return grad, None, None, None


def _heads(x: Tensor, num_heads: int, cosine: Tensor) -> Tensor:
    size = 2 * cosine.shape[-1]
    return x[:, : num_heads * size].unflatten(1, (num_heads, size))


@dataclass(frozen=True, slots=True)
class Adapter:
    """A low-rank addition to the columns `start` to `stop` of a product: scaling * B A x."""

    start: int
    stop: int
    scaling: float
    rank: int


@dataclass(frozen=True, slots=True)
class Packed:
    """The weights of linear layers with the same input as one matrix, and what is added to their products."""

    weight: Tensor
    """(out, in), all outputs below each other; the parameters are views of it."""
    bias: Tensor | None
    sizes: tuple[int, ...]
    """Outputs of each layer."""
    adapters: tuple[Adapter, ...]


class Project(torch.autograd.Function):
    """Linear layers with the same input, their adapters included, as one product; optionally added to a residual.

    The tensors that may train come last: the weight of each layer, the bias of each layer (or None), then A (rank, in)
    and B (out, rank) of each adapter.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, residual: Tensor | None, packed: Packed, *tensors: Tensor | None) -> Tensor:
        if residual is None:
            out = multiply(x, packed.weight, packed.bias)
        else:
            out = multiply_add(x, packed.weight, residual)
            if packed.bias is not None:
                out += packed.bias
        first = 2 * len(packed.sizes)
        down, up = tensors[first::2], tensors[first + 1 :: 2]
        low = None
        if packed.adapters:
            low = multiply(x, torch.cat(down))  # type: ignore[arg-type]
            for adapter, part, matrix in zip(packed.adapters, _parts(low, packed), up, strict=True):
                out[:, adapter.start : adapter.stop].addmm_(part, matrix.t(), alpha=adapter.scaling)
        ctx.packed, ctx.has_residual = packed, residual is not None
        ctx.save_for_backward(x, low, *down, *up)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Grads:
        packed: Packed = ctx.packed
        x, low, *matrices = ctx.saved_tensors
        needs_x, _, _, *needs = ctx.needs_input_grad
        grads: list[Tensor | None] = [None] * len(needs)
        count = len(packed.sizes)
        x_grad = multiply(grad, packed.weight.t()) if needs_x else None
        if any(needs[:count]):
            grads[:count] = multiply(grad.t(), x.t()).split(packed.sizes)
        if any(needs[count : 2 * count]):
            grads[count : 2 * count] = grad.sum(0).split(packed.sizes)
        if packed.adapters:
            has_trained = any(needs[2 * count :])
            down, up = matrices[: len(packed.adapters)], matrices[len(packed.adapters) :]
            grads[2 * count :] = _adapter_grads(packed, grad, (x, low, x_grad), (down, up), has_trained)
        wanted = [one if is_needed else None for one, is_needed in zip(grads, needs, strict=True)]
        return x_grad, grad if ctx.has_residual else None, None, *wanted


def _parts(low: Tensor, packed: Packed) -> tuple[Tensor, ...]:
    return low.split([adapter.rank for adapter in packed.adapters], 1)


def _adapter_grads(
    packed: Packed,
    grad: Tensor,
    rows: tuple[Tensor, Tensor, Tensor | None],
    matrices: tuple[list[Tensor], list[Tensor]],
    has_trained: bool,
) -> list[Tensor | None]:
    """Gradients of A and B of each adapter, in turn; what the adapters add to the gradient of x is added in place."""
    x, low, x_grad = rows
    down, up = matrices
    low_grad = torch.empty_like(low)
    crossed = multiply(low.t(), grad.t()) if has_trained else low
    grads: list[Tensor | None] = [None] * (2 * len(down))
    parts = zip(packed.adapters, _parts(low_grad, packed), up, strict=True)
    for number, (adapter, part_grad, matrix) in enumerate(parts):
        slice_grad = grad[:, adapter.start : adapter.stop]
        part_grad.copy_(multiply(slice_grad, matrix.t())).mul_(adapter.scaling)
        if has_trained:
            rows = slice(first := sum(one.rank for one in packed.adapters[:number]), first + adapter.rank)
            grads[2 * number + 1] = crossed[rows, adapter.start : adapter.stop].t().mul(adapter.scaling)
    if x_grad is not None:
        x_grad.addmm_(low_grad, torch.cat(down))
    if has_trained:
        grads[::2] = multiply(low_grad.t(), x.t()).split([adapter.rank for adapter in packed.adapters])
    return grads


class Embed(torch.autograd.Function):
    """Rows of a table of word vectors. Its gradient is added to `.grad` in place: only rows met are touched.

    As in `torch.nn.Embedding`, the padding token is given no gradient.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor, padding: int | None) -> Tensor:
        ctx.save_for_backward(table, ids)
        ctx.padding = padding
        return table.index_select(0, ids)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Grads:
        table, ids = ctx.saved_tensors
        if ctx.padding is not None:
            met = ids != ctx.padding
            ids, grad = ids[met], grad[met]
        gradient_of(table).index_add_(0, ids, grad)
        return None, None, None


def gradient_of(weight: Tensor) -> Tensor:
    """The `.grad` of a weight, made of zeros where there is none yet."""
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    return weight.grad
