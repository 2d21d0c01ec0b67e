"""Which way single gradients are computed: a fast one where it is known to be exact, else one row after the other."""

from __future__ import annotations

from typing import Any

import torch

from sintonia.models.tokens import is_one_sequence
from sintonia.train.learners.head import HeadLearner
from sintonia.train.learners.pooled import EncoderLearner
from sintonia.train.private.gradients import ByLoop, Clipping, Units, zero_sums
from sintonia.train.private.of_encoder import OfEncoder, can_hook
from sintonia.train.private.of_head import OfHead

_TRIED, _AGREEMENT = 6, 1e-3
SLOW = "privacy: gradients are computed one {} after the other, which is right and slow: {}"


def fastest_way(learner: Any, units: Units) -> tuple[Clipping, str]:
    """The way, and a line where it is the slow one though the kind of learner has a faster."""
    loop = ByLoop(learner)
    if any(len(unit) > 1 for unit in units):
        return loop, SLOW.format("group", "each is cut as a whole")
    if isinstance(learner, HeadLearner):
        return OfHead(learner), ""
    if not isinstance(learner, EncoderLearner):
        return loop, ""
    reason = can_hook(learner)
    if not reason and not all(map(is_one_sequence, learner.train_rows)):
        reason = "some texts are read as several sequences"
    if reason:
        return loop, SLOW.format("row", reason)
    way = OfEncoder(learner)
    return (way, "") if _agrees(learner, way, loop) else (loop, SLOW.format("row", "the faster way does not agree"))


def _agrees(learner: EncoderLearner, way: Clipping, loop: Clipping) -> bool:
    """Whether both give the same for a few rows, with nothing dropped out."""
    rows = [[k] for k in range(min(_TRIED, len(learner.train_rows)))]
    learner.model.eval()
    try:
        found, wanted = zero_sums(learner.parameters), zero_sums(learner.parameters)
        way.clipped(rows, 1.0, found)
        loop.clipped(rows, 1.0, wanted)
    finally:
        learner.model.train()
    largest = max((float(one.abs().max()) for one in wanted.values()), default=0.0)
    return all(bool(torch.allclose(found[name], wanted[name], atol=_AGREEMENT * largest)) for name in wanted)
