"""`contrastive`, for few examples: texts of one label are drawn together, others apart, then a head is fitted.

Which texts are looked at together and what it costs that they lie wrongly is here; nothing here trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sintonia.methods.method import Kind, Method

if TYPE_CHECKING:
    from torch import Tensor

MOST_EXAMPLES = 64
"""Of a class, up to which this is meant (science.md 1.5, B7)."""
BATCH_EXAMPLES, PASSES, MOST_STEPS, DROPOUT = 16, 40, 200, 0.1
"""Texts that are compared with each other in a step, how often each text is read while steps are not too many, and what
drops out. These are as many steps as SetFit takes with its 20 pairs of either kind a text and 16 pairs a step; but here
a step compares all 120 pairs of 16 texts, and so reads half as many texts as one of 16 pairs does."""
STRENGTH = 1.0
"""Of the probe that becomes the head. Features that were drawn together need no weaker one."""
_TOGETHER = 2
"""Texts of one label that stay in one batch: without, a batch of many labels would hold no two of a kind."""


def _learning_rate(_kind: Kind, _hidden_size: int) -> tuple[float, str]:
    return 2e-5, "method contrastive, as SetFit"


CONTRASTIVE = Method(
    name="contrastive",
    bases=("encoder",),
    levels=("text",),
    only=("classify",),
    trains_encoder=True,
    learning_rate=_learning_rate,
    batch_examples=BATCH_EXAMPLES,
    num_passes=PASSES,
    most_steps=MOST_STEPS,
    has_fitted_head=True,
)


def pair_loss(features: Tensor, targets: Tensor) -> Tensor:
    """How far the cosines of all pairs of texts are from 1 within a label and from 0 between two.

    `features` (texts, width) of length one, `targets` (texts,) positions of labels. The mean squared distance of either
    kind of pair counts one half, however many there are: the cosine loss of SetFit (Tunstall et al. 2022,
    arXiv 2209.11055), over all pairs of a batch in place of drawn ones. 0 where there is no pair.

    >>> import torch
    >>> float(pair_loss(torch.eye(2)[[0, 0, 1]], torch.tensor([0, 0, 1])))
    0.0
    """
    cosines = features @ features.T
    is_alike = targets[:, None] == targets[None, :]
    is_pair = is_alike.new_ones(is_alike.shape).triu(1)
    alike, apart = cosines[is_alike & is_pair], cosines[~is_alike & is_pair]
    near = (1.0 - alike).square().mean() if len(alike) else cosines.sum() * 0.0
    far = apart.square().mean() if len(apart) else cosines.sum() * 0.0
    return (near + far) / 2


def paired_batches(targets: Sequence[int], batch_examples: int, seed: int, epoch: int) -> list[list[int]]:
    """Positions of the texts of each step of an epoch, every text once, batches as equal in size as can be.

    Texts of one label come in twos, so that there are such pairs even where labels are many.
    """
    generator = np.random.default_rng((seed, epoch))
    by_label: dict[int, list[int]] = {}
    for position in generator.permutation(len(targets)):
        by_label.setdefault(int(targets[int(position)]), []).append(int(position))
    units = [some[k : k + _TOGETHER] for some in by_label.values() for k in range(0, len(some), _TOGETHER)]
    order = [position for k in generator.permutation(len(units)) for position in units[int(k)]]
    num_batches = -(-len(order) // batch_examples)
    return [batch.tolist() for batch in np.array_split(np.array(order), num_batches)]
