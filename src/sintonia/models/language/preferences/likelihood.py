"""Losses of learned tokens that may be weighed afterwards: what a preference loss needs. It knows no model.

How much a token counts depends on the loss of its whole answer, so its gradient is multiplied once that is known.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sintonia.models.language.fused.kernels import Grads, gradient_of, multiply
from sintonia.models.language.head import LOGITS_BYTES, Head


def weighable_nats(head: Head, hidden: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihoods (tokens,) from states (tokens, width), in nats, through which gradients go back."""
    layer = head.layer
    found: Tensor = _Nats.apply(hidden, layer.weight, layer.bias, (targets, head))
    return found


class _Nats(torch.autograd.Function):
    """Full logits are never kept. The gradients of the output layer are added to `.grad` in place."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, _weight: Tensor, _bias: Tensor | None, asked: tuple[Tensor, Head]) -> Tensor:
        targets, head = asked
        ctx.layer = head.layer
        ctx.is_trained = ctx.needs_input_grad[1] or ctx.needs_input_grad[2]
        if ctx.is_trained or not ctx.needs_input_grad[0]:
            ctx.save_for_backward(hidden, targets)
            return head.judge(hidden, targets).nats
        judged = head.learn(hidden, targets, 1.0)
        ctx.save_for_backward(judged.hidden_grad)
        return judged.nats

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Grads:
        if ctx.is_trained:
            hidden, targets = ctx.saved_tensors
            return _learned(ctx.layer, hidden, targets, grad), None, None, None
        (hidden_grad,) = ctx.saved_tensors
        return hidden_grad * grad.to(hidden_grad.dtype)[:, None], None, None, None


def _learned(layer: torch.nn.Linear, hidden: Tensor, targets: Tensor, grad: Tensor) -> Tensor:
    """The gradient of the states; those of the layer are added to what they have. Logits are computed again."""
    weight, bias, size = layer.weight, layer.bias, max(1, LOGITS_BYTES // (4 * len(layer.weight)))
    hidden_grad = torch.empty_like(hidden)
    for start in range(0, len(hidden), size):
        part, states = targets[start : start + size], hidden[start : start + size]
        logits = multiply(states, weight, bias)
        logits_grad = torch.softmax(logits, 1, dtype=torch.promote_types(logits.dtype, torch.float32))
        logits_grad[torch.arange(len(part), device=part.device), part] -= 1
        logits_grad = logits_grad.mul_(grad[start : start + size, None]).to(states.dtype)
        hidden_grad[start : start + size] = multiply(logits_grad, weight.t())
        if weight.requires_grad:
            gradient_of(weight).addmm_(logits_grad.t(), states)
        if bias is not None and bias.requires_grad:
            gradient_of(bias).add_(logits_grad.sum(0))
    return hidden_grad
