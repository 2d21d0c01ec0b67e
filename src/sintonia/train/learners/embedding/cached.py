"""Gradients of a loss that looks at all texts of a step at once, in less memory than all of them take (GradCache).

Gao et al. 2021 (Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup): features without a graph,
the gradient of the loss with respect to them, then each group again with a graph, which that gradient goes through.
Dropout is the same both times, so the gradients are those of the plain computation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Features = Callable[[list[int]], Tensor]
"""From positions of texts of the step to their features, (texts, hidden)."""
Loss = Callable[[Tensor], Tensor]
"""From the features of all texts of the step, in order, to a number."""


def backward_whole(groups: Sequence[list[int]], features: Features, loss: Loss) -> float:
    """Adds the gradients, with the graphs of all groups alive at once; the loss, NaN when it is no finite number."""
    value = loss(_in_order(groups, torch.cat([features(group) for group in groups])))
    if not torch.isfinite(value):
        return float("nan")
    if value.requires_grad:
        value.backward()
    return float(value.detach())


def backward_cached(groups: Sequence[list[int]], features: Features, loss: Loss) -> float:
    """The same, with the graph of one group alive at a time; each group is computed twice."""
    states, parts = [], []
    with torch.no_grad():
        for group in groups:
            states.append(torch.get_rng_state())
            parts.append(features(group))
    after = torch.get_rng_state()
    whole = torch.cat(parts).requires_grad_()
    value = loss(_in_order(groups, whole))
    if not torch.isfinite(value):
        return float("nan")
    (gradient,) = torch.autograd.grad(value, whole)
    for group, state, part in zip(groups, states, gradient.split([len(one) for one in groups]), strict=True):
        torch.set_rng_state(state)
        torch.autograd.backward(features(group), part)
    torch.set_rng_state(after)
    return float(value.detach())


def _in_order(groups: Sequence[list[int]], grouped: Tensor) -> Tensor:
    """Rows of the groups, one after the other, to rows in the order of the texts."""
    places = torch.tensor([position for group in groups for position in group])
    return grouped[torch.argsort(places)]
