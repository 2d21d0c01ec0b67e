"""Gradients of a batch of texts that are all compared with each other, in pieces where it is large."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sintonia.methods.contrastive import pair_loss
from sintonia.models.tokens import thrifty_groups

_OVERHEAD_TOKENS = 64
"""What one more pass costs, in padded tokens of a small encoder."""
Features = Callable[[list[int]], Tensor]
"""Unit features of the texts at these positions of a batch, in training mode."""


def add_gradients(lengths: Sequence[int], features: Features, targets: Tensor, most_tokens: int) -> float:
    """Adds the gradients of the loss of all pairs of a batch to the weights behind `features`; gives that loss.

    Where it is no finite number, no gradient is added.

    `lengths` are the tokens of each text, `targets` its label. No more than `most_tokens` tokens with what is kept of
    them for the way back are held at once: a batch that is larger is computed twice, first for the gradients of its
    features and then, group by group and with the same activations dropped, for those of the weights (Gao et al. 2021,
    arXiv 2101.06983). So the size changes rounding, and which activations drop out.
    """
    groups = thrifty_groups(lengths, most_tokens, _OVERHEAD_TOKENS)
    order = [position for group in groups for position in group]
    is_whole = sum(len(group) * max(lengths[k] for k in group) for group in groups) <= most_tokens
    if is_whole:
        loss = pair_loss(torch.cat([features(group) for group in groups]).float(), targets[order])
        if torch.isfinite(loss):
            loss.backward()
        return float(loss.detach())
    states: list[Tensor] = []
    found: list[Tensor] = []
    with torch.no_grad():
        for group in groups:
            states.append(torch.get_rng_state())
            found.append(features(group).float())
    leaf = torch.cat(found).requires_grad_()
    loss = pair_loss(leaf, targets[order])
    if torch.isfinite(loss):
        wanted = torch.autograd.grad(loss, leaf)[0]
        for group, state, part in zip(groups, states, wanted.split([len(one) for one in groups]), strict=True):
            torch.set_rng_state(state)
            features(group).float().backward(part)
    return float(loss.detach())
