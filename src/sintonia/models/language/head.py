"""The loss of learned tokens from the states that predict them; full logits are never kept. It knows no model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sintonia.models.language.fused.kernels import gradient_of, multiply

LOGITS_BYTES = 28_000_000
"""Logits at a time: what stays in the last cache of a processor, and below what it costs to ask the system for it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Of each learned token: negative log-likelihood in nats, and whether it is the most likely one."""

    nats: Tensor
    is_top: Tensor
    hidden_grad: Tensor | None = None


class Head:
    """The output layer: weight (vocabulary, width) and perhaps a bias, either of which may train."""

    def __init__(self, layer: torch.nn.Linear) -> None:
        self.layer = layer

    def _chunks(self, hidden: Tensor) -> range:
        size = max(1, LOGITS_BYTES // (4 * len(self.layer.weight)))
        return range(0, len(hidden), size)

    @torch.no_grad()
    def judge(self, hidden: Tensor, targets: Tensor) -> Judged:
        """Losses without gradients; hidden (tokens, width), targets (tokens,)."""
        nats, tops = [], []
        for start in (chunks := self._chunks(hidden)):
            part = targets[start : start + chunks.step]
            logits = _widened(multiply(hidden[start : start + chunks.step], self.layer.weight, self.layer.bias))
            tops.append(logits.argmax(1) == part)
            nats.append(_nats_then_probabilities(logits, part))
        return Judged(torch.cat(nats), torch.cat(tops))

    @torch.no_grad()
    def learn(self, hidden: Tensor, targets: Tensor, scale: float) -> Judged:
        """Losses, and the gradient of `scale` times their sum: returned for hidden, added to `.grad` of the weights."""
        weight, bias = self.layer.weight, self.layer.bias
        nats = []
        hidden_grad = torch.empty_like(hidden)
        for start in (chunks := self._chunks(hidden)):
            part = targets[start : start + chunks.step]
            states = hidden[start : start + chunks.step]
            logits = _widened(multiply(states, weight, bias))
            nats.append(_nats_then_probabilities(logits, part))
            logits[torch.arange(len(part), device=part.device), part] -= 1
            logits_grad = logits.to(states.dtype)
            hidden_grad[start : start + chunks.step] = multiply(logits_grad, weight.t()).mul_(scale)
            if weight.requires_grad:
                gradient_of(weight).addmm_(logits_grad.t(), states, alpha=scale)
            if bias is not None and bias.requires_grad:
                gradient_of(bias).add_(logits_grad.sum(0), alpha=scale)
        return Judged(torch.cat(nats), targets.new_empty(0, dtype=torch.bool), hidden_grad)


def _widened(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def _nats_then_probabilities(logits: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihoods; the logits (tokens, vocabulary) become probabilities in place.

    The largest probability is one over the sum of exponentials, so the normaliser needs no pass of its own.
    """
    target = logits.gather(1, targets[:, None]).squeeze(1)
    highest = logits.amax(1)
    torch.softmax(logits, 1, out=logits)
    return highest - logits.amax(1).log() - target
